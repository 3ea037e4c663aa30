"""What every source of faces offers."""

from typing import Protocol

import numpy as np
import pandas as pd


class UnreadableImage(ValueError):
    """One image that cannot be decoded; whoever reads the set counts and lists it."""


class Source(Protocol):
    """Built as ``SomeSource(spec, seed)`` from its block of the scenario; lazy until asked."""

    def images(self) -> pd.DataFrame:
        """All images: columns ``image_id`` (unique, starts with the group) and ``identity``."""

    def read(self, image_id: str) -> np.ndarray:
        """One image, uint8 of shape (height, width, 3), RGB. Raises UnreadableImage."""

    def is_here(self) -> bool:
        """Whether the images are on this machine; downloads nothing."""

    def stamp(self) -> str:
        """Changes whenever an image is added, removed or rewritten; cheap, reads no image."""


class SourceWithFacts(Source, Protocol):
    """A source that also knows how its images are stored. A source need not; parity then goes by
    the pixels alone.
    """

    def facts(self, image_id: str) -> dict:
        """``width`` and ``height`` in pixels as stored, and where images are files
        ``jpeg_quality`` (1 to 100; None for a file that is no JPEG). Raises UnreadableImage.
        """
