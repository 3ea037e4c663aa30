"""Identity folders: one folder a person, images inside (VGGFace2, CASIA-WebFace, BUPT, LFW)."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from mint_utils import locations
from mint_utils.scenario import FolderFaces
from mint_utils.sources.jpeg import jpeg_quality
from mint_utils.sources.source import UnreadableImage

IMAGE_ENDINGS = {".jpg", ".jpeg", ".png", ".bmp", ".webp"}

HIDDEN = (".", "__MACOSX")  # left by notebooks, archives and file managers


class FolderSource:
    """Images of ``root/PERSON/FILE``; the folder's name is the identity."""

    def __init__(self, spec: FolderFaces, seed: int):
        self.spec = spec
        self.group = spec.group or spec.kind

    @property
    def root(self) -> Path:
        """The folder of person folders. Raises FileNotFoundError that says where it looked."""
        return locations.find(self.spec.path, f"face folder {self.spec.path!r}")

    def is_here(self) -> bool:
        try:
            return self.root.is_dir()
        except FileNotFoundError:
            return False

    def stamp(self) -> str:
        files = [file for file in sorted(self.root.glob("*/*")) if file.is_file()]
        listing = [f"{file} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in files]
        return hashlib.sha256("\n".join(listing).encode()).hexdigest()

    def images(self) -> pd.DataFrame:
        root = self.root
        if not root.is_dir():
            raise NotADirectoryError(f"{root} is a file; a folder of person folders is needed")
        rows = [
            {"image_id": f"{self.group}/{file.relative_to(root)}", "identity": person.name}
            for person in sorted(path for path in root.iterdir() if path.is_dir())
            for file in sorted(person.iterdir())
            if file.suffix.lower() in IMAGE_ENDINGS
            and not person.name.startswith(HIDDEN)
            and not file.name.startswith(HIDDEN)
        ]
        if not rows:
            raise ValueError(
                f"no images in {root}: expected one folder a person with "
                f"{', '.join(sorted(IMAGE_ENDINGS))} files inside, as in {root}/Some_Person/1.jpg"
            )
        return pd.DataFrame(rows)

    def read(self, image_id: str) -> np.ndarray:
        with self._opened(image_id) as picture:
            return np.asarray(picture.convert("RGB"))

    def facts(self, image_id: str) -> dict:
        """Of the file, whatever part of it ``read`` gives: nothing is decoded."""
        with self._opened(image_id) as picture:
            quality = jpeg_quality(picture)
            return {"width": picture.width, "height": picture.height, "jpeg_quality": quality}

    @contextmanager
    def _opened(self, image_id: str) -> Iterator[Image.Image]:
        """The image's file, as Pillow opens it. Raises UnreadableImage, also where it is used."""
        file = self.root / image_id.removeprefix(f"{self.group}/")
        try:
            with Image.open(file) as picture:
                yield picture
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise UnreadableImage(f"{image_id}: {error}") from error
