"""Aligned images that somebody asks about: read as the run's own, refused where it used them.

Photographs that have to be cropped first are the business of asked_photographs.py.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mint_utils.asking.calibrate_faces import CalibrateFaces
from mint_utils.asking.photographs import (
    HEIC,
    PHOTOGRAPH_ENDINGS,
    PhotographFolder,
    opened,
    photographs_in,
)
from mint_utils.chance import chance
from mint_utils.faces import COLUMNS, FaceSet
from mint_utils.hygiene import inspect
from mint_utils.near_duplicates import near_duplicates
from mint_utils.scenario import Scenario
from mint_utils.sources import SOURCES, Source, UnreadableImage
from mint_utils.sources.folders import FolderSource

SAMPLE = 12  # pictures by which it is told whether a folder holds aligned images or photographs
USED = {  # split -> what the run did with it, so that it cannot answer about it
    "fit": "the run's methods were fitted or chosen on this person",
    "calibrate": "the run ranks others among this person's scores",
}


@dataclass(frozen=True)
class Asked:
    """Faces that are scored, and what became of the other files in their folder.

    ``faces`` are in the role ``query`` with digests, a row a picture, ids as photographs.py names
    files. ``found`` has a row a face: ``image_id``, ``faces`` (how many its picture shows),
    ``chosen`` (why this one) and ``face_pixels`` (the crop's side in the picture).
    ``skipped`` has image_id and why, ``others`` counts files that are no pictures.
    """

    faces: FaceSet
    found: pd.DataFrame
    skipped: pd.DataFrame
    others: int


def asked_images(folder: Path, scenario: Scenario) -> Asked:
    """Every image under ``folder``, subfolders too, taken as it is.

    Raises NotADirectoryError if there is no folder, ValueError if no image in it can be read.
    """
    listed = listed_in(folder)
    inspected = inspect(as_queries(list(listed.files), _source(folder, listed.files, scenario)))
    faces, skipped = inspected.faces, inspected.skipped
    skipped["why"] = [
        why.removeprefix(f"{name}: ")
        for name, why in zip(skipped["image_id"], skipped["why"], strict=True)
    ]
    links = pd.DataFrame(listed.skipped.items(), columns=["image_id", "why"])
    found = faces.table[["image_id"]].assign(faces=1, chosen="as it is")
    found["face_pixels"] = [float(min(faces.read(row).shape[:2])) for row in range(len(faces))]
    return Asked(faces, found, pd.concat([skipped, links], ignore_index=True), listed.others)


def listed_in(folder: Path) -> PhotographFolder:
    """The pictures under ``folder``, or an error that says what to do where there is none."""
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is no folder: name one that holds images")
    listed = photographs_in(folder)
    if not listed.files:
        endings = ", ".join(sorted(PHOTOGRAPH_ENDINGS))
        raise ValueError(f"no images in {folder} or its subfolders: expected {endings} files")
    return listed


def as_queries(image_ids: list[str], source: Source) -> FaceSet:
    """Images of a source as a face set: one person, role and split, all called ``query``."""
    asked = dict.fromkeys(("identity", "source", "role", "split"), "query")
    table = pd.DataFrame({"image_id": image_ids}).assign(**asked, set_aside=False)
    return FaceSet(table[[*COLUMNS, "set_aside"]], {"query": source})


def holds_photographs(folder: Path, scenario: Scenario, calibrate: CalibrateFaces) -> bool:
    """Whether most pictures under ``folder`` have to be cropped before the run can be asked.

    Of SAMPLE pictures drawn by chance, those in which no face is found are not counted.
    """
    files, crops = listed_in(folder).files, []
    source = _source(folder, files, scenario)
    for name in sorted(files, key=lambda name: chance(0, "sample", name))[:SAMPLE]:
        try:
            is_crop = files[name].suffix.lower() not in HEIC
            crops.append(is_crop and calibrate.is_such_a_crop(source.read(name)))
        except UnreadableImage:
            continue
    return sum(crop is False for crop in crops) > sum(crop is True for crop in crops)


def _source(folder: Path, listed: dict[str, Path], scenario: Scenario) -> Source:
    """Reads a file as the run's first source of folders does, which may crop it (LFW)."""
    kinds = [SOURCES[spec.kind] for spec in scenario.faces]
    files = next((kind for kind in kinds if issubclass(kind, FolderSource)), FolderSource)

    class QuerySource(files):
        root, group, align = folder, "", False

        def __init__(self):
            pass

        def read(self, image_id: str) -> np.ndarray:
            try:
                return self.crop(image_id, opened(listed[image_id]))
            except UnreadableImage as error:
                raise UnreadableImage(f"{image_id}: {error}") from error

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
