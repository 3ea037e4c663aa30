"""Images that somebody asks about: read as the run's own were, refused where the run used them."""

from pathlib import Path

import numpy as np
import pandas as pd

from mint_utils.faces import COLUMNS, FaceSet
from mint_utils.hygiene import Inspection, inspect
from mint_utils.near_duplicates import near_duplicates
from mint_utils.scenario import Scenario
from mint_utils.sources import SOURCES, Source
from mint_utils.sources.folders import HIDDEN, IMAGE_ENDINGS, FolderSource

USED = {  # split -> what the run did with it, so that it cannot answer about it
    "fit": "the run's methods were fitted or chosen on this person",
    "calibrate": "the run's p-values rank among this person's scores",
}


def asked_images(folder: Path, scenario: Scenario) -> Inspection:
    """Every image under ``folder``, subfolders too, in the role ``query``; ids are paths in it.

    Raises NotADirectoryError if there is no folder, ValueError if no image in it can be read.
    """
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is no folder: name one that holds aligned images")
    source = _source(folder.resolve(), scenario)
    table = source.images()
    if table.empty:
        endings = ", ".join(sorted(IMAGE_ENDINGS))
        raise ValueError(f"no images in {folder} or its subfolders: expected {endings} files")
    asked = {"identity": "query", "source": "query", "role": "query", "split": "query"}
    table = table.assign(**asked, set_aside=False)[[*COLUMNS, "set_aside"]]
    return inspect(FaceSet(table, {"query": source}))


def _source(folder: Path, scenario: Scenario) -> Source:
    """Reads a file as the run's first source of folders does, which may crop it (LFW).

    Faces are found and aligned if those of any source of the run were.
    """
    kinds = [SOURCES[spec.kind] for spec in scenario.faces]
    files = next((kind for kind in kinds if issubclass(kind, FolderSource)), FolderSource)

    class QuerySource(files):
        root, group = folder, ""
        align = any(getattr(spec, "align", False) for spec in scenario.faces)

        def __init__(self):
            pass

        def images(self) -> pd.DataFrame:
            paths = (file.relative_to(folder) for file in sorted(folder.rglob("*")))
            found = [
                path.as_posix()
                for path in paths
                if path.suffix.lower() in IMAGE_ENDINGS
                and not any(part.startswith(HIDDEN) for part in path.parts)
                and (folder / path).is_file()
            ]
            return pd.DataFrame({"image_id": found})

    return QuerySource()


def refuse_used(asked: pd.DataFrame, known: pd.DataFrame, folder: Path) -> None:
    """Raise ValueError, naming both, if an asked image or person was in fit or calibrate.

    ``asked`` is the table of :func:`asked_images`, ``known`` that of known_images.py. Persons are
    told by the name of their folder, images by their pixels and, where ``known`` has the
    perceptual hash, by their look.
    """
    used = known[known["split"].isin(list(USED))]
    split_of = dict(zip(used["identity"], used["split"], strict=True))
    for image_id in asked["image_id"]:
        for name in (folder.resolve().name, *Path(image_id).parent.parts):
            if name in split_of:
                raise ValueError(
                    f"{folder / image_id}: a person called {name} was in {split_of[name]} of this "
                    f"run and cannot be asked about: {USED[split_of[name]]}. Leave that folder "
                    "out; if it shows somebody else, rename it."
                )
    same = asked.merge(used, on="digest", suffixes=("", "_used"))
    if len(same):
        _refuse(same.iloc[0], "has the pixels of", folder)
    if "perceptual" in used:
        alike = _alike(asked, used)
        if len(alike):
            _refuse(alike.iloc[0], "looks the same as", folder)


def _refuse(image: pd.Series, how: str, folder: Path) -> None:
    raise ValueError(
        f"{folder / image['image_id']} {how} {image['image_id_used']}, an image of "
        f"{image['identity_used']}, who was in {image['split_used']} of this run and cannot be "
        f"asked about: {USED[image['split_used']]}. Leave this person's images out."
    )


def _alike(asked: pd.DataFrame, used: pd.DataFrame) -> pd.DataFrame:
    """Asked images that look the same as a used one, with that one's columns as ``*_used``."""
    both = pd.concat([used.assign(role="used"), asked], ignore_index=True)
    pairs = near_duplicates(both)
    pairs = pairs[(pairs["role"] == "query") & (pairs["same_as_role"] == "used")]
    pairs = pairs.rename(columns={"same_as": "image_id_used"})[["image_id", "image_id_used"]]
    columns = used[["image_id", "identity", "split"]].add_suffix("_used")
    return pairs.merge(columns, on="image_id_used")


def counted(asked: pd.DataFrame) -> np.ndarray:
    """bool (n,): images that are no copy of an earlier one, by pixels or by look.

    A photo that is there twice would pass for two witnesses, and for a very similar album.
    """
    copies = near_duplicates(asked)["image_id"]
    return (~asked["digest"].duplicated() & ~asked["image_id"].isin(copies)).to_numpy()


def shown_by_test(asked: pd.DataFrame, known: pd.DataFrame, folder: Path) -> int:
    """How many of the asked images show a test person, as far as names and pixels tell."""
    test = known[known["split"] == "test"]
    persons = set(test["identity"])
    named = [
        bool(persons & {folder.resolve().name, *Path(image_id).parent.parts})
        for image_id in asked["image_id"]
    ]
    return int((np.array(named) | asked["digest"].isin(test["digest"])).sum())
