"""Activations on disk: shards of images in order, each with the ids of its rows beside them.

A store's folder is named after a fingerprint of everything that decides its content (weights,
taps, preprocessing, views, the images by their pixels), so a changed model or image list is
another folder and a stale store cannot be read by mistake.
"""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from mint_utils.choices import not_a_choice


class Store:
    """Shards of one fingerprint. Vectors and maps lie in separate files of the same rows."""

    def __init__(self, folder: Path):
        self.folder = folder

    def create(self, key: dict, head: torch.Tensor | None = None) -> None:
        """Make the folder, write down what it is keyed by, and keep the class centres."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if head is not None:
            save_file({"head": head.float().contiguous()}, self.folder / "head.safetensors")
        (self.folder / "key.json").write_text(json.dumps(key, indent=1))

    def path(self, kind: str, shard: int) -> Path:
        return self.folder / f"{kind}-{shard:06d}.safetensors"

    def holds(self, kind: str, shard: int, ids: list[str]) -> bool:
        """Whether the shard is there, whole, and of exactly these images."""
        try:
            return self.ids(kind, shard) == ids
        except (OSError, SafetensorError, KeyError, TypeError, ValueError):
            return False

    def ids(self, kind: str, shard: int) -> list[str]:
        """The images of a shard, in the order of its rows."""
        with safe_open(self.path(kind, shard), "pt") as stored:
            return json.loads(stored.metadata()["ids"])

    def write(self, kind: str, shard: int, ids: list[str], tensors: dict) -> None:
        """Write a shard whole or not at all. OSError, in words, if the disk is full."""
        path = self.path(kind, shard)
        unfinished = path.with_suffix(f".{os.getpid()}.tmp")
        try:
            save_file(tensors, unfinished, {"ids": json.dumps(ids)})
            os.replace(unfinished, path)
        except (OSError, SafetensorError) as error:
            free = shutil.disk_usage(self.folder).free / 1e9
            raise OSError(
                f"could not write {path} ({error}); {free:.2f} GB are free. The {shard} shards "
                "before it are kept: free some space, or set MINT_CACHE to a larger disk, and "
                "run the same command again."
            ) from error
        finally:
            unfinished.unlink(missing_ok=True)  # there only if it did not become the shard

    def read(self, kind: str, shard: int, name: str) -> torch.Tensor:
        with safe_open(self.path(kind, shard), "pt") as stored:
            return stored.get_tensor(name)


class Activations:
    """What a target's taps gave for a list of images, read from a finished store when asked for.

    ``image_ids`` are in the order of the rows, ``mapped`` (bool, n) marks those whose maps are
    kept. ``taps`` lists the names that :meth:`vector` takes beside ``outcome`` and ``head``.
    Needs no model. FileNotFoundError if the store is gone.
    """

    def __init__(self, folder: Path):
        self.folder, self._store = folder, Store(folder)
        if not (folder / "key.json").is_file():
            raise FileNotFoundError(
                f"the activations in {folder} are gone: run notebook 03 again, or "
                "`mint-study run NAME --fresh`"
            )
        self.key = json.loads((folder / "key.json").read_text())
        self.target: str = self.key["target"]
        self.taps: list[str] = self.key["taps"]
        self.has_head: bool = self.key["has_head"]
        self.has_names: bool = self.key["has_names"]
        self.has_batch_norm: bool = self.key["batch_norm"]
        count = len(list(folder.glob("vectors-*.safetensors")))
        self._vectors = [self._store.ids("vectors", number) for number in range(count)]
        self._maps = [self._store.ids("maps", number) for number in range(count)]
        self.image_ids = [image_id for shard in self._vectors for image_id in shard]
        mapped = {image_id for shard in self._maps for image_id in shard}
        if len(self.image_ids) != self.key["count"]:
            raise FileNotFoundError(
                f"the store in {folder} holds {len(self.image_ids)} of {self.key['count']} images: "
                "run notebook 03 again, it goes on from the last whole shard"
            )
        self.mapped = np.array([image_id in mapped for image_id in self.image_ids])

    def __len__(self) -> int:
        return len(self.image_ids)

    def vector(self, name: str, view: str = "plain") -> np.ndarray:
        """float32 (n, C): a tap pooled per channel, ``outcome`` (n, d) or ``head`` (n, 3).

        Also ``named`` (n, 2), NaN for persons without a class, and ``batch_norm`` (n, layers),
        where they were recorded; both of the plain view only.
        """
        named = [*self.taps, "outcome", *(["head"] if self.has_head else [])]
        named += [*(["named"] if self.has_names else [])]
        named += [*(["batch_norm"] if self.has_batch_norm else [])]
        if name not in named:
            raise ValueError(not_a_choice("AAD", name, named))
        if view not in self.key["views"]:
            raise ValueError(not_a_choice("view", view, self.key["views"]))
        shards = range(len(self._vectors))
        return torch.cat([self._store.read("vectors", n, f"{view}/{name}") for n in shards]).numpy()

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
        wanted = place[rows]
        if not len(rows):
            raise ValueError("no rows asked for")
        parts, start, found = [], 0, []
        for number, ids in enumerate(self._maps):
            inside = (wanted >= start) & (wanted < start + len(ids))
            if inside.any():
                part = self._store.read("maps", number, tap)
                parts.append(part[torch.from_numpy(wanted[inside] - start)])
                found.append(np.flatnonzero(inside))
            start += len(ids)
        return torch.cat(parts)[torch.from_numpy(np.concatenate(found).argsort())]
