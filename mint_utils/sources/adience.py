"""Adience (Eidinger et al. 2014): faces of Flickr albums, listed in five fold files.

``fold_0_data.txt`` to ``fold_4_data.txt`` are tables with tabs; a row's crop is
``faces/USER/coarse_tilt_aligned_face.FACE.NAME``, or under ``aligned/`` the same with
``landmark_aligned_face``.
"""

from pathlib import Path

import pandas as pd

from mint_utils.sources.files import FileSource, refuse_outside

PREFIX = {"faces": "coarse_tilt_aligned_face", "aligned": "landmark_aligned_face"}
COLUMNS = ["user_id", "original_image", "face_id"]


class AdienceSource(FileSource):
    """A person is one face of one album, USER_FACE: albums are not compared with each other."""

    what = "the Adience folder"

    def is_here(self) -> bool:
        return super().is_here() and bool(self._folds()) and (self.root / self.spec.faces).is_dir()

    def lists(self) -> list[Path]:
        """The fold files. Raises FileNotFoundError that says what else has to lie there."""
        folds = self._folds()
        missing = [] if folds else ["fold_0_data.txt to fold_4_data.txt"]
        if not (self.root / self.spec.faces).is_dir():
            missing.append(f"the folder {self.spec.faces}/ (from {self.spec.faces}.tar.gz)")
        if missing:
            raise FileNotFoundError(
                f"{self.root} lacks {' and '.join(missing)}: unpack Adience there. "
                "data/README.md says how to get it."
            )
        return folds

    def _folds(self) -> list[Path]:
        return sorted(self.root.glob("fold_[0-9]_data.txt"))  # fold_frontal_* repeat some of these

    def listed(self) -> pd.DataFrame:
        table = pd.concat([_fold(file) for file in self.lists()], ignore_index=True)
        prefix = f"{self.group}/{self.spec.faces}/"
        crop = f"/{PREFIX[self.spec.faces]}." + table["face_id"] + "." + table["original_image"]
        table["image_id"] = prefix + table["user_id"] + crop
        table["identity"] = table["user_id"] + "_" + table["face_id"]
        return table[["image_id", "identity"]].drop_duplicates("image_id", ignore_index=True)


def _fold(file: Path) -> pd.DataFrame:
    """COLUMNS of one fold file, as text. Raises ValueError if it is none."""
    try:
        table = pd.read_csv(file, sep="\t", dtype=str, keep_default_na=False, index_col=False)
    except ValueError as error:
        raise ValueError(f"{file} is no table with tabs: {error}") from error
    missing = [column for column in COLUMNS if column not in table]
    if missing:
        raise ValueError(
            f"{file} has no column {missing[0]!r} but {', '.join(map(str, table.columns[:5]))}: "
            f"expected Adience's own file, with {', '.join(COLUMNS)} and a tab between columns"
        )
    table = table[COLUMNS]
    blank = (table.isna() | (table == "")).any(axis=1)
    if blank.any():
        row = int(blank.to_numpy().argmax()) + 1
        raise ValueError(f"{file}: row {row} of {len(table)} lacks one of {', '.join(COLUMNS)}")
    refuse_outside(file, table["user_id"] + "/" + table["original_image"])
    return table
