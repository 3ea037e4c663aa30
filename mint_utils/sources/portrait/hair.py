"""Hair on the head: its texture, its outline and its colour."""

from math import copysign
from typing import NamedTuple

import numpy as np

from mint_utils.sources.portrait.geometry import CHEEK_LINE
from mint_utils.sources.portrait.person import Person
from mint_utils.sources.portrait.scene import Scene


class _Style(NamedTuple):
    volume: float  # how much of the person's hair volume shows
    side: float  # thickness beside the head
    end: float  # lower end of the hair
    opacity: float


_LONG_STYLES = ("bob", "long")
_CURLED_STYLES = ("curly", "afro")
_STYLES = {
    "buzz": _Style(0.0, 0.01, -0.10, 0.72),
    "short": _Style(0.6, 0.025, -0.06, 1.0),
    "side": _Style(0.7, 0.025, -0.05, 1.0),
    "fringe": _Style(0.7, 0.04, -0.02, 1.0),
    "curly": _Style(1.2, 0.08, 0.12, 1.0),
    "afro": _Style(1.9, 0.17, 0.16, 1.0),
    "bob": _Style(0.8, 0.10, 0.52, 1.0),
    "long": _Style(0.7, 0.09, 1.40, 1.0),
    "bun": _Style(0.4, 0.02, -0.02, 1.0),
}


def hair_strands(scene: Scene, person: Person) -> np.ndarray:
    """Hair texture between about -1 and 1 that fans out from the parting, or curls."""
    phase = person.texture_phase
    if person.hair_style in _CURLED_STYLES:
        tight = 17.0 if person.hair_style == "curly" else 26.0
        swirl = np.sin(tight * scene.down + phase + 2.0 * np.sin(0.7 * tight * scene.across))
        swirl *= np.sin(tight * scene.across + 2.0 * np.sin(0.6 * tight * scene.down + phase))
        return 0.7 * swirl + 0.4 * np.sin(1.9 * tight * (scene.across + scene.down) + 3.0 * swirl)
    fan = (scene.across - person.hair_part) / np.maximum(scene.down + 1.35, 0.15)
    fan += 0.05 * person.hair_wave * np.sin(9.0 * scene.down + phase)
    texture = np.zeros_like(fan)
    for step, frequency in enumerate((14.0, 27.0, 53.0, 101.0)):
        if frequency * scene.pixel < 1.7:  # finer strands than pixels would only flicker
            texture += np.sin(frequency * fan + phase * (step + 1)) * (0.55 - 0.08 * step)
    return texture


def paint_hair_behind(scene: Scene, person: Person, strands: np.ndarray) -> None:
    """Hair behind the neck, and a bun on the crown."""
    colour = np.array(person.hair_colour) * 0.5
    if person.hair_style in _LONG_STYLES:
        end = _STYLES[person.hair_style].end
        wide = person.skull_width + 0.03
        distance = np.maximum(scene.folded - wide, scene.down - end - 0.03 * strands)
        scene.paint_head(scene.cover(np.maximum(distance, -0.2 - scene.down)), colour)
    elif person.hair_style == "bun":
        x = (scene.across - 0.5 * person.hair_part) / 0.27
        distance = np.sqrt(x * x + np.square((scene.down + 0.93) / 0.22)) - 1.0
        scene.paint_head(scene.cover((distance + 0.03 * strands) * 0.22), 1.5 * colour)


def paint_hair(scene: Scene, person: Person, strands: np.ndarray) -> None:
    """Hair over the face and the shadow it throws on the forehead."""
    if person.hair_style == "bald":
        return
    distance = _hair_distance(scene, person, strands)
    opacity = _STYLES[person.hair_style].opacity
    soft = 0.05 if person.hair_style == "buzz" else 0.012
    scene.darken(scene.cover(distance - 0.025, 0.09) * scene.head, 0.3 * opacity)
    colour = np.array(person.hair_colour, dtype=np.float32)[:, None, None]
    shine = np.exp(-np.square((scene.radius - 0.82) / 0.13)) * (scene.down < 0)
    tone = 1.0 + 0.22 * strands + shine * (0.25 + 0.15 * strands)
    mask = opacity * scene.cover(distance, soft)
    sheen = (0.05 + 0.03 * strands) * shine + 0.012 * strands
    scene.paint_head(mask, np.clip(colour * tone + sheen, 0.0, 1.0))
    scene.gloss *= 1.0 - 0.7 * mask
    scene.height += 0.004 * mask * strands


def _hair_distance(scene: Scene, person: Person, strands: np.ndarray) -> np.ndarray:
    """Signed distance to the hair that frames the face: negative where there is hair."""
    style = person.hair_style
    volume, side, end, _ = _STYLES[style]
    across, down = scene.across, scene.down
    thick = side + volume * person.hair_volume * np.clip(0.55 - 0.4 * down, 0.3, 0.85)
    fall = 0.12 * np.maximum(down, 0.0) if style == "long" else 0.0
    outer = np.where(
        down < CHEEK_LINE, (scene.radius - 1.0) * 0.6, scene.folded - person.skull_width - fall
    )
    if style in _CURLED_STYLES:
        thick *= np.clip(4.0 * (end - down), 0.2, 1.0)
    outer -= thick + 0.035 * person.hair_wave * np.sin(8.0 * down + person.texture_phase)
    if style in _CURLED_STYLES:
        outer -= 0.03 * strands
    # The opening for the face: a squarish arch under the hairline.
    line = _hairline(across, person, strands)
    opening = 0.93 if style in _LONG_STYLES else 0.97
    lift = np.maximum(0.16 - down, 0.0) / np.maximum(0.16 - line, 0.1)
    inner = np.sqrt(np.square(np.square(across / (opening * person.skull_width))) + lift**4)
    # Beside the temples hair also covers all that lies outside the face, to leave no gap.
    beside = (0.97 - scene.radius) * 0.6 + np.maximum(down - 0.05, 0.0)
    edge = np.minimum((1.0 - np.sqrt(inner)) * 0.45, beside)
    distance = np.maximum(outer, edge)
    return np.maximum(distance, down - end - 0.04 * strands)


def _hairline(across: np.ndarray, person: Person, strands: np.ndarray) -> np.ndarray:
    """Height of the lower edge of the hair over the forehead."""
    line = person.hairline
    if person.hair_style == "fringe":
        return 0.16 + line + 0.035 * strands + 0.1 * np.square(across)
    if person.hair_style in ("side", "bob", "long"):
        sweep = np.clip((across - person.hair_part) * copysign(1.0, -person.hair_part), -0.12, 0.7)
        return line - 0.06 + 0.45 * sweep * sweep + 0.02 * strands + 0.12 * sweep
    # Hair recedes at the temples with age.
    return line + 0.015 * strands - 0.08 * person.age * np.square(across / 0.3)
