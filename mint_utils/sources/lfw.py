"""Labeled Faces in the Wild (Huang et al. 2007), from disk or downloaded by scikit-learn."""

import shutil
from functools import cached_property
from pathlib import Path

import numpy as np

from mint_utils import locations
from mint_utils.sources.folders import FolderSource

DOWNLOAD = locations.RAW / "lfw_download"
DOWNLOADED = DOWNLOAD / "lfw_home" / "lfw_funneled"
# The original 250x250 pictures show head and shoulders; this square is the face.
FUNNELED_FACE = (slice(65, 190), slice(62, 187))

HOW_TO_GET_IT = (
    "LFW is not here and could not be downloaded ({reason}). Put its person folders under "
    "data/raw/lfw (data/raw/lfw/Aaron_Eckhart/Aaron_Eckhart_0001.jpg), or set MINT_DATA to a "
    "folder that holds lfw/, or run once with a network connection. See data/README.md."
)


class LfwSource(FolderSource):
    """The LFW person folders: ``lfw/PERSON`` or ``lfw/images/PERSON``.

    Where neither exists it is downloaded once into data/raw/lfw_download; without a network the
    error says how to get it.
    """

    @cached_property
    def root(self) -> Path:
        return self._on_disk() or self._downloaded()

    def is_here(self) -> bool:
        return self._on_disk() is not None

    def _on_disk(self) -> Path | None:
        try:
            found = locations.find(self.spec.path, "LFW")
        except FileNotFoundError:
            return DOWNLOADED if DOWNLOADED.is_dir() else None
        return found / "images" if (found / "images").is_dir() else found

    def _downloaded(self) -> Path:
        from sklearn.datasets import fetch_lfw_people  # slow to import, rarely needed

        try:
            # scikit-learn fetches and checks the funneled archive; its person folders are what
            # we read, its array of grey crops is not used.
            fetch_lfw_people(data_home=DOWNLOAD, funneled=True, min_faces_per_person=500)
        except Exception as error:  # any network failure ends in the same advice
            shutil.rmtree(DOWNLOAD, ignore_errors=True)  # half a download must not pass for LFW
            raise FileNotFoundError(HOW_TO_GET_IT.format(reason=error)) from error
        return DOWNLOADED

    def crop(self, image_id: str, image: np.ndarray) -> np.ndarray:
        if image.shape[:2] == (250, 250) and not self.align:  # MTCNN finds the face better itself
            return image[FUNNELED_FACE]
        return image
