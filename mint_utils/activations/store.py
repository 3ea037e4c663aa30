"""Activations on disk: shards of images in order, with a stamp of every row and checksums.

A store's folder is named after a fingerprint of everything that decides its content (weights,
taps, preprocessing, views, the images by their pixels), so a changed model or image list is
another folder and a stale store cannot be read by mistake. Shards appear whole or not at all, so
a store can be read while it is written.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

UNREADABLE = (OSError, SafetensorError, KeyError, TypeError, ValueError)


class Store:
    """Shards of one fingerprint. Vectors and maps lie in separate files of the same rows."""

    def __init__(self, folder: Path):
        self.folder = folder

    def create(self, key: dict, images: pd.DataFrame, head: torch.Tensor | None = None) -> None:
        """Make the folder; write down what it is keyed by, its images and the class centres.

        ``images`` has ``image_id``, ``stamp`` (16 characters that change with anything that may
        change the row) and ``mapped``, in the order of the rows.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        if head is not None:
            centres = {"head": head.float().contiguous()}
            self._whole("head.safetensors", lambda file: save_file(centres, file))
        self._whole("images.parquet", lambda file: images.to_parquet(file, index=False))
        self._whole("key.json", lambda file: file.write_text(json.dumps(key, indent=1)))

    def path(self, kind: str, shard: int) -> Path:
        return self.folder / f"{kind}-{shard:06d}.safetensors"

    def shards(self, kind: str) -> list[int]:
        """The numbers of the shards that are there."""
        files = self.folder.glob(f"{kind}-*.safetensors")
        return sorted(int(file.stem.rpartition("-")[2]) for file in files)

    def holds(self, kind: str, shard: int, stamps: list[str], columns: set[str]) -> bool:
        """Whether the shard is there, whole, and of exactly these rows and columns."""
        try:
            with safe_open(self.path(kind, shard), "pt") as stored:
                there = json.loads(stored.metadata()["shard"])
                return there["stamps"] == stamps and (set(stored.keys()) == columns or not stamps)
        except UNREADABLE:
            return False

    def stamps(self, kind: str, shard: int) -> list[str]:
        """The stamps of a shard's rows, in their order."""
        return self._about(kind, shard)["stamps"]

    def columns(self, kind: str, shard: int) -> set[str]:
        """The names that a shard has values of."""
        return set(self._about(kind, shard)["sha256"])

    def write(self, kind: str, shard: int, stamps: list[str], tensors: dict) -> None:
        """Write a shard whole or not at all. OSError, in words, if the disk is full."""
        checksums = {name: _sha256(tensors[name]) for name in sorted(tensors)}
        about = json.dumps({"stamps": stamps, "sha256": checksums})
        try:
            self._whole(
                self.path(kind, shard).name, lambda file: save_file(tensors, file, {"shard": about})
            )
        except (OSError, SafetensorError) as error:
            free = shutil.disk_usage(self.folder).free / 1e9
            raise OSError(
                f"could not write {self.path(kind, shard)} ({error}); {free:.2f} GB are free. The "
                "shards before it are kept: free some space, or set MINT_CACHE to a larger disk, "
                "and run the same command again."
            ) from error

    def read(self, kind: str, shard: int, name: str) -> torch.Tensor:
        """One column of a shard. OSError if it is not what was written."""
        path = self.path(kind, shard)
        try:
            with safe_open(path, "pt") as stored:
                values = stored.get_tensor(name)
                written = json.loads(stored.metadata()["shard"])["sha256"][name]
        except UNREADABLE as error:
            raise OSError(_damaged(path, str(error))) from error
        if _sha256(values) != written:
            raise OSError(_damaged(path, f"{name} does not match its checksum"))
        return values

    def glance(self, kind: str, shard: int, name: str, row: int) -> torch.Tensor:
        """One row of a column, the rest neither read nor checked: to look at, not to compute with.

        OSError if the shard cannot be read.
        """
        path = self.path(kind, shard)
        try:
            with safe_open(path, "pt") as stored:
                return stored.get_slice(name)[row]
        except UNREADABLE as error:
            raise OSError(_damaged(path, str(error))) from error

    def _about(self, kind: str, shard: int) -> dict:
        with safe_open(self.path(kind, shard), "pt") as stored:
            return json.loads(stored.metadata()["shard"])

    def _whole(self, name: str, write: Callable[[Path], object]) -> None:
        """Let ``write`` make a file that is there whole or not at all."""
        path = self.folder / name
        unfinished = path.with_suffix(f".{os.getpid()}.tmp")
        try:
            write(unfinished)
            os.replace(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)  # there only if it did not become the file


def _damaged(path: Path, why: str) -> str:
    return f"{path} is damaged ({why}): delete it and run notebook 03 again, which redoes it alone"


def _sha256(tensor: torch.Tensor) -> str:
    data = tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy()
    return hashlib.sha256(data.data).hexdigest()
