"""Eyes and brows."""

from math import sin

import numpy as np

from mint_utils.sources.portrait.geometry import EYE_LINE
from mint_utils.sources.portrait.person import Person
from mint_utils.sources.portrait.scene import Scene
from mint_utils.sources.portrait.shot import Shot

_EYE_WHITE = np.array((0.96, 0.93, 0.90), dtype=np.float32)[:, None, None]


def paint_eyes(scene: Scene, person: Person, shot: Shot) -> None:
    """Lids, whites, irises, pupils, highlights and lashes of both eyes at once."""
    view = scene.cut(person.eye_spacing + 0.2, EYE_LINE - 0.2, EYE_LINE + 0.2)
    half = person.eye_size
    x = view.folded - person.eye_spacing
    y = view.down - EYE_LINE + person.eye_tilt * x
    along = x / half
    arch = np.maximum(1.0 - along * along, 0.0)
    tall = half * person.eye_opening * (1.0 + 0.12 * view.side * person.asymmetry)
    low = tall * (0.62 - 0.25 * max(shot.smile, 0.0)) * arch * (1.0 + 0.25 * along)
    raised = tall * (1.05 + 0.12 * shot.brow_raise) * arch * (1.0 - 0.22 * along)
    top = low * shot.eye_close - raised * (1.0 - shot.eye_close)
    skin = np.array(person.skin_colour)
    # The lid: a little darker than the face, ending in a fold.
    lid = view.line(y - top + 0.02, 0.035) * view.cover(np.abs(along) - 1.1, 0.4)
    view.darken(lid * (y < low), 0.22)
    if person.lid_crease:
        fold = view.line(y - top + person.lid_crease, 0.011) * np.sqrt(arch)
        view.darken(fold, 0.42)
    eye = view.cover(np.maximum(top - y, y - low)) * (arch > 0)
    lid_shade = np.exp(-np.maximum(y - top, 0.0) / 0.02)
    view.paint(eye, (0.93 - 0.12 * along**2 - 0.34 * lid_shade) * _EYE_WHITE)
    _paint_iris(view, person, shot, eye, x, y + 0.1 * tall, lid_shade)
    near = view.cover((np.abs(along) - 1.08) * half, 0.02)
    lash = view.line(y - top + 0.004, 0.009 + 0.009 * person.lashes) * near
    wing = view.line(y - top + 0.3 * x, 0.012) * view.cover(np.abs(along - 1.05) - 0.2, 0.2)
    view.paint(np.minimum(lash + 0.5 * person.lashes * wing, 1.0) * 0.9, skin * (0.2, 0.13, 0.12))
    view.darken(view.line(y - low - 0.004, 0.010) * near, 0.3 + 0.2 * person.lashes)


def _paint_iris(
    view: Scene,
    person: Person,
    shot: Shot,
    eye: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    lid_shade: np.ndarray,
) -> None:
    """Iris with a dark rim, pupil and the reflection of the lamp, inside the mask `eye`."""
    radius = 0.052
    shifted = x * view.side - 0.035 * shot.gaze
    distance = np.sqrt(shifted**2 + y * y)
    rim = np.clip((distance / radius - 0.72) * 3.0, 0.0, 1.0)
    lit = (1.0 - 0.55 * rim + 0.35 * np.clip(y / radius, -0.5, 1.0)) * (1.0 - 0.4 * lid_shade)
    iris = np.array(person.iris_colour, dtype=np.float32)[:, None, None] * lit
    view.paint(eye * view.cover(distance - radius), iris)
    view.paint(eye * view.cover(distance - 0.42 * radius), (0.03, 0.025, 0.025))
    spot_x = shifted - 0.35 * radius * sin(shot.light_side)
    spot = np.square(spot_x) + np.square(y + 0.38 * radius)
    view.paint(0.95 * eye * view.cover(np.sqrt(spot) - 0.25 * radius), (1.0, 1.0, 0.98))


def paint_brows(scene: Scene, person: Person, shot: Shot) -> None:
    """Two brows: thick and soft inside, tapering to the temple."""
    centre = EYE_LINE - person.brow_gap - 0.03 * shot.brow_raise
    view = scene.cut(0.5, centre - 0.15, centre + 0.15)
    half = 0.5 * (person.eye_spacing + person.eye_size + 0.05 - person.brow_inner)
    x = view.folded - person.brow_inner - half
    along = x / half
    y = view.down - centre + person.brow_angle * x - 0.02 * view.side * person.asymmetry
    y += person.brow_arch * (1.0 - np.square(along - 0.3)) - 0.3 * person.brow_arch
    thick = person.brow_thickness * np.clip(0.8 - 0.45 * along, 0.2, 1.0)
    thick = thick * np.clip(1.6 + along, 0.6, 1.0)
    inner = np.clip(1.3 + along, 0.3, 1.0)  # sparse hairs at the inner end
    strokes = inner * (0.92 + 0.08 * np.sin(130.0 * x + 90.0 * y) * (view.pixel < 0.015))
    mask = view.cover(np.maximum(np.abs(y) - thick, (np.abs(along) - 1.0) * half), 0.014)
    colour = 0.75 * np.array(person.hair_colour) + 0.06 * np.array(person.skin_colour)
    view.paint(mask * strokes, np.minimum(colour, 0.55 * np.array(person.skin_colour)))
