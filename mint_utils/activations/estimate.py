"""What an extraction will take, measured on its first batch before hours are spent."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mint_utils.activations.recorder import Recorder
from mint_utils.faces import FaceSet


@dataclass(frozen=True)
class Estimate:
    """Of ``images``: ``seconds`` on this machine, ``needed`` bytes, of which ``free`` are free."""

    images: int
    seconds: float
    needed: int
    free: int

    def __str__(self) -> str:
        rate = self.images / max(self.seconds, 1e-9)
        return (
            f"{self.images:,} images, about {_duration(self.seconds)} ({rate:,.0f} images/s) and "
            f"{self.needed / 1e9:.2f} GB of {self.free / 1e9:.0f} GB free"
        )

    def refuse_what_cannot_fit(self, folder: Path) -> None:
        """Raise OSError if the disk under ``folder`` cannot hold it."""
        if self.needed > self.free:
            raise OSError(
                f"the activations need {self.needed / 1e9:.2f} GB and {folder} has "
                f"{self.free / 1e9:.2f} GB free: set MINT_CACHE to a larger disk, lower "
                "detectors.samples, store vectors as float16 (extraction.stored), or name fewer "
                "taps"
            )


def estimate(
    recorder: Recorder, faces: FaceSet, images: int, mapped: float, folder: Path
) -> Estimate:
    """Record the first batch of ``faces`` and multiply to ``images``, of which a part is mapped."""
    few = faces.where(np.arange(len(faces)) < recorder.batch_size)
    start = time.perf_counter()
    vectors, maps = recorder.rows(few, np.ones(len(few), bool))
    taken = time.perf_counter() - start
    per_image = sum(value.nbytes for value in vectors.values()) / len(few)
    per_map = sum(value.nbytes for value in maps.values()) / len(few)
    free = shutil.disk_usage(folder).free
    needed = int(images * (per_image + mapped * per_map))
    return Estimate(images, images * taken / len(few), needed, free)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    if minutes < 90:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.0f} h" if minutes < 72 * 60 else f"{minutes / 1440:.0f} days"
