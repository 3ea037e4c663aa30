"""Photographs of persons who do not exist, as a phone would take them, for notebook 09."""

import shutil
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image

from mint_utils.asking.finished_run import FinishedRun
from mint_utils.faces import FaceSet
from mint_utils.scenario import SyntheticFaces
from mint_utils.sources import SyntheticSource, open_sources
from mint_utils.sources.files import UPRIGHT

SIZE = (1200, 900)  # pixels of a photograph
HELD = (1, 3, 6, 8)  # EXIF orientations: how a phone was held
PHOTOGRAPHS = 6  # of each person
NOBODY = 1_000_000  # number of the first person who is in no run
MIRROR = {6: 8, 8: 6}  # what undoes a quarter turn


def drawn_photographs(run: FinishedRun, folder: Path) -> Path:
    """Write ``folder``/member and /stranger: photographs of two test persons; returns ``folder``.

    The first is a person on whose drawn faces the run's model was trained; every third photograph
    shows somebody else as well. What was in ``folder`` goes. Raises ValueError if the run's faces
    are not drawn: photographs of real persons are copied nowhere.

    Taught in notebook 09.
    """
    if any(spec.kind != "synthetic" for spec in run.scenario.faces):
        raise ValueError(
            f"{run.scenario.name} is about real persons, who are not drawn: set `mine` to a "
            "folder of your own"
        )
    shutil.rmtree(folder, ignore_errors=True)
    test = run.faces[run.faces["split"] == "test"].reset_index(drop=True)
    faces = FaceSet(test, open_sources(run.scenario))
    externals = test.loc[test["role"] == "external", "identity"].unique()
    members = test.loc[test["role"] == "member", "identity"].unique()
    for name, person, role in (
        ("member", members[0], "member"),
        ("stranger", externals[0], "external"),
    ):
        shown = test.index[(test["identity"] == person) & (test["role"] == role)][:PHOTOGRAPHS]
        for number, row in enumerate(shown):
            rng = np.random.default_rng([run.scenario.seed, row])
            others = test.index[test["identity"] == externals[1 + number % (len(externals) - 1)]]
            beside = [faces.read(others[0])] if number % 3 == 2 else []
            place = folder / name / f"IMG_{number:04d}.jpg"
            write_photograph([faces.read(row), *beside], place, rng)
    return folder


def drawn_strangers(run: FinishedRun, folder: Path, persons: int = 20) -> Path:
    """Write ``folder``/PERSON: two photographs each of drawn persons who are in no run.

    Returns ``folder``; what was in it goes.

    Taught in notebook 09.
    """
    shutil.rmtree(folder, ignore_errors=True)
    spec = SyntheticFaces(kind="synthetic", first=NOBODY, persons=persons, images=2)
    source = SyntheticSource(spec, run.scenario.seed)
    for number, row in enumerate(source.images().itertuples()):
        place = folder / row.identity / f"IMG_{number % 2:04d}.jpg"
        write_photograph([source.read(row.image_id)], place, np.random.default_rng(number))
    return folder


def write_photograph(faces: list[np.ndarray], file: Path, rng: np.random.Generator) -> None:
    """Faces side by side, each turned a little, on a plain wall; JPEG, as a held phone stores it.

    ``faces`` are uint8 (height, width, 3), RGB. The first is the largest.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    wall = rng.integers(90, 200, 3) + rng.normal(0, 4, (*SIZE[::-1], 3))
    photograph = Image.fromarray(np.clip(wall, 0, 255).astype(np.uint8))
    for number, face in enumerate(faces):
        side = int(rng.integers(260, 340)) if number == 0 else int(rng.integers(170, 220))
        small = Image.fromarray(face).convert("RGBA").resize((side, side), Image.Resampling.BICUBIC)
        turned = small.rotate(rng.uniform(-12, 12), Image.Resampling.BICUBIC, expand=True)
        left = 60 + number * SIZE[0] // 2 + int(rng.integers(0, 120))
        photograph.paste(turned, (left, int(rng.integers(60, 400))), turned)
    exif, held = Image.Exif(), int(rng.choice(HELD))
    exif[ExifTags.Base.Orientation] = held
    move = UPRIGHT.get(MIRROR.get(held, held))
    stored = photograph if move is None else photograph.transpose(move)
    stored.save(file, quality=88, exif=exif)
