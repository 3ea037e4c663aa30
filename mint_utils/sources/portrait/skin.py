"""The bare head: ears, skin and what marks it."""

import numpy as np

from mint_utils.sources.portrait.geometry import EYE_LINE
from mint_utils.sources.portrait.person import Person
from mint_utils.sources.portrait.scene import Scene


def paint_ears(scene: Scene, person: Person) -> None:
    """Two ears, half hidden by the face that is painted over them."""
    size = person.ear_size
    view = scene.cut(person.skull_width + 0.25, -0.4, 0.3)
    x = (view.folded - person.skull_width - 0.25 * person.ear_out) / (0.065 + 0.4 * person.ear_out)
    y = (view.down + 0.02 - 0.5 * (view.folded - person.skull_width)) / size
    radius = np.sqrt(x * x + y * y * (1.0 + 0.3 * np.clip(y, -2.0, 2.0)))
    skin = np.array(person.skin_colour)
    view.paint_head(view.cover((radius - 1.0) * 0.07), skin * (1.0, 0.92, 0.90))
    view.darken(view.cover((radius - 0.6) * 0.07, 0.03), 0.35)


def paint_skin(scene: Scene, person: Person) -> None:
    """The bare face: skin, blush, freckles, a mole and age lines."""
    skin = np.array(person.skin_colour)
    face = scene.cover((scene.radius - 1.0) * 0.6)
    scene.paint_head(face, skin)
    scene.gloss += 0.16 * face
    view = scene.cut(0.5, -0.55, 0.75)
    cheek = view.line(view.folded - 0.3, 0.15) * view.line(view.down - 0.16, 0.13)
    nose = view.line(view.across, 0.12) * view.line(view.down - 0.17, 0.1)
    view.paint(0.35 * person.blush * np.maximum(cheek, 0.7 * nose), skin * (1.0, 0.74, 0.72))
    if person.freckles:
        phase = person.texture_phase
        spots = np.sin(71.0 * view.across + phase + 1.3 * np.sin(23.0 * view.down + phase))
        spots *= np.sin(67.0 * view.down + phase + 1.3 * np.sin(29.0 * view.across))
        spots = np.clip(2.5 * (spots - 0.35), 0.0, 1.0) * np.maximum(cheek, nose)
        view.paint(0.55 * person.freckles * spots, skin * (0.72, 0.55, 0.45))
    if person.mole_size:
        x, y = view.across - person.mole_x, view.down - person.mole_y
        mole = view.cover(np.sqrt(x * x + y * y) - person.mole_size) * (view.radius < 0.92)
        view.paint(0.8 * mole, skin * (0.45, 0.32, 0.3))
    lines = max(person.age - 0.35, 0.0)
    if lines:
        wave = view.down + 0.42 + 0.03 * np.cos(7.0 * view.across)
        furrows = view.line(wave, 0.012) + view.line(wave - 0.075, 0.012)
        view.darken(furrows * view.line(view.across, 0.26), 0.22 * lines)
        bags = view.line(view.down - EYE_LINE - 0.085 + np.square(view.folded - 0.22), 0.02)
        view.darken(bags * view.line(view.folded - 0.2, 0.09), 0.3 * lines)
