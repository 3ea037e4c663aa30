"""One lamp and the light all round, on the slopes of the height map."""

from math import cos, sin

import numpy as np

from mint_utils.sources.portrait.scene import Scene
from mint_utils.sources.portrait.shot import Shot


def light(scene: Scene, shot: Shot) -> np.ndarray:
    """Light the painted colours with one lamp; returns linear RGB, (3, rows, columns)."""
    rise, turn = shot.light_height, shot.light_side
    lamp = np.array((sin(turn) * cos(rise), -sin(rise), cos(turn) * cos(rise)), dtype=np.float32)
    slope_x, slope_y = np.zeros_like(scene.height), np.zeros_like(scene.height)
    step = 0.5 / scene.pixel
    slope_x[:, 1:-1] = (scene.height[:, 2:] - scene.height[:, :-2]) * step
    slope_y[1:-1] = (scene.height[2:] - scene.height[:-2]) * step
    # The body is a rough cylinder: its slope only needs to run from one side to the other.
    head, bare = scene.head, (1.0 - scene.head) * scene.body
    slope_x = head * slope_x - bare * 1.3 * scene.plane
    slope_y = head * slope_y - bare * 0.2
    facing = 1.0 / np.sqrt(1.0 + slope_x * slope_x + slope_y * slope_y)
    toward = (lamp[2] - lamp[0] * slope_x - lamp[1] * slope_y) * facing
    warm = shot.light_warmth
    tint = np.array((1.0 + 0.10 * warm, 1.0, 1.0 - 0.16 * warm), dtype=np.float32)[:, None, None]
    # Light wraps furthest round skin in red, which gives the warm edge of a shadow.
    wrap = np.array((0.30, 0.20, 0.17), dtype=np.float32)[:, None, None]
    diffuse = np.maximum((toward + wrap) / (1.0 + wrap), 0.0)
    strength = shot.light_strength
    ambient = (1.0 - strength) * (0.7 + 0.3 * facing) * (2.0 - tint)
    lit = ambient + 1.35 * strength * diffuse * tint
    half = lamp + np.array((0.0, 0.0, 1.0), dtype=np.float32)
    half /= np.sqrt(half @ half)
    shine = np.maximum((half[2] - half[0] * slope_x - half[1] * slope_y) * facing, 0.0) ** 2
    shine = np.square(np.square(np.square(shine))) * scene.gloss * strength
    solid = np.maximum(head, scene.body)
    return np.square(scene.image) * (1.0 + solid * (lit - 1.0)) + shine * tint
