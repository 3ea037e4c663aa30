"""From light to pixels: what comes before the lens, the lens and the sensor."""

from math import cos, sin

import numpy as np

from mint_utils.sources.portrait.scene import Scene, grid
from mint_utils.sources.portrait.shot import Shot


def photograph(
    linear: np.ndarray, scene: Scene, shot: Shot, rng: np.random.Generator
) -> np.ndarray:
    """Turn linear RGB, (3, rows, columns), into a uint8 picture, (rows, columns, 3)."""
    _obstruct(linear, scene, shot)
    if shot.blur > 0.004:  # a narrower blur lies within one pixel
        linear = _defocus(linear, shot.blur)
    picture = np.sqrt(np.maximum(linear * shot.exposure, 0.0))
    picture = 0.5 + (picture - 0.5) * shot.contrast
    picture += rng.standard_normal(picture.shape, dtype=np.float32) * shot.noise
    pixels = np.clip(picture * 255.0 + 0.5, 0.0, 255.0).astype(np.uint8)
    return np.ascontiguousarray(pixels.transpose(1, 2, 0))


def _obstruct(linear: np.ndarray, scene: Scene, shot: Shot) -> None:
    """Lay a thrown shadow and an object in front of the face over the light, in place."""
    x, y = grid(linear.shape[1])
    if shot.shadow:
        aside = x * sin(shot.light_side) - y * 0.4
        linear *= 1.0 - shot.shadow * scene.cover(aside + 0.25, 0.2)
    if shot.cover:
        toward = x * cos(shot.cover_angle) + y * sin(shot.cover_angle)
        hidden = scene.cover(1.15 - 1.2 * shot.cover - toward + 0.25 * (x * x + y * y) - 0.2, 0.1)
        front = np.square(np.array(shot.clothes, dtype=np.float32))[:, None, None] * 0.6
        linear += hidden * (front - linear)


def _defocus(linear: np.ndarray, spread: float) -> np.ndarray:
    """Blur by a Gaussian: one matrix product along each axis."""
    ticks = grid(linear.shape[1])[0][0]
    lens = np.exp(-0.5 * np.square((ticks[:, None] - ticks) / spread))
    lens *= lens > 1e-4  # vanishing weights would slow the products below many times over
    lens /= lens.sum(axis=1, keepdims=True)
    return lens @ linear @ lens.T
