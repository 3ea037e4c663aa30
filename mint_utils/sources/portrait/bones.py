"""The relief of the face but for the nose, as slopes for the lamp to find."""

import numpy as np

from mint_utils.sources.portrait.geometry import EYE_LINE, mouth_line
from mint_utils.sources.portrait.person import Person
from mint_utils.sources.portrait.scene import Scene
from mint_utils.sources.portrait.shot import Shot


def raise_bones(scene: Scene, person: Person, shot: Shot) -> None:
    """Brow ridge, eye sockets, cheekbones, muzzle, lips and chin on the height map."""
    view = scene.cut(0.56, -0.5, 0.85)
    folded, down, mouth = view.folded, view.down, mouth_line(person)
    smile = max(shot.smile, 0.0)

    def bump(x: float, y: float, wide: float, high: float) -> np.ndarray:
        return np.exp(-np.square((folded - x) / wide) - np.square((down - y) / high))

    relief = 0.035 * bump(0.2, EYE_LINE - 0.15, 0.2, 0.07)
    relief -= 0.065 * bump(person.eye_spacing - 0.03, EYE_LINE, 0.15, 0.08)
    relief += 0.035 * bump(person.eye_spacing, EYE_LINE + 0.005, 0.09, 0.055)
    cheek_bone = 0.03 + 0.04 * person.cheek_bone
    relief += (cheek_bone + 0.03 * smile) * bump(0.31, 0.12 - 0.03 * smile, 0.15, 0.13)
    relief -= (0.01 + 0.03 * person.cheek_bone) * bump(0.38, 0.36, 0.12, 0.14)
    relief += 0.06 * bump(0.0, mouth, 0.22, 0.15)
    relief -= 0.035 * bump(0.0, mouth + 0.115, 0.13, 0.035)
    chin = EYE_LINE + person.chin_length - 0.1
    relief += 0.075 * bump(0.0, chin, 0.12, 0.08)
    relief -= 0.02 * person.chin_cleft * bump(0.0, chin + 0.02, 0.022, 0.06)
    # The fold from the nose past the corner of the mouth: deeper with age and with a smile.
    fold = folded - 0.13 - 0.38 * (down - 0.18)
    span = np.square((down - 0.5 * (0.2 + mouth) - 0.02) / 0.16)
    depth = 0.006 + 0.012 * max(person.age - 0.2, 0.0) + 0.014 * smile
    relief -= depth * np.exp(-np.square(fold / 0.035) - span)
    view.height += relief
