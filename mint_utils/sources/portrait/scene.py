"""The picture being painted and the brushes to paint it with.

All masks run from 0 to 1 over about one pixel, so edges are smooth at any size.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Self

import numpy as np


@dataclass
class Scene:
    """The picture being painted and where its pixels lie; every array is (rows, columns)."""

    plane: np.ndarray  # position across the picture, before the head is turned
    across: np.ndarray  # position on the face seen from the front
    down: np.ndarray
    folded: np.ndarray  # |across|: paints both sides of the face at once
    side: np.ndarray  # sign of across
    radius: np.ndarray  # 1 on the outline of the face, smaller inside
    height: np.ndarray  # height map of the head, towards the camera
    head: np.ndarray  # how far a pixel belongs to the head
    body: np.ndarray  # how far it belongs to neck and clothes, be they hidden or not
    gloss: np.ndarray  # strength of the lamp's reflection
    image: np.ndarray  # (3, rows, columns) colours before lighting
    pixel: float  # size of a pixel in face units; last, so that `cut` can leave it out

    def cut(self, half_width: float, top: float, bottom: float) -> Self:
        """A view of the part that a feature can touch: painting on it paints the scene."""
        inside = (self.folded < half_width) & (self.down > top) & (self.down < bottom)
        window = []
        for axis in (1, 0):
            hit = np.flatnonzero(inside.any(axis=axis))
            window.append(slice(hit[0], hit[-1] + 1) if hit.size else slice(0, 0))
        arrays = (getattr(self, field.name) for field in fields(self)[:-1])
        return type(self)(*(array[..., window[0], window[1]] for array in arrays), self.pixel)

    def cover(self, distance: np.ndarray, soft: float = 0.0) -> np.ndarray:
        """1 where a signed distance is negative, 0 where positive, `soft` units between."""
        return np.clip(0.5 - distance * (1.0 / (soft + 1.2 * self.pixel)), 0.0, 1.0)

    def line(self, distance: np.ndarray, width: float) -> np.ndarray:
        """A soft stroke along distance 0 that fades, not breaks, once thinner than a pixel."""
        drawn = max(width, 0.7 * self.pixel)
        return np.exp(-np.square(distance * (1.0 / drawn))) * (width / drawn)

    def paint(self, mask: np.ndarray, colour: np.ndarray | Sequence[float]) -> None:
        """Lay a colour, (3,) or (3, rows, columns), over the picture where the mask is 1."""
        colour = np.asarray(colour, dtype=np.float32)
        colour = colour[:, None, None] if colour.ndim == 1 else colour
        self.image += mask * (colour - self.image)

    def darken(self, mask: np.ndarray, share: float) -> None:
        """Shade skin: blue and green fall faster than red, as light scatters in skin."""
        falloff = np.array((0.86, 1.0, 1.03), dtype=np.float32)[:, None, None] * share
        self.image *= 1.0 - falloff * mask

    def paint_head(self, mask: np.ndarray, colour: np.ndarray | Sequence[float]) -> None:
        """Paint something that the lamp models together with the head."""
        self.paint(mask, colour)
        np.maximum(self.head, mask, out=self.head)


@lru_cache(maxsize=8)
def grid(size: int) -> tuple[np.ndarray, np.ndarray]:
    """x as a row and y as a column over the pixel centres, from -1 to 1."""
    ticks = (np.arange(size, dtype=np.float32) + 0.5) * (2.0 / size) - 1.0
    return ticks[None, :], ticks[:, None]
