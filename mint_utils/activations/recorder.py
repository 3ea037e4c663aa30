"""Faces through a model, batch by batch: the rows of a store, wherever they are computed."""

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch

from mint_utils.activations.forward import forward, refuse_nan
from mint_utils.activations.gradients import gradient_vectors
from mint_utils.activations.views import GRADIENTS
from mint_utils.audited.model import AuditedModel, named_summary
from mint_utils.device import best_device
from mint_utils.faces import FaceSet

Rows = tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]  # vectors, maps


@dataclass(frozen=True)
class Recorder:
    """How images become rows. Can be sent to another process."""

    model: AuditedModel
    views: tuple[str, ...]
    batch_norm: bool = False
    batch_size: int = 64
    precision: str = "float32"  # of the forward: float32, or bfloat16 where layers allow it
    stored: str = "float32"  # of vectors: float32 or float16; maps are float16

    def rows(
        self, faces: FaceSet, mapped: np.ndarray, advance: Callable[[int], object] = lambda n: n
    ) -> Rows:
        """Vectors of ``faces`` by ``view/name`` and maps of those ``mapped`` (bool) by tap.

        ``advance`` is told how many images each batch had. Pictures are read ahead of the model.
        Raises FloatingPointError naming tap and image for a value that is not finite.
        """
        self.model.module.to(best_device(), memory_format=torch.channels_last)
        vectors, maps = [], []
        for rows, pixels in _read_ahead(faces, self.model.preprocess.size, self.batch_size):
            kept = mapped[rows.start : rows.stop]
            batch, seen = self._batch(faces, rows, pixels, bool(kept.any()))
            vectors.append(batch)
            if kept.any():
                chosen = torch.from_numpy(kept)
                maps.append({tap: value[chosen].half() for tap, value in seen.items()})
                refuse_nan(maps[-1], faces.table["image_id"].iloc[rows.start : rows.stop][kept])
            advance(len(rows))
        return _joined(vectors), _joined(maps)

    def _batch(self, faces: FaceSet, rows: range, pixels: np.ndarray, with_maps: bool) -> Rows:
        views = tuple(view for view in self.views if view not in GRADIENTS)
        vectors, maps = forward(
            self.model, pixels, views, with_maps, self.batch_norm, self.precision
        )
        for loss in sorted({*self.views} & {*GRADIENTS}):
            x = self.model.preprocess(pixels, best_device())
            found = gradient_vectors(self.model, x, loss)
            vectors |= {f"{loss}/{name}": value for name, value in found.items()}
        if self.model.classes and "plain" in self.views:
            own = faces.table["identity"].iloc[rows.start : rows.stop]
            vectors["plain/named"] = named_summary(self.model, vectors["plain/outcome"], own)
        named = vectors.pop("plain/named", None)  # NaN for persons without a class
        if self.stored == "float16":
            vectors = {name: value.half() for name, value in vectors.items()}
        refuse_nan(vectors, faces.table["image_id"].iloc[rows.start : rows.stop])
        return vectors | ({} if named is None else {"plain/named": named}), maps


def _read_ahead(faces: FaceSet, size: int, batch: int) -> Iterator[tuple[range, np.ndarray]]:
    """Pixels of every batch in order, decoded in threads while the model is busy with others."""
    stops = range(0, len(faces), batch)
    batches = deque(range(low, min(low + batch, len(faces))) for low in stops)
    readers = (os.cpu_count() or 1) if best_device().type == "cuda" else 1
    with ThreadPoolExecutor(readers) as pool:
        reading: deque = deque()
        try:
            while batches or reading:
                while batches and len(reading) <= readers:
                    rows = batches.popleft()
                    reading.append((rows, pool.submit(faces.pixels, size, rows)))
                rows, pixels = reading.popleft()
                yield rows, pixels.result()
        finally:
            for _, pixels in reading:
                pixels.cancel()


def _joined(batches: list[dict]) -> dict:
    names = batches[0] if batches else {}
    return {name: torch.cat([batch[name] for batch in batches]).contiguous() for name in names}
