"""Faces through a model, once: pooled vectors of every image, maps of the detector samples.

Memory is bounded by one shard, whatever the number of images; an interrupted extraction goes on
from the last whole shard.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from mint_utils import locations
from mint_utils.activations.batch_norm import normalising_layers
from mint_utils.activations.forward import forward, refuse_nan
from mint_utils.activations.store import Activations, Store
from mint_utils.activations.views import VIEWS
from mint_utils.audited.model import AuditedModel, named_summary
from mint_utils.choices import not_a_choice
from mint_utils.device import best_device
from mint_utils.faces import FaceSet
from mint_utils.provenance import code_digest
from mint_utils.scenario import fingerprint


def extract(
    model: AuditedModel,
    faces: FaceSet,
    target: str = "audited",
    views: tuple[str, ...] = ("plain", "flip"),
    maps_for: np.ndarray | None = None,
    batch_size: int = 64,
    shard_size: int = 512,
    batch_norm: bool = False,
    root: Path | None = None,
) -> Activations:
    """Record ``model.taps``, the outcome and the head summary of every image of ``faces``.

    ``maps_for`` (bool, one an image; default none) marks the images whose maps are kept, of the
    plain view only, at most ``model.map_size`` square, float16. Vectors are float32. With
    ``batch_norm`` each image's distances to the batch-norm statistics are kept as well. The store
    lies under ``root`` (default: the cache).
    What is already in the store is not computed again.
    Raises FloatingPointError naming tap and image for NaN, OSError if the disk cannot hold it.
    """
    mapped = np.zeros(len(faces), bool) if maps_for is None else np.asarray(maps_for, bool)
    _refuse_unknown_views(views)
    key = _key(model, faces, target, views, mapped, shard_size, batch_norm)
    store = Store((root or locations.cache()) / "activations" / fingerprint(key))
    store.create(key, model.head)
    ids = faces.table["image_id"].tolist()
    shards = [ids[start : start + shard_size] for start in range(0, len(ids), shard_size)]
    missing = [
        number
        for number, shard in enumerate(shards)
        if not store.holds("vectors", number, shard)
        or not store.holds("maps", number, _mapped_ids(shard, mapped, number * shard_size))
    ]
    if missing:
        work = _Work(model, faces, store, mapped, views, key["batch_norm"], batch_size)
        model.module.to(best_device(), memory_format=torch.channels_last)
        images = sum(len(shards[number]) for number in missing)
        work.refuse_what_cannot_fit(images)
        with tqdm(total=images, desc=f"recording {target}", unit="image") as bar:
            for number in missing:
                _extract_shard(work, number, shards, bar)
        model.module.cpu()
    return Activations(store.folder)


def embeddings(model: AuditedModel, faces: FaceSet, batch_size: int = 64) -> np.ndarray:
    """float32 (n, d): the outcome alone, in memory; for a few thousand images at most."""
    model.module.to(best_device(), memory_format=torch.channels_last)
    parts = [
        forward(model, faces.pixels(model.preprocess.size, rows), ("plain",), False)[0]
        for rows in tqdm(_batches(0, len(faces), batch_size), desc="embedding", unit="batch")
    ]
    model.module.cpu()
    return np.concatenate([part["plain/outcome"].numpy() for part in parts])


def _refuse_unknown_views(views: tuple[str, ...]) -> None:
    for view in views:
        if view not in VIEWS:
            raise ValueError(not_a_choice("view", view, VIEWS))


def _key(model, faces: FaceSet, target, views, mapped, shard_size, batch_norm) -> dict:
    images = faces.table[["image_id", "digest"]].to_numpy().tolist()
    return {
        "code": code_digest("audited", "activations"),
        "count": len(faces),
        "target": target,
        "model": model.digest(),
        "taps": list(model.taps),
        "views": list(views),
        "has_head": model.head is not None,
        "classes": fingerprint(list(model.classes)),
        "identities": fingerprint(faces.table["identity"].tolist()),
        "has_names": bool(set(model.classes) & set(faces.table["identity"])),
        "batch_norm": batch_norm and bool(normalising_layers(model.module)),
        "images": fingerprint(images),
        "mapped": fingerprint(np.flatnonzero(mapped).tolist()),
        "shard_size": shard_size,
    }


def _batches(start: int, stop: int, size: int) -> list[range]:
    return [range(low, min(low + size, stop)) for low in range(start, stop, size)]


def _mapped_ids(shard: list[str], mapped: np.ndarray, start: int) -> list[str]:
    return [image for image, kept in zip(shard, mapped[start:], strict=False) if kept]


def _extract_shard(work: "_Work", number: int, shards: list[list[str]], bar) -> None:
    start = sum(len(shard) for shard in shards[:number])
    stop = start + len(shards[number])
    vectors, maps = [], []
    for rows in _batches(start, stop, work.batch_size):
        kept = work.mapped[rows.start : rows.stop]
        batch, seen = work.forward(rows, bool(kept.any()))
        vectors.append(batch)
        if kept.any():
            chosen = torch.from_numpy(kept)
            maps.append({tap: value[chosen].half() for tap, value in seen.items()})
            refuse_nan(maps[-1], work.faces.table["image_id"].iloc[rows.start : rows.stop][kept])
        bar.update(len(rows))
    # Maps first: a shard counts as done when both files are there.
    mapped_ids = _mapped_ids(shards[number], work.mapped, start)
    work.store.write("maps", number, mapped_ids, _joined(maps))
    work.store.write("vectors", number, shards[number], _joined(vectors))


def _joined(batches: list[dict]) -> dict:
    names = batches[0] if batches else {}
    return {name: torch.cat([batch[name] for batch in batches]).contiguous() for name in names}


@dataclass(frozen=True)
class _Work:
    """What one extraction is made of."""

    model: AuditedModel
    faces: FaceSet
    store: Store
    mapped: np.ndarray
    views: tuple[str, ...]
    batch_norm: bool
    batch_size: int

    def forward(self, rows: range, with_maps: bool) -> tuple[dict, dict]:
        """Vectors and maps of ``rows``, none of them NaN."""
        pixels = self.faces.pixels(self.model.preprocess.size, rows)
        vectors, maps = forward(self.model, pixels, self.views, with_maps, self.batch_norm)
        refuse_nan(vectors, self.faces.table["image_id"].iloc[list(rows)])
        if set(self.model.classes):
            own = self.faces.table["identity"].iloc[list(rows)]
            vectors["plain/named"] = named_summary(self.model, vectors["plain/outcome"], own)
        return vectors, maps

    def refuse_what_cannot_fit(self, images: int) -> None:
        """Measure one image, multiply, and compare with the free disk before hours are spent."""
        vectors, maps = self.forward(range(1), True)
        per_image = sum(value.nbytes for value in vectors.values())
        per_map = sum(value.numel() * 2 for value in maps.values())
        needed = images * (per_image + self.mapped.mean() * per_map)
        free = shutil.disk_usage(self.store.folder).free
        if needed > free:
            raise OSError(
                f"the activations need {needed / 1e9:.2f} GB and {self.store.folder} has "
                f"{free / 1e9:.2f} GB free: set MINT_CACHE to a larger disk, lower "
                "detectors.samples, or name fewer taps"
            )
