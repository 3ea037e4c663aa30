"""The mouth, shut or open."""

import numpy as np

from mint_utils.sources.portrait.geometry import mouth_line
from mint_utils.sources.portrait.person import Person
from mint_utils.sources.portrait.scene import Scene
from mint_utils.sources.portrait.shot import Shot


def paint_mouth(scene: Scene, person: Person, shot: Shot) -> None:
    """Two lips of two tones, the gap between them, and teeth in it."""
    middle = mouth_line(person)
    view = scene.cut(0.36, middle - 0.16, middle + 0.24)
    half = person.mouth_width * (1.0 + 0.16 * max(shot.smile, 0.0) - 0.12 * shot.mouth_open)
    x = view.across / half
    x2 = np.minimum(x * x, 1.2)
    arch = np.maximum(1.0 - x2, 0.0)
    y = view.down - middle + (0.012 + 0.055 * shot.smile) * x2 - 0.015 * shot.smile
    gap = (0.075 * shot.mouth_open + 0.022 * max(shot.smile - 0.4, 0.0)) * arch
    dip = person.cupid_bow * np.exp(-np.square(x / 0.16))
    thin = 1.0 - 0.2 * max(shot.smile, 0.0)
    top = -0.35 * gap - thin * person.upper_lip * (arch * (1.15 - 0.15 * arch) - dip)
    low = 0.8 * gap + thin * person.lower_lip * np.sqrt(arch) * (0.4 + 0.6 * arch)
    skin = np.array(person.skin_colour)
    natural = skin * (0.90, 0.66, 0.64)
    rouge = np.array((0.72, 0.26, 0.28)) * (0.35 + 0.75 * person.skin_colour[0])
    lip = natural + 0.5 * person.lip_red * (rouge - natural)
    mouth = view.cover(np.maximum(np.maximum(top - y, y - low), (np.abs(x) - 1.0) * half), 0.008)
    upper = view.cover(y - 0.3 * gap)
    view.paint(mouth, lip * (1.06, 1.04, 1.04))
    view.paint(mouth * upper, lip * 0.82)
    view.gloss += 0.18 * mouth * (1.0 - upper)
    view.height += 0.02 * np.exp(-np.square((y - 0.55 * low) / 0.035)) * np.sqrt(arch)
    seam = view.line(y - 0.2 * gap, 0.011) * view.cover((np.abs(x) - 1.02) * half, 0.03)
    if shot.mouth_open > 0.05 or shot.smile > 0.45:
        hollow = mouth * view.cover(np.maximum(-0.35 * gap - y, y - 0.8 * gap), 0.004)
        view.paint(hollow, (0.22, 0.07, 0.07))
        teeth = hollow * view.cover(y - 0.05 * gap - 0.012) * (0.6 + 0.4 * arch)
        view.paint(0.9 * teeth, (0.90, 0.87, 0.83))
        seam = seam * (1.0 - hollow)
    view.paint(0.75 * seam, skin * (0.35, 0.2, 0.2))
