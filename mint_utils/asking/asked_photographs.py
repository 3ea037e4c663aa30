"""Photographs that somebody asks about: faces found, cropped as the run's, one person chosen.

Nothing is written: crops are held in memory while the run is asked.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from mint_utils.activations.extract import embeddings
from mint_utils.alignment import all_landmarks, similarity, warped
from mint_utils.asking.asked_images import Asked, as_queries, listed_in
from mint_utils.asking.calibrate_faces import CalibrateFaces
from mint_utils.asking.photographs import opened
from mint_utils.asking.whose_face import in_most_photographs, of_reference
from mint_utils.audited import AuditedModel
from mint_utils.hygiene import inspect
from mint_utils.sources import UnreadableImage

ONLY, MOST, NEAREST, LARGEST = (
    "the only face", "of the person in most photographs", "nearest to the reference",
    "the largest face",
)  # fmt: skip


class Crops:
    """A source of faces held in memory, by name."""

    def __init__(self, crops: dict[str, np.ndarray]):
        self.crops = crops

    def read(self, image_id: str) -> np.ndarray:
        return self.crops[image_id]


def asked_photographs(
    folder: Path,
    calibrate: CalibrateFaces,
    model: AuditedModel,
    one_person: bool = False,
    reference: Path | None = None,
) -> Asked:
    """One face of every photograph under ``folder``, cropped as the calibrate faces are.

    With ``one_person`` that of the person who is in most photographs, with ``reference`` that of
    the person whom another photograph shows; photographs without that person are skipped. Else a
    photograph's only face, and of several that of the person in most photographs or the largest.
    Raises NotADirectoryError if there is no folder, ValueError if nothing can be asked about.
    """
    listed = listed_in(folder)
    skipped, crops, rows = dict(listed.skipped), [], []
    for name, file in tqdm(listed.files.items(), desc="finding faces", unit="photograph", delay=2):
        try:
            faces = faces_in(opened(file), calibrate)
        except UnreadableImage as error:
            skipped[name] = str(error)
            continue
        if not faces:
            skipped[name] = "shows no face that can be found"
        crops += [crop for crop, _ in faces]
        rows += [{"image_id": name, "faces": len(faces), "face_pixels": size} for _, size in faces]
    if not rows:
        name, why = next(iter(skipped.items()))
        raise ValueError(f"none of {len(listed.files)} photographs shows a face: {name} {why}")
    found = pd.DataFrame(rows)
    found["chosen"] = _chosen(found, crops, calibrate, model, one_person, reference)
    kept = found["chosen"].notna()
    for name in found.loc[~found["image_id"].isin(found.loc[kept, "image_id"]), "image_id"]:
        skipped[name] = "the person is not found in it"
    found = found[kept]
    source = Crops({found["image_id"][row]: crops[row] for row in found.index})
    return Asked(
        faces=inspect(as_queries(found["image_id"].tolist(), source)).faces,
        found=found.reset_index(drop=True),
        skipped=pd.DataFrame(sorted(skipped.items()), columns=["image_id", "why"]),
        others=listed.others,
    )


def faces_in(image: np.ndarray, calibrate: CalibrateFaces) -> list[tuple[np.ndarray, float]]:
    """Every face of a photograph, the largest first: the crop, and its side in the photograph."""
    found = []
    for points in all_landmarks(image)[0]:
        matrix = similarity(points, calibrate.template)
        scale = np.sqrt(np.linalg.det(matrix[:, :2]))
        found.append((warped(image, matrix, calibrate.side), float(calibrate.side / scale)))
    return found


def _chosen(
    found: pd.DataFrame, crops: list, calibrate: CalibrateFaces, model: AuditedModel,
    one_person: bool, reference: Path | None,
) -> list[str | None]:  # fmt: skip
    """For each face why it is scored, None if it is not; one a photograph at most."""
    photograph = found.groupby("image_id", sort=False).ngroup().to_numpy()
    first = ~found["image_id"].duplicated().to_numpy()
    if reference is None and (photograph.max() == 0 or (first.all() and not one_person)):
        return _said(found, first, LARGEST)
    faces = dict(enumerate([*crops, *_reference_face(reference, calibrate)]))
    embedded = embeddings(model, as_queries(list(faces), Crops(faces)))
    same = calibrate.same_person(model)
    if reference is not None:
        near = of_reference(embedded[:-1], photograph, embedded[-1], same)
        if not near.any():
            raise ValueError(
                f"the person of {reference} is in none of {photograph.max() + 1} photographs with "
                "a face: name a clearer photograph, or ask with --one-person"
            )
        return [NEAREST if face else None for face in near]
    person = in_most_photographs(embedded, photograph, same)
    if one_person:
        if not person.any():
            raise ValueError(
                f"no person is recognised in two of {photograph.max() + 1} photographs: name a "
                "photograph of the person with --reference"
            )
        return _said(found, person, MOST)
    return _of_each(found, photograph, first, person)


def _said(found: pd.DataFrame, taken: np.ndarray, why: str) -> list[str | None]:
    only = (found["faces"] == 1).to_numpy()
    reasons = zip(taken, only, strict=True)
    return [(ONLY if alone else why) if face else None for face, alone in reasons]


def _of_each(found: pd.DataFrame, photograph, first, person) -> list[str | None]:
    """The person's face where a photograph shows several and that one, else the largest."""
    with_person = np.isin(photograph, photograph[person]) & (found["faces"] > 1).to_numpy()
    taken = np.where(with_person, person, first)
    why = np.where(found["faces"] == 1, ONLY, np.where(with_person, MOST, LARGEST))
    return [reason if face else None for face, reason in zip(taken, why.tolist(), strict=True)]


def _reference_face(reference: Path | None, calibrate: CalibrateFaces) -> list[np.ndarray]:
    """The largest face of the reference; [] without one. Raises ValueError if it shows none."""
    if reference is None:
        return []
    if not reference.is_file():
        raise FileNotFoundError(f"no file {reference}: --reference names one photograph")
    try:
        faces = faces_in(opened(reference), calibrate)
    except UnreadableImage as error:
        raise ValueError(f"{reference} {error}: name another reference") from error
    if not faces:
        raise ValueError(f"{reference} shows no face that can be found: name another reference")
    return [faces[0][0]]
