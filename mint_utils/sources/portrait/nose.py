"""The nose: its relief and its shadows."""

from math import sin

import numpy as np

from mint_utils.sources.portrait.geometry import EYE_LINE
from mint_utils.sources.portrait.person import Person
from mint_utils.sources.portrait.scene import Scene
from mint_utils.sources.portrait.shot import Shot


def raise_nose(scene: Scene, person: Person, shot: Shot) -> None:
    """The nose on the height map: a ridge, a ball and two wings."""
    view = scene.cut(0.42, EYE_LINE - 0.2, EYE_LINE + person.nose_length + 0.25)
    x, along = _nose_axis(view, person, shot)
    reach = np.clip(along, 0.0, 1.0)
    rise = 0.03 + 0.06 * person.nose_bridge + (0.12 - 0.03 * person.nose_bridge) * reach
    ends = np.clip(1.6 * (along + 0.35), 0.0, 1.0) * np.clip(5.0 * (1.22 - along), 0.0, 1.0)
    ridge = np.exp(-np.square(x / (0.05 + 0.35 * person.nose_width * reach)))
    y = (view.down - EYE_LINE - person.nose_length + 0.025) / person.nose_tip
    ball = np.exp(-np.square(x / person.nose_tip) - y * y)
    wings = np.exp(-np.square((np.abs(x) - 0.72 * person.nose_width) / 0.04) - np.square(y - 0.2))
    view.height += rise * ridge * ends + 0.055 * ball + 0.04 * wings


def paint_nostrils(scene: Scene, person: Person, shot: Shot) -> None:
    """Nostrils, the shadow under the nose and the creases beside its wings."""
    view = scene.cut(0.42, EYE_LINE + 0.1, EYE_LINE + person.nose_length + 0.2)
    x, along = _nose_axis(view, person, shot)
    beside = np.abs(x)
    y = view.down - EYE_LINE - person.nose_length - 0.035 - 0.08 * sin(shot.pitch)
    under = np.exp(-np.square(x / (1.1 * person.nose_width)) - np.square((y - 0.01) / 0.03))
    view.darken(under, 0.30)
    wide = 0.30 * person.nose_width
    hole = np.square((beside - 0.48 * person.nose_width) / wide)
    hole += np.square((y + 0.25 * (beside - 0.5 * person.nose_width)) / 0.02)
    view.darken(view.cover((np.sqrt(hole) - 1.0) * 0.025, 0.012), 0.68)
    wing = np.square((beside - 0.66 * person.nose_width) / (0.46 * person.nose_width))
    wing = np.sqrt(wing + np.square((y + 0.045) / 0.055))
    outside = np.clip((beside - 0.7 * person.nose_width) * 20.0, 0.0, 1.0)
    view.darken(view.line((wing - 1.0) * 0.05, 0.012) * outside, 0.28)


def _nose_axis(view: Scene, person: Person, shot: Shot) -> tuple[np.ndarray, np.ndarray]:
    """(x from the nose's own ridge, progress from 0 at the root to 1 at the tip)."""
    lift = 0.10 * sin(shot.pitch)  # the tip stands out most, so a nod moves it most
    along = (view.down - EYE_LINE + 0.04) / (person.nose_length + lift)
    reach = np.clip(along, 0.0, 1.1)
    lean = 0.22 * sin(shot.yaw) + person.nose_bend
    return view.across - lean * reach, along
