"""Faces through a model, once: pooled vectors of every image, maps of the detector samples.

Memory is bounded by one shard, whatever the number of images; an interrupted extraction goes on
from the last whole shard.
"""

import shutil

import numpy as np
import torch
from tqdm import tqdm

from mint_utils import locations
from mint_utils.activations.record import pooled, record, shrunk
from mint_utils.activations.store import Activations, Store
from mint_utils.audited.model import AuditedModel, head_summary
from mint_utils.device import best_device
from mint_utils.faces import FaceSet
from mint_utils.provenance import code_digest
from mint_utils.scenario import fingerprint

VIEWS = {"plain": lambda x: x, "flip": lambda x: x.flip(3)}  # on (B, 3, H, W)


def extract(
    model: AuditedModel,
    faces: FaceSet,
    target: str = "audited",
    views: tuple[str, ...] = ("plain", "flip"),
    maps_for: np.ndarray | None = None,
    batch_size: int = 64,
    shard_size: int = 512,
) -> Activations:
    """Record ``model.taps``, the outcome and the head summary of every image of ``faces``.

    ``maps_for`` (bool, one an image; default none) marks the images whose maps are kept, of the
    plain view only, at most ``model.map_size`` square, float16. Vectors are float32.
    What is already in the store is not computed again.
    Raises FloatingPointError naming tap and image for NaN, OSError if the disk cannot hold it.
    """
    mapped = np.zeros(len(faces), bool) if maps_for is None else np.asarray(maps_for, bool)
    key = _key(model, faces, target, views, mapped, shard_size)
    store = Store(locations.cache() / "activations" / fingerprint(key))
    store.create(key)
    ids = faces.table["image_id"].tolist()
    shards = [ids[start : start + shard_size] for start in range(0, len(ids), shard_size)]
    missing = [
        number
        for number, shard in enumerate(shards)
        if not store.holds("vectors", number, shard)
        or not store.holds("maps", number, _mapped_ids(shard, mapped, number * shard_size))
    ]
    if missing:
        model.module.to(best_device(), memory_format=torch.channels_last)
        images = sum(len(shards[number]) for number in missing)
        _refuse_what_cannot_fit(model, faces, store, images, mapped.mean(), views)
        with tqdm(total=images, desc=f"recording {target}", unit="image") as bar:
            for number in missing:
                _extract_shard(model, faces, store, number, shards, mapped, views, batch_size, bar)
        model.module.cpu()
    return Activations(store.folder)


def embeddings(model: AuditedModel, faces: FaceSet, batch_size: int = 64) -> np.ndarray:
    """float32 (n, d): the outcome alone, in memory; for a few thousand images at most."""
    model.module.to(best_device(), memory_format=torch.channels_last)
    parts = [
        _forward(model, faces.pixels(model.preprocess.size, rows), ("plain",), False)[0]
        for rows in tqdm(_batches(0, len(faces), batch_size), desc="embedding", unit="batch")
    ]
    model.module.cpu()
    return np.concatenate([part["plain/outcome"].numpy() for part in parts])


def _key(model, faces: FaceSet, target, views, mapped, shard_size) -> dict:
    images = faces.table[["image_id", "digest"]].to_numpy().tolist()
    return {
        "code": code_digest("audited", "activations"),
        "count": len(faces),
        "target": target,
        "model": model.digest(),
        "taps": list(model.taps),
        "views": list(views),
        "has_head": model.head is not None,
        "images": fingerprint(images),
        "mapped": fingerprint(np.flatnonzero(mapped).tolist()),
        "shard_size": shard_size,
    }


def _batches(start: int, stop: int, size: int) -> list[range]:
    return [range(low, min(low + size, stop)) for low in range(start, stop, size)]


def _mapped_ids(shard: list[str], mapped: np.ndarray, start: int) -> list[str]:
    return [image for image, kept in zip(shard, mapped[start:], strict=False) if kept]


def _extract_shard(model, faces, store, number, shards, mapped, views, batch_size, bar) -> None:
    start = sum(len(shard) for shard in shards[:number])
    stop = start + len(shards[number])
    vectors, maps = [], []
    for rows in _batches(start, stop, batch_size):
        kept = mapped[rows.start : rows.stop]
        batch, seen = _forward(
            model, faces.pixels(model.preprocess.size, rows), views, bool(kept.any())
        )
        _refuse_nan(batch, faces.table["image_id"].iloc[rows.start : rows.stop])
        vectors.append(batch)
        if kept.any():
            chosen = torch.from_numpy(kept)
            maps.append({tap: value[chosen].half() for tap, value in seen.items()})
            _refuse_nan(maps[-1], faces.table["image_id"].iloc[rows.start : rows.stop][kept])
        bar.update(len(rows))
    # Maps first: a shard counts as done when both files are there.
    mapped_ids = _mapped_ids(shards[number], mapped, start)
    store.write("maps", number, mapped_ids, _joined(maps))
    store.write("vectors", number, shards[number], _joined(vectors))


def _joined(batches: list[dict]) -> dict:
    names = batches[0] if batches else {}
    return {name: torch.cat([batch[name] for batch in batches]).contiguous() for name in names}


@torch.inference_mode()
def _forward(model: AuditedModel, pixels: np.ndarray, views, with_maps: bool) -> tuple[dict, dict]:
    """Vectors of all views by ``view/name`` and, if asked, the plain view's maps by tap."""
    device, module = best_device(), model.module
    x = model.preprocess(pixels).to(device)
    vectors: dict[str, torch.Tensor] = {}
    maps: dict[str, torch.Tensor] = {}
    for view in views:
        want_maps = with_maps and view == "plain"

        def keep(output, want_maps=want_maps):
            return pooled(output), shrunk(output, model.map_size) if want_maps else None

        taps = {*model.taps, model.outcome}
        with record(module, taps, keep) as seen:
            module(VIEWS[view](x).contiguous(memory_format=torch.channels_last))
        for tap in model.taps:
            vectors[f"{view}/{tap}"] = seen[tap][0].float().cpu()
            if want_maps:
                maps[tap] = seen[tap][1].cpu()
        outcome = seen[model.outcome][0]
        vectors[f"{view}/outcome"] = outcome.float().cpu()
        if model.head is not None:
            summary = head_summary(outcome, model.head.to(device), model.head_scale)
            vectors[f"{view}/head"] = summary.cpu()
    return vectors, maps


def _refuse_nan(batch: dict[str, torch.Tensor], image_ids) -> None:
    for name, values in batch.items():
        bad = ~torch.isfinite(values).flatten(1).all(dim=1)
        if bad.any():
            raise FloatingPointError(
                f"{name} is not finite for {int(bad.sum())} images of this batch, the "
                f"first is {image_ids.iloc[int(bad.nonzero()[0])]}: the model or its "
                "preprocessing is broken for it (weights, normalisation, half precision?)"
            )


def _refuse_what_cannot_fit(model, faces, store, images, mapped_part, views) -> None:
    """Measure one image, multiply, and compare with the free disk before hours are spent."""
    vectors, maps = _forward(model, faces.pixels(model.preprocess.size, [0]), views, True)
    per_image = sum(value.nbytes for value in vectors.values())
    per_map = sum(value.numel() * 2 for value in maps.values())
    needed = images * (per_image + mapped_part * per_map)
    free = shutil.disk_usage(store.folder).free
    if needed > free:
        raise OSError(
            f"the activations need {needed / 1e9:.2f} GB and {store.folder} has "
            f"{free / 1e9:.2f} GB free: set MINT_CACHE to a larger disk, lower "
            "detectors.samples, or name fewer taps"
        )
