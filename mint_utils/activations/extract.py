"""Faces through a model, once: pooled vectors of every image, maps of the detector samples.

Memory is bounded by one shard, whatever the number of images; an interrupted extraction goes on
from the last whole shard; what another store of the same model holds is not computed again.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mint_utils import locations
from mint_utils.activations.batch_norm import normalising_layers
from mint_utils.activations.cluster import run_on
from mint_utils.activations.estimate import estimate
from mint_utils.activations.gradients import filters, losses_of
from mint_utils.activations.plan import Plan, run_here
from mint_utils.activations.recorded import Activations
from mint_utils.activations.recorder import Recorder
from mint_utils.activations.reuse import Relatives
from mint_utils.activations.store import Store
from mint_utils.activations.views import GRADIENTS, VIEWS
from mint_utils.audited.model import AuditedModel
from mint_utils.choices import not_a_choice
from mint_utils.device import best_device
from mint_utils.faces import FaceSet
from mint_utils.provenance import code_digest
from mint_utils.scenario import Extraction, fingerprint

LONG = 60  # seconds from which an estimate is worth a line


def extract(
    model: AuditedModel,
    faces: FaceSet,
    target: str = "audited",
    views: tuple[str, ...] = ("plain", "flip"),
    maps_for: np.ndarray | None = None,
    batch_norm: bool = False,
    root: Path | None = None,
    how: Extraction | None = None,
    cluster: str | None = None,
) -> Activations:
    """Record ``model.taps``, the outcome and the head summary of every image of ``faces``.

    ``views`` may name losses as well, whose gradients are kept in place of what taps give (see
    activations.gradients); a loss that the model cannot have is left out.
    ``maps_for`` (bool, one an image; default none) marks the images whose maps are kept, of the
    plain view only, at most ``model.map_size`` square, float16. With ``batch_norm`` each image's
    distances to the batch-norm statistics are kept as well. The store lies under ``root``
    (default: the cache). ``how`` says batch and shard size, the precision of the forward and that
    of stored vectors. ``cluster`` is ``local`` or the address of a Dask scheduler (default: this
    process computes). What is already in the store, or in another one of the same model, is not
    computed again.
    Raises FloatingPointError naming tap and image for NaN, OSError if the disk cannot hold it.
    """
    how = how or Extraction()
    mapped = np.zeros(len(faces), bool) if maps_for is None else np.asarray(maps_for, bool)
    _refuse_unknown_views(views)
    views = tuple(v for v in views if v in VIEWS) + losses_of(model, views)
    batch_norm = batch_norm and bool(normalising_layers(model.module))
    recorder = Recorder(model, views, batch_norm, how.batch_size, how.precision, how.stored)
    key = _key(recorder, faces, target, mapped, how.shard_size)
    store = Store((root or locations.cache()) / "activations" / fingerprint(key))
    images = faces.table[["image_id"]].assign(stamp=_stamps(faces, key["kin"]), mapped=mapped)
    store.create(key, images, model.head)
    plan = Plan(recorder, faces, store, images["stamp"].tolist(), mapped, how.shard_size)
    missing = [number for number in range(plan.shards) if not plan.done(number)]
    relatives = Relatives(store, key["kin"]) if missing else None
    missing = [number for number in missing if not plan.linked(number, relatives)]
    if missing:
        _record(plan, missing, relatives, f"recording {target}", cluster)
        model.module.cpu()
    return Activations(store.folder)


def embeddings(model: AuditedModel, faces: FaceSet) -> np.ndarray:
    """float32 (n, d): the outcome alone, in memory; for a few thousand images at most.

    Taught in notebook 02.
    """
    bare = Recorder(replace(model, taps=(), head=None, classes=()), ("plain",))
    with tqdm(total=len(faces), desc="embedding", unit="image") as bar:
        vectors, _ = bare.rows(faces, np.zeros(len(faces), bool), bar.update)
    model.module.cpu()
    return vectors["plain/outcome"].numpy()


def _refuse_unknown_views(views: tuple[str, ...]) -> None:
    for view in views:
        if view not in (*VIEWS, *GRADIENTS):
            raise ValueError(not_a_choice("view", view, (*VIEWS, *GRADIENTS)))


def _key(recorder: Recorder, faces: FaceSet, target: str, mapped, shard_size: int) -> dict:
    model, images = recorder.model, faces.table[["image_id", "digest"]].to_numpy().tolist()
    kin = {
        "code": code_digest("audited", "activations"),
        "model": model.digest(),
        "has_head": model.head is not None,
        "classes": fingerprint(list(model.classes)),
        "precision": recorder.precision,
        "stored": recorder.stored,
        "device": best_device().type,
    }
    return kin | {
        "kin": fingerprint(kin),
        "count": len(faces),
        "target": target,
        "taps": list(model.taps),
        "views": list(recorder.views),
        "filters": list(filters(model)) if {*recorder.views} & {*GRADIENTS} else [],
        "identities": fingerprint(faces.table["identity"].tolist()),
        "has_names": bool(set(model.classes) & set(faces.table["identity"])),
        "batch_norm": recorder.batch_norm,
        "images": fingerprint(images),
        "mapped": fingerprint(np.flatnonzero(mapped).tolist()),
        "shard_size": shard_size,
    }


def _stamps(faces: FaceSet, kin: str) -> list[str]:
    """16 characters a row that change with the image, its pixels or whose it is."""
    rows = faces.table[["image_id", "digest", "identity"]].itertuples(index=False)
    return [fingerprint([kin, *row])[:16] for row in rows]


def _record(plan: Plan, missing: list[int], relatives, desc: str, cluster: str | None) -> None:
    """Compute, or copy from relatives, the shards that are missing, and write each at once."""
    images = sum(len(plan.rows(number)) for number in missing)
    start = plan.shard_size * missing[0]
    first = plan.faces.where(np.arange(len(plan.faces)) // plan.shard_size == missing[0])
    expected = estimate(plan.recorder, first, images, plan.mapped[start:].mean(), plan.store.folder)
    expected.refuse_what_cannot_fit(plan.store.folder)
    with tqdm(total=images, desc=desc, unit="image") as bar:
        if expected.seconds > LONG:
            bar.write(f"{desc}: {expected}", file=sys.stderr)
        jobs = (plan.job(number, relatives) for number in missing)
        done = run_on(cluster, jobs, bar.update) if cluster else run_here(jobs, bar.update)
        for job, computed in done:
            plan.write(job, computed)
