"""InsightFace's training sets: MS1MV2, MS1MV3, Glint360K, CASIA-WebFace as train.rec, train.idx."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image

from mint_utils import locations
from mint_utils.scenario import RecordioFaces
from mint_utils.sources.draw import drawn_names
from mint_utils.sources.files import face_in, told_as_unreadable, upright
from mint_utils.sources.jpeg import jpeg_quality
from mint_utils.sources.record_classes import (
    UNLABELLED,
    classes_by_label,
    classes_by_person,
    image_keys,
)
from mint_utils.sources.records import RecordFile


class RecordioSource:
    """Images in the order of their records; a person is called by the class, as in 0000123."""

    def __init__(self, spec: RecordioFaces, seed: int):
        self.spec, self.seed = spec, seed
        self.group = spec.group or spec.kind

    @property
    def files(self) -> tuple[Path, Path]:
        """train.rec and train.idx. Raises FileNotFoundError that says what to put where."""
        what = f"the folder {self.spec.path!r} with InsightFace's train.rec and train.idx"
        folder = locations.find(self.spec.path, what)
        rec, idx = folder / "train.rec", folder / "train.idx"
        missing = [file.name for file in (rec, idx) if not file.is_file()]
        if missing:
            raise FileNotFoundError(
                f"{folder} has no {' and no '.join(missing)}: both files of the set must lie "
                "there, under these names. data/README.md says how to get each database."
            )
        return rec, idx

    def is_here(self) -> bool:
        try:
            return bool(self.files)
        except FileNotFoundError:
            return False

    def stamp(self) -> str:
        stats = [(file, file.stat()) for file in self.files]
        told = [f"{file} {stat.st_size} {stat.st_mtime_ns}" for file, stat in stats]
        return hashlib.sha256("\n".join(told).encode()).hexdigest()

    @cached_property
    def _records(self) -> RecordFile:
        return RecordFile(*self.files)

    def images(self) -> pd.DataFrame:
        """17 million take 15 seconds and 1.7 GB; ``persons`` halves both."""
        keys, persons = image_keys(self._records)
        classes = classes_by_person(self._records, keys, persons)
        if classes is None:
            classes = self._classes_read_once(keys)
        known = np.unique(classes)
        names = ["unlabelled" if c == UNLABELLED else f"{c:07d}" for c in known.tolist()]
        if self.spec.persons is not None:
            drawn = set(drawn_names(names, self.spec, self.seed))
            kept = np.isin(classes, known[[name in drawn for name in names]])
            keys, classes = keys[kept], classes[kept]
        # In Arrow: millions of Python strings would take minutes and gigabytes.
        number = pc.utf8_lpad(pc.cast(pa.array(keys), pa.string()), 9, "0")
        image_id = pc.binary_join_element_wise(pa.scalar(self.group), number, "/")
        identity = pa.array(names).take(pa.array(np.searchsorted(known, classes)))
        return pa.table({"image_id": image_id, "identity": identity}).to_pandas()

    def read(self, image_id: str) -> np.ndarray:
        with self._opened(image_id) as picture:
            image = upright(picture)
        return face_in(image_id, image) if self.spec.align else image

    def facts(self, image_id: str) -> dict:
        """Of the file inside the record: nothing is decoded."""
        with self._opened(image_id) as picture:
            quality = jpeg_quality(picture)
            return {"width": picture.width, "height": picture.height, "jpeg_quality": quality}

    @contextmanager
    def _opened(self, image_id: str) -> Iterator[Image.Image]:
        with told_as_unreadable(image_id):
            file = self._records.image(int(image_id.removeprefix(f"{self.group}/")))
            with Image.open(BytesIO(file)) as picture:
                yield picture

    def _classes_read_once(self, keys: np.ndarray) -> np.ndarray:
        """The class of every image from its header; kept in the cache, as it may take an hour."""
        file = locations.cache() / "recordio" / f"{self.stamp()}.npy"
        if not file.is_file():
            classes = classes_by_label(self._records, keys)
            file.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as unfinished:
                np.save(unfinished, classes)
            os.replace(unfinished.name, file)
        return np.load(file)
