"""Rows that another store of the same model holds already: copied, not computed again.

Stores of one *kin* were made by the same code from the same weights at the same precision; they
differ in images, taps or views. Whole shards that are equal are linked, not copied.
"""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import torch

from mint_utils.activations.store import Store

Known = dict[str, tuple[np.ndarray, torch.Tensor]]  # by column: rows that are known, values


class Relatives:
    """The other stores of a kin under one root."""

    def __init__(self, own: Store, kin: str):
        self.stores = []
        for file in sorted(own.folder.parent.glob("*/key.json")):
            if file.parent != own.folder and json.loads(file.read_text()).get("kin") == kin:
                self.stores.append(Index(Store(file.parent)))

    def link(self, kind: str, shard: int, own: Store, stamps: list[str], columns: set[str]) -> bool:
        """Take over a whole shard of the same rows and columns; whether there was one."""
        for index in self.stores:
            if index.store.holds(kind, shard, stamps, columns):
                _link(index.store.path(kind, shard), own.path(kind, shard))
                return True
        return False

    def known(self, kind: str, stamps: list[str], columns: set[str]) -> Known:
        """What the relatives hold of these rows, by column."""
        found: Known = {}
        for index in self.stores:
            for name, (rows, values) in index.rows(kind, stamps, columns).items():
                if name not in found:
                    found[name] = (rows, values)
                    continue
                have, kept = found[name]
                new = rows & ~have
                kept[torch.from_numpy(new)] = values[torch.from_numpy(new)]
                found[name] = (have | rows, kept)
        return found


class Index:
    """Where the rows of a store are, by stamp."""

    def __init__(self, store: Store):
        self.store, self._places = store, {}

    def _index(self, kind: str):
        if kind not in self._places:
            stamps, places = [], []
            for shard in self.store.shards(kind):
                listed = self.store.stamps(kind, shard)
                stamps.append(np.array(listed, "S16"))
                rows = np.arange(len(listed))
                places.append(np.stack([np.full_like(rows, shard), rows], axis=1))
            listed = np.concatenate([np.array([], "S16"), *stamps])
            order = np.argsort(listed, kind="stable")
            where = np.concatenate([np.empty((0, 2), int), *places])
            self._places[kind] = (listed[order], where[order])
        return self._places[kind]

    def rows(self, kind: str, stamps: list[str], columns: set[str]) -> Known:
        listed, places = self._index(kind)
        if not len(listed):
            return {}
        wanted = np.array(stamps, "S16")
        at = np.minimum(np.searchsorted(listed, wanted), len(listed) - 1)
        there = listed[at] == wanted
        found: Known = {}
        for shard in np.unique(places[at[there], 0]):
            here = there & (places[at, 0] == shard)
            from_rows = torch.from_numpy(places[at[here], 1])
            for name in columns & self.store.columns(kind, int(shard)):
                values = self.store.read(kind, int(shard), name)[from_rows]
                if name not in found:
                    blank = torch.zeros(len(stamps), *values.shape[1:], dtype=values.dtype)
                    found[name] = (np.zeros(len(stamps), bool), blank)
                found[name][0][here] = True
                found[name][1][torch.from_numpy(here)] = values
        return found


def _link(file: Path, new: Path) -> None:
    unfinished = new.with_suffix(f".{os.getpid()}.tmp")
    try:
        os.link(file, unfinished)
    except OSError:  # a file system without links
        shutil.copyfile(file, unfinished)
    os.replace(unfinished, new)
