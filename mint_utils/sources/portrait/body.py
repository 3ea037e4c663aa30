"""Neck, shoulders and clothes."""

import numpy as np

from mint_utils.sources.portrait.person import Person
from mint_utils.sources.portrait.scene import Scene, grid
from mint_utils.sources.portrait.shot import Shot


def paint_body(scene: Scene, person: Person, shot: Shot) -> None:
    """Neck, shoulders and clothes, and the shadow of the chin on them."""
    x, y = grid(scene.image.shape[1])
    x, y = (x - 0.5 * shot.shift_x) / shot.scale, (y - shot.shift_y) / shot.scale
    broad = np.abs(x)
    neck_width = 0.62 * person.skull_width + 0.35 * person.jaw_width
    trapeze = 2.0 * np.square(np.maximum(y - 0.55, 0.0))
    neck = scene.cover(broad - neck_width - trapeze) * (y > 0.2)
    scene.paint(neck, np.array(person.skin_colour) * (0.97, 0.93, 0.92))
    collar = 0.84 + 0.5 * np.maximum(neck_width + 0.06 - broad, 0.0)
    collar = collar + 0.14 * np.maximum(broad - neck_width, 0.0)
    clothes = scene.cover(collar - y)
    scene.paint(clothes, shot.clothes)
    scene.darken(scene.line(collar - y + 0.01, 0.015), 0.3)
    np.maximum(neck, clothes, out=scene.body)
    # The chin throws a soft shadow on the neck and the collar.
    thrown = np.exp(-np.square(np.maximum(scene.radius - 0.95, 0.0) / 0.22))
    scene.darken(thrown * scene.body, 0.55)
