"""Glasses."""

from math import sin

import numpy as np

from mint_utils.sources.portrait.geometry import EYE_LINE
from mint_utils.sources.portrait.person import Person
from mint_utils.sources.portrait.scene import Scene
from mint_utils.sources.portrait.shot import Shot

# Per kind: (half width of a lens, half height, thickness of the frame).
_FRAMES = {
    "round": (0.17, 0.155, 0.020),
    "square": (0.185, 0.125, 0.026),
    "wire": (0.18, 0.13, 0.010),
}


def paint_glasses(scene: Scene, person: Person, shot: Shot) -> None:
    """Frames in front of the eyes: they shift with the turn of the head like the nose."""
    if shot.glasses == "none":
        return
    view = scene.cut(0.75, EYE_LINE - 0.3, EYE_LINE + 0.3)
    x = np.abs(view.across - 0.1 * sin(shot.yaw))
    y = view.down - EYE_LINE - 0.025
    wide, high, thick = _FRAMES[shot.glasses]
    lens_x, lens_y = np.square((x - 0.235) / wide), np.square(y / high)
    if shot.glasses == "square":
        radius = np.sqrt(np.sqrt(lens_x * lens_x + lens_y * lens_y))
    else:
        radius = np.sqrt(lens_x + lens_y)
    distance = (radius - 1.0) * 0.15
    view.darken(view.cover(np.abs(distance - 0.03) - 0.02, 0.04), 0.15)
    glare = np.clip(0.5 - 4.0 * np.abs(view.across + y - 0.25 * view.side + 0.08), 0.0, 1.0)
    view.paint(view.cover(distance) * (0.05 + 0.16 * glare), (0.92, 0.95, 1.0))
    bridge = np.maximum(x - 0.235 + wide, np.abs(y + 0.035 - 0.8 * x * x) - 0.6 * thick)
    temple = np.maximum(np.abs(y + 0.05) - 0.7 * thick, 0.225 + wide - x)
    temple = np.maximum(temple, x - person.skull_width - 0.02)
    frame = np.minimum(np.abs(distance) - 0.7 * thick, np.minimum(bridge, temple))
    view.paint(view.cover(frame), shot.glasses_colour)
