"""Was a model that the study did not train opened as it was meant to be? Asked before an audit.

A wrong colour order or range of pixels raises no error: the network computes on, recognises a
little worse, and the audit is of something that nobody uses. So a few of the scenario's own faces
go through the model in the way the scenario says, and in the ways that are mistaken for it.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from tqdm import tqdm

from mint_utils.activations.forward import forward
from mint_utils.audited.model import AuditedModel, Preprocess
from mint_utils.audited.recognition import pair_cosines
from mint_utils.device import best_device
from mint_utils.faces import FaceSet

PERSONS, EACH = 24, 3  # faces that are looked at: enough to see a mistake, few enough to wait for
SAME = 1e-4  # of an embedding's length: what arithmetic in another order may change
POOR = 0.85  # AUC below which a model hardly recognises anybody
SURE = 3.0  # standard errors by which another way must be better to be warned of


def selftest(model: AuditedModel, faces: FaceSet, seed: int = 0) -> Iterator[str]:
    """Findings, a line each; those that start with ``warning:`` want to be looked into.

    Roles do not matter here. Raises what the model raises if it cannot take the faces.
    """
    drawn = _drawn(faces, seed)
    pixels = drawn.pixels(model.preprocess.size)
    model.module.to(best_device(), memory_format=torch.channels_last)
    try:
        embedded = _embedded(model, pixels)
        yield from _shape(model, embedded)
        if not np.isfinite(embedded).all():
            yield "warning: embeddings are not finite: weights, normalisation or half precision?"
            return
        yield from _repeated(model, pixels[:8], embedded[:8])
        yield from _compared(model, pixels, embedded, drawn.table["identity"].to_numpy())
    finally:
        model.module.cpu()


def _drawn(faces: FaceSet, seed: int) -> FaceSet:
    """Up to EACH images of up to PERSONS persons, those with several images first."""
    rng = np.random.default_rng(seed)
    table = faces.table.iloc[rng.permutation(len(faces))]
    rank = table.groupby("identity").cumcount()
    several = table["identity"].map(table["identity"].value_counts()).clip(upper=EACH)
    persons = table.assign(several=several).drop_duplicates("identity")
    persons = persons.sort_values("several", ascending=False, kind="stable")["identity"]
    kept = table[(rank < EACH) & table["identity"].isin(persons[:PERSONS])]
    return FaceSet(kept.reset_index(drop=True), faces.sources)


def _embedded(model: AuditedModel, pixels: np.ndarray, batch: int = 8) -> np.ndarray:
    """float32 (n, d): the outcome, on the path that an audit takes."""
    starts = range(0, len(pixels), batch)
    parts = [forward(model, pixels[s : s + batch], ("plain",), False)[0] for s in starts]
    return np.concatenate([part["plain/outcome"].numpy() for part in parts])


def _shape(model: AuditedModel, embedded: np.ndarray) -> Iterator[str]:
    takes = model.preprocess
    length = np.linalg.norm(embedded, axis=1)
    yield (
        f"self-test: {embedded.shape[1]} numbers an embedding, of length {length.mean():.3g}, from "
        f"{takes.size} x {takes.size} pixels in {takes.colour}"
    )
    if length.std() < 1e-4 * length.mean():
        yield (
            "warning: all embeddings are equally long: their length, which tells members best, is "
            "lost; name the layer before it is normalised with `outcome`"
        )
    if len(embedded) > 1 and embedded.std(axis=0).max() < 1e-6:
        yield "warning: all faces get the same embedding: are these trained weights?"


def _repeated(model: AuditedModel, pixels: np.ndarray, embedded: np.ndarray) -> Iterator[str]:
    """The same images once more, and one at a time."""
    length = np.maximum(np.linalg.norm(embedded, axis=1), 1e-12)
    others = {"once more": _embedded(model, pixels), "alone": _embedded(model, pixels, batch=1)}
    off = {k: (np.linalg.norm(v - embedded, axis=1) / length).max() for k, v in others.items()}
    told = ", ".join(f"{k} {v:.0e}" for k, v in off.items())
    yield f"self-test: parts of their length by which embeddings of the same images differ: {told}"
    if not off["once more"] <= SAME:
        yield "warning: the model is not deterministic: is a dropout or a random layer switched on?"
    elif not off["alone"] <= SAME:
        yield (
            "warning: an image's embedding depends on the images beside it: does a layer normalise "
            "over the batch?"
        )


def _others(takes: Preprocess) -> dict[str, Preprocess]:
    """What is mistaken for ``takes``: name -> the same with one mistake."""
    swapped = "BGR" if takes.colour == "RGB" else "RGB"
    plain = replace(takes, standardise=False)
    ways = {
        "red and blue swapped": replace(takes, colour=swapped),
        "pixels from -1 to 1": replace(plain, mean=127.5, scale=127.5),
        "pixels from 0 to 1": replace(plain, mean=0.0, scale=255.0),
        "pixels from 0 to 255": replace(plain, mean=0.0, scale=1.0),
        "each image standardised": replace(takes, standardise=True),
    }
    if plain == takes and (takes.mean, takes.scale) == (127.5, 128.0):
        del ways["pixels from -1 to 1"]  # the same to within half a per cent
    return {name: way for name, way in ways.items() if way != takes}


def _compared(model, pixels, embedded, identity) -> Iterator[str]:
    """Recognition as the scenario says, and with each mistake."""
    first, second = np.triu_indices(len(identity), k=1)
    genuine = identity[first] == identity[second]
    if genuine.all() or not genuine.any():
        yield "self-test: recognition cannot be asked: two images of a person are needed, of two"
        return
    pairs = (first, second, genuine, identity)
    auc, margin = _recognition(embedded, *pairs)
    found, best = {}, None
    ways = tqdm(_others(model.preprocess).items(), desc="self-test", unit="way")
    others = {name: _embedded(replace(model, preprocess=way), pixels) for name, way in ways}
    for name, other in others.items():
        found[name], theirs = _recognition(other, *pairs)
        gain = theirs - margin
        surely = gain.mean() > SURE * gain.std() / np.sqrt(len(gain))
        if surely and (best is None or theirs.mean() > best[1].mean()):
            best = name, theirs
        if name == "red and blue swapped":
            yield from _colour_seen(embedded, other)
    told = ", ".join(f"{name} {value:.3f}" for name, value in found.items())
    yield (
        f"self-test: {len(margin)} persons of these faces are told apart with AUC {auc:.3f} "
        f"({genuine.sum()} genuine pairs); mistaken: {told}"
    )
    if best:
        yield (
            f"warning: with {best[0]} these faces are recognised better (genuine pairs are "
            f"{best[1].mean():.2f} deviations above impostors, and {margin.mean():.2f} as the "
            "scenario says): is the preprocessing of this model right?"
        )
    if auc < POOR:
        yield (
            f"warning: the model hardly tells these persons apart (AUC {auc:.3f}): are the weights "
            "trained, the preprocessing right, the crops aligned as in its training?"
        )


def _colour_seen(embedded: np.ndarray, swapped: np.ndarray) -> Iterator[str]:
    places = np.arange(len(embedded))
    both = pair_cosines(np.concatenate([embedded, swapped]), places, places + len(embedded))
    yield f"self-test: cosine of an embedding to that with red and blue swapped: {both.mean():.3f}"
    if both.min() > 1 - 1e-6:
        yield "warning: swapping red and blue changes nothing: does the model see colours at all?"


def _recognition(embedded, first, second, genuine, identity) -> tuple[float, np.ndarray]:
    """AUC of the pairs' cosines, and how far each person's genuine ones are above the others.

    The margins (persons,) are in standard deviations of the impostors' cosines.
    """
    cosine = pair_cosines(embedded, first, second)
    spread = cosine[~genuine].std() + 1e-12
    margins = []
    for person in np.unique(identity):
        has = (identity[first] == person) | (identity[second] == person)
        if (has & genuine).any():
            margins.append((cosine[has & genuine].mean() - cosine[has & ~genuine].mean()) / spread)
    return float(roc_auc_score(genuine, cosine)), np.array(margins)
