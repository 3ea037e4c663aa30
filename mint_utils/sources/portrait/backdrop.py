"""What is behind the person."""

from math import cos, sin

import numpy as np

from mint_utils.sources.portrait.scene import Scene, grid
from mint_utils.sources.portrait.shot import Shot


def paint_backdrop(scene: Scene, shot: Shot, rng: np.random.Generator) -> None:
    """A two-colour gradient with out-of-focus blobs of light and dark."""
    x, y = grid(scene.image.shape[1])
    first, second = np.array((shot.backdrop_first, shot.backdrop_second), dtype=np.float32)
    ramp = x * cos(shot.backdrop_angle) + y * sin(shot.backdrop_angle)
    ramp = np.clip(0.5 + 0.45 * ramp, 0.0, 1.0)
    scene.image[:] = first[:, None, None] + ramp * (second - first)[:, None, None]
    for _ in range(shot.backdrop_blobs):
        centre_x, centre_y, radius = rng.uniform((-1, -1, 0.12), (1, 0.9, 0.4)).tolist()
        colour = (first * rng.uniform(0.3, 1.9) + rng.uniform(-0.1, 0.1, 3)).clip(0, 1)
        # A product of two steep bells is a soft-edged square: windows, lamps, passers-by.
        bell_x = np.exp(-np.square(np.square((x - centre_x) / radius)))
        bell_y = np.exp(-np.square(np.square((y - centre_y) / radius)))
        scene.paint(0.75 * bell_x * bell_y, colour)
