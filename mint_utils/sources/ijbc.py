"""IJB-C (Maze et al. 2018), as NIST gives it out or as InsightFace does.

NIST: ``protocols/ijbc_metadata.csv`` has a row for each face, with its box in the picture.
InsightFace: ``meta/ijbc_name_5pts_score.txt`` has the five points of each picture of
``loose_crop/``, ``meta/ijbc_face_tid_mid.txt`` its template, and the galleries and probes
(``ijbc_1N_*.csv``) whose template it is.
"""

from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from mint_utils.alignment import TEMPLATE, similarity, warped
from mint_utils.sources.files import FileSource, refuse_outside

NIST = "protocols/ijbc_metadata.csv"
BOX = ["FACE_X", "FACE_Y", "FACE_WIDTH", "FACE_HEIGHT"]
POINTS, TEMPLATES = "meta/ijbc_name_5pts_score.txt", "meta/ijbc_face_tid_mid.txt"
SUBJECTS = "meta/ijbc_1N_*.csv"


class IjbcSource(FileSource):
    """Subjects are called by their number. Faces whose subject or place is unknown are left out."""

    what = "the IJB-C folder"

    def is_here(self) -> bool:
        try:
            return bool(self.lists())
        except FileNotFoundError:
            return False

    def lists(self) -> list[Path]:
        """The tables of the layout that is here. Raises FileNotFoundError that names both."""
        root = self.root
        if (root / NIST).is_file():
            return [root / NIST]
        subjects = sorted(root.glob(SUBJECTS))
        if (root / POINTS).is_file() and (root / TEMPLATES).is_file() and subjects:
            return [root / POINTS, root / TEMPLATES, *subjects]
        raise FileNotFoundError(
            f"{root} holds neither {NIST} with images/ (NIST's release) nor {POINTS}, {TEMPLATES}, "
            f"{SUBJECTS} with loose_crop/ (InsightFace's). data/README.md says how to get IJB-C."
        )

    @cached_property
    def _faces(self) -> pd.DataFrame:
        """A row a face, by its id: identity, path, and BOX or ten coordinates of landmarks."""
        tables = self.lists()
        faces = _by_box(tables[0]) if len(tables) == 1 else _by_landmarks(*tables)
        faces = faces.dropna().drop_duplicates(["identity", "path"], ignore_index=True)
        if faces.empty:
            raise ValueError(f"{tables[0]} has no face whose subject and place are known")
        refuse_outside(tables[0], faces["path"])
        name = faces["path"].str.partition("/")[2]  # without images/ or loose_crop/
        return faces.set_index(f"{self.group}/" + faces["identity"] + "/" + name)

    def listed(self) -> pd.DataFrame:
        return self._faces["identity"].rename_axis("image_id").reset_index()

    def file_of(self, image_id: str) -> Path:
        return self.root / self._faces.at[image_id, "path"]

    def crop(self, image_id: str, image: np.ndarray) -> np.ndarray:
        place = self._faces.loc[image_id].drop(["identity", "path"]).to_numpy(float)
        if len(place) == len(BOX):
            return _square(image, place, self.spec.margin)
        return warped(image, similarity(place.reshape(5, 2), TEMPLATE))


def _by_box(metadata: Path) -> pd.DataFrame:
    table = _table(metadata, ["SUBJECT_ID", "FILENAME", *BOX])
    table["path"] = "images/" + table.pop("FILENAME").str.lstrip("/")
    return table.rename(columns={"SUBJECT_ID": "identity"})


def _by_landmarks(points: Path, templates: Path, *subjects: Path) -> pd.DataFrame:
    faces = _lines(points, ["name", *(f"{axis}{n}" for n in range(5) for axis in "xy"), "score"])
    template = _lines(templates, ["name", "TEMPLATE_ID", "media"]).drop_duplicates("name")
    columns = ["TEMPLATE_ID", "SUBJECT_ID"]
    subject = pd.concat([_table(file, columns) for file in subjects]).drop_duplicates("TEMPLATE_ID")
    whose = subject.set_index("TEMPLATE_ID")["SUBJECT_ID"]
    faces["identity"] = faces["name"].map(template.set_index("name")["TEMPLATE_ID"]).map(whose)
    faces["path"] = "loose_crop/" + faces["name"]
    return faces.drop(columns=["name", "score"])


def _table(file: Path, columns: list[str]) -> pd.DataFrame:
    """Some columns of a CSV file of NIST's. Raises ValueError that names what is missing."""
    try:
        table = pd.read_csv(file, low_memory=False).rename(columns=str.strip)
        table = table[columns].copy()
        number = pd.to_numeric(table["SUBJECT_ID"]).astype("Int64")
    except (KeyError, ValueError, TypeError) as error:
        words = f"{file} is no table of IJB-C with {', '.join(columns)}: {error}"
        raise ValueError(words) from error
    table["SUBJECT_ID"] = number.astype("string").astype(object)
    return table


def _lines(file: Path, columns: list[str]) -> pd.DataFrame:
    """A file of InsightFace's, a name and numbers with one blank between."""
    try:
        table = pd.read_csv(file, sep=" ", header=None, index_col=False)
        kinds = dict.fromkeys(columns, float) | {"name": str}
        return table.set_axis(columns, axis=1).astype(kinds)
    except ValueError as error:
        words = f"{file} has no lines of {len(columns)} values ({', '.join(columns)}): {error}"
        raise ValueError(words) from error


def _square(image: np.ndarray, box: np.ndarray, margin: float) -> np.ndarray:
    """The square around a box (left, top, width, height) with a margin; black beyond the image."""
    left, top, width, height = box
    half = max(width, height) * (0.5 + margin)
    beyond = left >= image.shape[1] or top >= image.shape[0]
    if not half >= 1 or beyond or left + width <= 0 or top + height <= 0:
        raise ValueError(f"the face box {box.tolist()} is not in the picture")
    x, y = left + width / 2, top + height / 2
    corners = tuple(round(edge) for edge in (x - half, y - half, x + half, y + half))
    return np.asarray(Image.fromarray(image).crop(corners))
