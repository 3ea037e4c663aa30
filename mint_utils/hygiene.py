"""What is wrong with a set of faces before any audit: unreadable, twice there, no faces at all.

What look-alikes and unlike sides there are, near_duplicates.py and parity.py say; nothing of that
stops an audit, so its report has to say it.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import pandas as pd
from tqdm import tqdm

from mint_utils.face_boxes import face_boxes
from mint_utils.faces import FaceSet
from mint_utils.near_duplicates import near_duplicate_warnings, perceptual_hash
from mint_utils.parity import parity_warnings
from mint_utils.scenario import Scenario
from mint_utils.sources import UnreadableImage


@dataclass(frozen=True)
class Inspection:
    """What one pass over all images found.

    ``faces`` has the readable images, with columns ``digest`` (SHA-256 of the pixels) and
    ``perceptual`` (what near_duplicates compares); ``skipped`` (image_id, why) the others;
    ``duplicates`` (image_id, role, same_as, same_as_role) the images whose pixels an earlier image
    has too.
    """

    faces: FaceSet
    skipped: pd.DataFrame
    duplicates: pd.DataFrame


def inspect(faces: FaceSet) -> Inspection:
    """Read every image once; skip and list what cannot be decoded, find what is there twice.

    Raises ValueError if nothing can be read, or if one image is on both sides of the audit.

    Taught in notebook 01.
    """
    digests, perceptual, skipped = [], [], []
    for row in tqdm(range(len(faces)), desc="reading faces", unit="image"):
        try:
            image = faces.read(row)
            digests.append(hashlib.sha256(repr(image.shape).encode() + image.tobytes()).hexdigest())
            perceptual.append(perceptual_hash(image))
        except UnreadableImage as error:
            digests.append(None)
            perceptual.append(None)
            skipped.append({"image_id": faces.table["image_id"][row], "why": str(error)})
    if len(skipped) == len(faces):
        raise ValueError(f"none of {len(faces)} images can be read; the first: {skipped[0]['why']}")
    checked = FaceSet(faces.table.assign(digest=digests, perceptual=perceptual), faces.sources)
    orphans = _without_members(checked.table)
    why = "held out of a person none of whose member images can be read"
    skipped += [{"image_id": i, "why": why} for i in checked.table.loc[orphans, "image_id"]]
    checked = checked.where(checked.table["digest"].notna() & ~orphans)
    duplicates = _duplicates(checked.table)
    _refuse_images_on_both_sides(duplicates)
    return Inspection(checked, pd.DataFrame(skipped, columns=["image_id", "why"]), duplicates)


def _without_members(table: pd.DataFrame) -> pd.Series:
    """Readable held_out images of persons who lost all their member images: not trained on."""
    member = table["role"] == "member"
    had = set(table.loc[member, "identity"])
    have = set(table.loc[member & table["digest"].notna(), "identity"])
    lost = table["identity"].isin(had - have) & (table["role"] == "held_out")
    return lost & table["digest"].notna()


def _duplicates(table: pd.DataFrame) -> pd.DataFrame:
    first = table.drop_duplicates("digest").set_index("digest")
    again = table[table.duplicated("digest")]
    original = first.loc[again["digest"]]
    return pd.DataFrame(
        {
            "image_id": again["image_id"].to_numpy(),
            "role": again["role"].to_numpy(),
            "same_as": original["image_id"].to_numpy(),
            "same_as_role": original["role"].to_numpy(),
        }
    )


def _refuse_images_on_both_sides(duplicates: pd.DataFrame) -> None:
    both = duplicates[duplicates["role"] != duplicates["same_as_role"]]
    if len(both):
        first = both.iloc[0]
        raise ValueError(
            f"{len(both)} images are on both sides; the first: {first['image_id']} "
            f"({first['role']}) has the pixels of {first['same_as']} ({first['same_as_role']}). "
            "Remove one of each pair, or name the person in roles.exclude: no detector can be "
            "right about both."
        )


def faces_found(faces: FaceSet, scenario: Scenario) -> pd.DataFrame:
    """Part of the images of each source of photographs in which MTCNN finds a face.

    Columns ``source`` and ``with_a_face``; drawn faces are not asked about. Raises ValueError if a
    source shows no face at all.

    Taught in notebook 01.
    """
    photographed = [s.group or s.kind for s in scenario.faces if s.kind != "synthetic"]
    shares = [share_with_a_face(faces.where(faces.table["source"] == g)) for g in photographed]
    return pd.DataFrame({"source": photographed, "with_a_face": shares})


def share_with_a_face(faces: FaceSet, sample: int = 24, seed: int = 0) -> float:
    """Part of a random sample of images in which MTCNN (arXiv 1604.02878) finds a face.

    Raises ValueError if none is found, because then this is not a folder of faces.
    """
    if not len(faces):
        raise ValueError(
            "no images of a source are left: lower roles.min_images, check roles.exclude"
        )
    rows = np.random.default_rng(seed).choice(len(faces), min(sample, len(faces)), replace=False)
    looked_at = tqdm(rows, desc="looking for faces", unit="image")
    found = ~np.isnan(face_boxes(faces.read(row) for row in looked_at)[:, 0])
    if not found.any():
        raise ValueError(
            f"MTCNN found no face in any of {len(rows)} sampled images, such as "
            f"{faces.table['image_id'][rows[0]]}: is this a folder of faces?"
        )
    return float(found.mean())


def hygiene_warnings(near_duplicates: pd.DataFrame, parity: pd.DataFrame) -> list[str]:
    """What a report must say of its faces, from the tables that notebook 01 saved; [] if nothing.

    ``near_duplicates`` is that of near_duplicates.py and ``parity`` that of parity.py, as they come
    back from a CSV file; either may be empty.

    Taught in notebook 01.
    """
    return near_duplicate_warnings(near_duplicates) + parity_warnings(parity)
