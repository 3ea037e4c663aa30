"""Image files: found by id, opened upright and in RGB, cropped, aligned where that is asked for."""

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import ExifTags, Image

from mint_utils import locations
from mint_utils.alignment import NoFaceFound, aligned_once
from mint_utils.scenario import PhotographFaces
from mint_utils.sources.draw import drawn_persons
from mint_utils.sources.jpeg import jpeg_quality
from mint_utils.sources.source import UnreadableImage

IMAGE_ENDINGS = {".jpg", ".jpeg", ".png", ".bmp", ".webp"}
OUTSIDE = r"^[/\\]|(?:^|[/\\])\.\.(?:[/\\]|$)"  # an absolute path, or one that climbs
MOVES = Image.Transpose
UPRIGHT = {  # by EXIF orientation
    2: MOVES.FLIP_LEFT_RIGHT, 3: MOVES.ROTATE_180, 4: MOVES.FLIP_TOP_BOTTOM, 5: MOVES.TRANSPOSE,
    6: MOVES.ROTATE_270, 7: MOVES.TRANSVERSE, 8: MOVES.ROTATE_90,
}  # fmt: skip


class FileSource(ABC):
    """What sources of image files share; a format adds ``listed`` and, where needed, the rest.

    An ``image_id`` is the group, a slash, and the file's path under ``root``.
    """

    what = "face folder"  # what a message says is missing

    def __init__(self, spec: PhotographFaces, seed: int):
        self.spec, self.seed = spec, seed
        self.group = spec.group or spec.kind
        self.align = spec.align

    @cached_property
    def root(self) -> Path:
        """The folder of the data. Raises FileNotFoundError that says where it looked."""
        return locations.find(self.spec.path, f"{self.what} {self.spec.path!r}")

    def is_here(self) -> bool:
        try:
            return self.root.is_dir()
        except FileNotFoundError:
            return False

    def images(self) -> pd.DataFrame:
        return drawn_persons(self.listed(), self.spec, self.seed)

    @abstractmethod
    def listed(self) -> pd.DataFrame:
        """All images, ``image_id`` and ``identity``, of which ``images`` may draw some persons."""

    def lists(self) -> list[Path]:
        """The files that say which images there are and whose, where the format has any."""
        return []

    def stamp(self) -> str:
        listed = self.images()
        digest = hashlib.sha256("\n".join(map(_stat, self.lists())).encode())
        for image_id, identity in zip(listed["image_id"], listed["identity"], strict=True):
            told = f"\n{image_id}\n{identity}\n{_stat(self.file_of(image_id))}"
            digest.update(told.encode())  # one by one: all at once would be 1 KB an image
        return digest.hexdigest()

    def file_of(self, image_id: str) -> Path:
        """Where an image lies, there or not."""
        return self.root / image_id.removeprefix(f"{self.group}/")

    def crop(self, image_id: str, image: np.ndarray) -> np.ndarray:
        """The part of ``image`` (height, width, 3) that shows the person; all of it by default."""
        return image

    def read(self, image_id: str) -> np.ndarray:
        with self._opened(image_id) as picture:
            image = self.crop(image_id, upright(picture))
        return face_in(image_id, image) if self.align else image

    def facts(self, image_id: str) -> dict:
        """Of the file, whatever part of it ``read`` gives: nothing is decoded."""
        with self._opened(image_id) as picture:
            quality = jpeg_quality(picture)
            return {"width": picture.width, "height": picture.height, "jpeg_quality": quality}

    @contextmanager
    def _opened(self, image_id: str) -> Iterator[Image.Image]:
        """The image's file, as Pillow opens it. Raises UnreadableImage, also where it is used.

        Links and absolute paths that lead out of the folder are followed into folders of data only:
        an archive from elsewhere must not show what lies on this machine.
        """
        with told_as_unreadable(image_id):
            file = self.file_of(image_id)
            if not locations.is_inside(file, self.root):
                raise ValueError(
                    f"lies outside of {self.root}, in {file.resolve().parent}; if that is meant, "
                    "name that folder in MINT_DATA"
                )
            with Image.open(file) as picture:
                yield picture


@contextmanager
def told_as_unreadable(image_id: str) -> Iterator[None]:
    """Whatever Pillow raises inside becomes an UnreadableImage that names the image."""
    try:
        yield
    except (OSError, SyntaxError, ValueError, KeyError, Image.DecompressionBombError) as error:
        raise UnreadableImage(f"{image_id}: {error}") from error


def refuse_outside(file: Path, paths: pd.Series, advice: str = "is it the right file?") -> None:
    """Raise ValueError if a list names an image that does not lie under the folder of the data."""
    out = paths.str.contains(OUTSIDE, regex=True)
    if out.any():
        raise ValueError(f"{file} names {paths[out].iloc[0]!r}, outside of its folder: {advice}")


def upright(picture: Image.Image) -> np.ndarray:
    """uint8 (height, width, 3), RGB, turned as the camera was held (EXIF); transparency is lost.

    Pillow's exif_transpose would write the EXIF data anew, and fail where a part is broken.
    """
    move = UPRIGHT.get(picture.getexif().get(ExifTags.Base.Orientation))
    image = picture.convert("RGB")
    return np.asarray(image if move is None else image.transpose(move))


def face_in(image_id: str, image: np.ndarray) -> np.ndarray:
    """The face in ``image``, aligned. Raises UnreadableImage if there is none."""
    try:
        return aligned_once(image)
    except NoFaceFound as error:
        raise UnreadableImage(f"{image_id}: {error}") from error


def _stat(file: Path) -> str:
    try:
        stat = os.stat(file)
    except (OSError, ValueError):  # ValueError: a name that no file can have
        return f"{file} is missing"  # reading it will say so
    return f"{file} {stat.st_size} {stat.st_mtime_ns}"
