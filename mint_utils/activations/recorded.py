"""Recorded activations, read by tap when asked for. Needs the store alone, no model."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file

from mint_utils.activations.store import Store
from mint_utils.activations.views import GRADIENTS
from mint_utils.choices import not_a_choice

MINT_HEAD = "mint"  # the tap that holds what a head trained with the model says


class Activations:
    """What a target's taps gave for a list of images.

    ``image_ids`` are in the order of the rows, ``mapped`` (bool, n) marks those whose maps are
    kept. ``taps`` lists the names that :meth:`vector` takes beside ``outcome`` and ``head``.
    With ``unfinished`` a store that is still being written gives the images it has so far.
    FileNotFoundError if the store is gone or not complete.
    """

    def __init__(self, folder: Path, unfinished: bool = False):
        self.folder, self._store = folder, Store(folder)
        if not (folder / "key.json").is_file():
            raise FileNotFoundError(
                f"the activations in {folder} are gone: run notebook 03 again, or "
                "`mint-study run NAME --fresh`"
            )
        self.key = json.loads((folder / "key.json").read_text())
        self.target: str = self.key["target"]
        self.taps: list[str] = [tap for tap in self.key["taps"] if tap != MINT_HEAD]
        self.has_mint_head: bool = MINT_HEAD in self.key["taps"]
        self.has_head: bool = self.key["has_head"]
        self.has_names: bool = self.key["has_names"]
        self.has_batch_norm: bool = self.key["batch_norm"]
        self.filters: list[str] = self.key["filters"]  # names whose gradients were recorded
        images = pd.read_parquet(folder / "images.parquet")
        shard = np.arange(len(images)) // max(self.key["shard_size"], 1)
        # Maps are written before vectors: a shard whose vectors are there is complete.
        there = np.isin(shard, self._store.shards("vectors"))
        if not there.all() and not unfinished:
            raise FileNotFoundError(
                f"the store in {folder} holds {there.sum()} of {len(images)} images: "
                "run notebook 03 again, it goes on from the last whole shard"
            )
        self._shard = shard[there]
        self.image_ids: list[str] = images["image_id"][there].tolist()
        self.mapped: np.ndarray = images["mapped"].to_numpy(bool)[there]

    def __len__(self) -> int:
        return len(self.image_ids)

    def vector(self, name: str, view: str = "plain", rows: np.ndarray | None = None) -> np.ndarray:
        """float32 (n, C): a tap pooled per channel, ``outcome`` (n, d) or ``head`` (n, 3).

        Also ``named`` (n, 2), NaN for persons without a class, and ``batch_norm`` (n, layers),
        where they were recorded; both of the plain view only. ``mint`` (n, 1): the logit of a head
        that was trained with the model (aMINT). ``rows``: these images only, in their order. Of a
        gradient (a view as well) the names in ``filters`` have vectors. OSError if a shard is
        damaged.
        """
        named = [*self.taps, "outcome", *(["head"] if self.has_head else [])]
        named += [*(["named"] if self.has_names else [])]
        named += [*(["batch_norm"] if self.has_batch_norm else [])]
        named += [*([MINT_HEAD] if self.has_mint_head else [])]
        if view not in self.key["views"]:
            raise ValueError(not_a_choice("view", view, self.key["views"]))
        named = self.filters if view in GRADIENTS else named
        if name not in named:
            raise ValueError(not_a_choice("AAD", name, named))
        rows = np.arange(len(self)) if rows is None else np.asarray(rows)
        return self._gathered("vectors", f"{view}/{name}", self._shard, rows).float().numpy()

    def head(self) -> torch.Tensor:
        """float32 (classes, d): the class centres. ValueError if there are none."""
        if not self.has_head:
            raise ValueError(f"{self.target} was recorded without class centres")
        return load_file(self.folder / "head.safetensors")["head"]

    def maps(self, tap: str, rows: np.ndarray | None = None) -> torch.Tensor:
        """float16 (k, C, h, w): the maps of ``rows`` (default: all mapped ones), in their order."""
        if tap not in self.taps:
            raise ValueError(not_a_choice("tap", tap, self.taps))
        rows = np.flatnonzero(self.mapped) if rows is None else np.asarray(rows)
        if not self.mapped[rows].all():
            raise ValueError("maps are kept for detector samples only: raise detectors.samples")
        place = np.cumsum(self.mapped) - 1  # row -> position among the mapped rows
        return self._gathered("maps", tap, self._shard[self.mapped], place[rows])

    def glance(self, tap: str, row: int) -> torch.Tensor:
        """float16 (C, h, w): the maps of one image, to look at: milliseconds, no checksum."""
        if tap not in self.taps or not self.mapped[row]:
            return self.maps(tap, np.array([row]))[0]  # which says what is wrong
        place = int(self.mapped[:row].sum())
        shards = self._shard[self.mapped]
        first = int(np.searchsorted(shards, shards[place]))  # row 0 of the shard it lies in
        return self._store.glance("maps", int(shards[place]), tap, place - first)

    def _gathered(self, kind: str, column: str, shard: np.ndarray, rows: np.ndarray):
        """Rows of a column in their order; ``shard`` says in which one each position lies."""
        if not len(rows):
            raise ValueError("no rows asked for")
        gathered = None
        for number, inside, at in _by_shard(shard, rows):
            values = self._store.read(kind, number, column)[torch.from_numpy(at)]
            if gathered is None:
                gathered = values.new_empty(len(rows), *values.shape[1:])
            gathered[torch.from_numpy(inside)] = values
        return gathered


def _by_shard(shard: np.ndarray, rows: np.ndarray) -> Iterator[tuple]:
    """(shard number, where in ``rows``, which rows of the shard) for every shard that is needed."""
    numbers, starts = np.unique(shard, return_index=True)
    start = dict(zip(numbers.tolist(), starts.tolist(), strict=True))
    order = np.argsort(shard[rows], kind="stable")
    needed, begins = np.unique(shard[rows][order], return_index=True)
    for number, inside in zip(needed.tolist(), np.split(order, begins[1:]), strict=True):
        yield number, inside, rows[inside] - start[number]
