"""Draws a `Person` in a `Shot`: the 2.5-D renderer behind `portrait.render`.

Each pixel is first carried back to where it would lie on the face seen from the front
(`_place`), so every feature below is written once, for a face that looks straight ahead, and
the turn of the head comes for free: the far side narrows and the nose moves more than the
ears. Flat colours are painted first; `_light` then models them with the slopes of a height map
of the head, and `_photograph` adds what a camera does.

All masks run from 0 to 1 over about one pixel, so edges are smooth at any size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from math import copysign, cos, sin
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mint_utils.sources.portrait import Person, Shot

_EYE_LINE = -0.12
_CHEEK_LINE = -0.06  # the head is widest here
_HEAD_DEPTH = 0.66
_LONG_STYLES = ("bob", "long")
_EYE_WHITE = np.array((0.96, 0.93, 0.90), dtype=np.float32)[:, None, None]
# Per style: (extra volume, side thickness, lower end of the hair, opacity).
_STYLES = {
    "buzz": (0.0, 0.01, -0.10, 0.72),
    "short": (0.6, 0.025, -0.06, 1.0),
    "side": (0.7, 0.025, -0.05, 1.0),
    "fringe": (0.7, 0.04, -0.02, 1.0),
    "curly": (1.2, 0.08, 0.12, 1.0),
    "afro": (1.9, 0.17, 0.16, 1.0),
    "bob": (0.8, 0.10, 0.52, 1.0),
    "long": (0.7, 0.09, 1.40, 1.0),
    "bun": (0.4, 0.02, -0.02, 1.0),
}


@dataclass
class _Scene:
    """The picture being painted and where its pixels lie; every array is (rows, columns)."""

    plane_x: np.ndarray  # position in the picture, before the head is turned
    plane_y: np.ndarray
    across: np.ndarray  # position on the face seen from the front
    down: np.ndarray
    folded: np.ndarray  # |across|: paints both sides of the face at once
    side: np.ndarray  # sign of across
    radius: np.ndarray  # 1 on the outline of the face, smaller inside
    height: np.ndarray  # height map of the head, towards the camera
    head: np.ndarray  # how far a pixel belongs to the head
    gloss: np.ndarray
    image: np.ndarray  # (3, rows, columns) colours before lighting
    pixel: float  # size of a pixel in face units

    def cut(self, half_width: float, top: float, bottom: float) -> _Scene:
        """A view of the part that a feature can touch: painting on it paints the scene."""
        inside = (self.folded < half_width) & (self.down > top) & (self.down < bottom)
        window = []
        for axis in (1, 0):
            hit = np.flatnonzero(inside.any(axis=axis))
            window.append(slice(hit[0], hit[-1] + 1) if hit.size else slice(0, 0))
        arrays = (getattr(self, field.name) for field in fields(self)[:-1])
        return _Scene(*(array[..., window[0], window[1]] for array in arrays), self.pixel)

    def cover(self, distance: np.ndarray, soft: float = 0.0) -> np.ndarray:
        """1 where a signed distance is negative, 0 where positive, `soft` units between."""
        return np.clip(0.5 - distance * (1.0 / (soft + 1.2 * self.pixel)), 0.0, 1.0)

    def line(self, distance: np.ndarray, width: float) -> np.ndarray:
        """A soft stroke along distance 0 that fades, not breaks, once thinner than a pixel."""
        drawn = max(width, 0.7 * self.pixel)
        return np.exp(-np.square(distance * (1.0 / drawn))) * (width / drawn)

    def paint(self, mask: np.ndarray, colour: np.ndarray | Sequence[float]) -> None:
        """Lay a colour, (3,) or (3, rows, columns), over the picture where the mask is 1."""
        colour = np.asarray(colour, dtype=np.float32)
        colour = colour[:, None, None] if colour.ndim == 1 else colour
        self.image += mask * (colour - self.image)

    def darken(self, mask: np.ndarray, share: float) -> None:
        """Shade skin: blue and green fall faster than red, as light scatters in skin."""
        falloff = np.array((0.86, 1.0, 1.03), dtype=np.float32)[:, None, None] * share
        self.image *= 1.0 - falloff * mask

    def paint_head(self, mask: np.ndarray, colour: np.ndarray | Sequence[float]) -> None:
        """Paint something that the lamp models together with the head."""
        self.paint(mask, colour)
        np.maximum(self.head, mask, out=self.head)


def render(person: Person, shot: Shot, size: int = 64) -> np.ndarray:
    """The picture of `person` in `shot`: uint8, shape (size, size, 3), RGB.

    The same arguments always give the same pixels. Good for sizes from 32 to 256.
    """
    rng = np.random.default_rng(shot.noise_seed)
    scene = _place(person, shot, size)
    _paint_backdrop(scene, shot, rng)
    strands = _strands(scene, person)
    hair = None if person.hair_style == "bald" else _hair_distance(scene, person, strands)
    _paint_hair_behind(scene, person, strands)
    body = _paint_body(scene, person, shot)
    _paint_ears(scene, person)
    _paint_skin(scene, person)
    _raise_bones(scene, person, shot)
    _raise_nose(scene, person, shot)
    _paint_beard(scene, person, shot, strands)
    _paint_mouth(scene, person, shot)
    _paint_nostrils(scene, person, shot)
    _paint_eyes(scene, person, shot)
    _paint_brows(scene, person, shot)
    if hair is not None:
        _paint_hair(scene, person, hair, strands)
    if shot.glasses != "none":
        _paint_glasses(scene, person, shot)
    return _photograph(_light(scene, shot, body), scene, shot, rng)


@lru_cache(maxsize=8)
def _grid(size: int) -> tuple[np.ndarray, np.ndarray]:
    """x as a row and y as a column over the pixel centres, from -1 to 1."""
    ticks = ((np.arange(size, dtype=np.float32) + 0.5) * (2.0 / size) - 1.0).astype(np.float32)
    return ticks[None, :], ticks[:, None]


def _place(person: Person, shot: Shot, size: int) -> _Scene:
    """An empty scene with every pixel carried back on to the face seen from the front."""
    x, y = _grid(size)
    x, y = (x - shot.shift_x) / shot.scale, (y - shot.shift_y) / shot.scale
    cosine, sine = cos(shot.roll), sin(shot.roll)
    plane_x, plane_y = x * cosine + y * sine, y * cosine - x * sine
    dome = np.exp(-np.square(plane_x / 0.62) - np.square((plane_y - 0.1) / 0.95))
    # Taking most of the average depth off keeps the face in the crop, as an eye-aligned crop does.
    depth = _HEAD_DEPTH * (dome - 0.6)
    across = plane_x - depth * sin(shot.yaw)
    down = plane_y - depth * sin(shot.pitch)
    across += 0.05 * person.asymmetry * down * down
    down += 0.05 * person.asymmetry * across
    folded = np.abs(across)
    radius = _outline(person, folded, down)
    square = radius * radius
    # Flatter in front and steeper at the sides than a ball, and smooth far outside the head.
    height = 0.72 * np.exp(-square * (0.35 + 0.5 * square))
    blank = np.zeros((2, size, size), dtype=np.float32)
    image = np.empty((3, size, size), dtype=np.float32)
    return _Scene(
        plane_x, plane_y, across, down, folded, np.sign(across), radius, height,
        blank[0], blank[1], image, 2.0 / (size * shot.scale),
    )  # fmt: skip


def _outline(person: Person, folded: np.ndarray, down: np.ndarray) -> np.ndarray:
    """Radius of each point in a head-shaped oval: 1 on the outline of the face."""
    chin = _EYE_LINE + person.chin_length - _CHEEK_LINE
    crown = _CHEEK_LINE - _EYE_LINE + person.skull_height
    offset = down - _CHEEK_LINE
    along = np.where(offset > 0, offset * (1.0 / chin), offset * (1.0 / crown))
    low = np.clip(along, 0.0, 1.0)
    square = low * low
    rest = 1.0 - low
    width = person.skull_width * (
        1.0
        + 4.0 * person.jaw_width * square * (1.0 - square)
        + person.chin_width * square * square
        + 6.75 * person.cheek_width * low * rest * rest
    )
    fall = along * along
    # Less fall-off half-way down makes the jaw squarer; every crown is a little flat.
    flat = 0.5 + (0.6 * person.jaw_square - 0.5) * (offset > 0).astype(np.float32)
    bent = fall * (1.0 - flat * (1.0 - np.minimum(fall, 1.0)))
    return np.sqrt(np.square(folded / width) + np.maximum(bent, 0.0))


def _paint_backdrop(scene: _Scene, shot: Shot, rng: np.random.Generator) -> None:
    """A two-colour gradient with out-of-focus blobs of light and dark."""
    x, y = _grid(scene.image.shape[1])
    first, second = np.array((shot.backdrop_first, shot.backdrop_second), dtype=np.float32)
    ramp = x * cos(shot.backdrop_angle) + y * sin(shot.backdrop_angle)
    ramp = np.clip(0.5 + 0.45 * ramp, 0.0, 1.0)
    scene.image[:] = first[:, None, None] + ramp * (second - first)[:, None, None]
    for _ in range(shot.backdrop_blobs):
        centre_x, centre_y, radius = rng.uniform((-1, -1, 0.12), (1, 0.9, 0.4))
        colour = (first * rng.uniform(0.3, 1.9) + rng.uniform(-0.1, 0.1, 3)).clip(0, 1)
        # A product of two steep bells is a soft-edged square: windows, lamps, passers-by.
        bell_x = np.exp(-np.square(np.square((x - np.float32(centre_x)) / np.float32(radius))))
        bell_y = np.exp(-np.square(np.square((y - np.float32(centre_y)) / np.float32(radius))))
        scene.paint(0.75 * bell_x * bell_y, colour)


def _strands(scene: _Scene, person: Person) -> np.ndarray:
    """Hair texture between about -1 and 1 that fans out from the parting, or curls."""
    phase = person.texture_phase
    if person.hair_style in ("curly", "afro"):
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


def _hair_distance(scene: _Scene, person: Person, strands: np.ndarray) -> np.ndarray:
    """Signed distance to the hair that frames the face: negative where there is hair."""
    style = person.hair_style
    volume, side, end, _ = _STYLES[style]
    across, down = scene.across, scene.down
    thick = side + volume * person.hair_volume * np.clip(0.55 - 0.4 * down, 0.3, 0.85)
    fall = 0.12 * np.maximum(down, 0.0) if style == "long" else 0.0
    outer = np.where(
        down < _CHEEK_LINE, (scene.radius - 1.0) * 0.6, scene.folded - person.skull_width - fall
    )
    if style in ("curly", "afro"):
        thick *= np.clip(4.0 * (end - down), 0.2, 1.0)
    outer -= thick + 0.035 * person.hair_wave * np.sin(8.0 * down + person.texture_phase)
    if style in ("curly", "afro"):
        outer -= 0.03 * strands
    # The opening for the face: a squarish arch under the hairline.
    line = person.hairline
    if style == "fringe":
        line = 0.16 + line + 0.035 * strands + 0.1 * np.square(across)
    elif style in ("side", "bob", "long"):
        sweep = np.clip((across - person.hair_part) * copysign(1.0, -person.hair_part), -0.12, 0.7)
        line = line - 0.06 + 0.45 * sweep * sweep + 0.02 * strands + 0.12 * sweep
    else:
        line = line + 0.015 * strands - 0.08 * person.age * np.square(across / 0.3)
    opening = 0.93 if style in _LONG_STYLES else 0.97
    lift = np.maximum(0.16 - down, 0.0) / np.maximum(0.16 - line, 0.1)
    inner = np.sqrt(np.square(np.square(across / (opening * person.skull_width))) + lift**4)
    # Beside the temples hair also covers all that lies outside the face, to leave no gap.
    beside = (0.97 - scene.radius) * 0.6 + np.maximum(down - 0.05, 0.0)
    edge = np.minimum((1.0 - np.sqrt(inner)) * 0.45, beside)
    distance = np.maximum(outer, edge)
    return np.maximum(distance, down - end - 0.04 * strands)


def _paint_hair_behind(scene: _Scene, person: Person, strands: np.ndarray) -> None:
    """Hair behind the neck, and a bun on the crown."""
    colour = np.array(person.hair_colour) * 0.5
    if person.hair_style in _LONG_STYLES:
        end = _STYLES[person.hair_style][2]
        wide = person.skull_width + 0.03
        distance = np.maximum(scene.folded - wide, scene.down - end - 0.03 * strands)
        scene.paint_head(scene.cover(np.maximum(distance, -0.2 - scene.down)), colour)
    elif person.hair_style == "bun":
        x = (scene.across - 0.5 * person.hair_part) / 0.27
        distance = np.sqrt(x * x + np.square((scene.down + 0.93) / 0.22)) - 1.0
        scene.paint_head(scene.cover((distance + 0.03 * strands) * 0.22), 1.5 * colour)


def _paint_body(scene: _Scene, person: Person, shot: Shot) -> np.ndarray:
    """Neck, shoulders and clothes; returns how far a pixel belongs to the body."""
    x, y = _grid(scene.image.shape[1])
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
    # The chin throws a soft shadow on the neck and the collar.
    thrown = np.exp(-np.square(np.maximum(scene.radius - 0.95, 0.0) / 0.22))
    scene.darken(thrown * np.maximum(neck, clothes), 0.55)
    return np.maximum(neck, clothes)


def _paint_ears(scene: _Scene, person: Person) -> None:
    """Two ears, half hidden by the face that is painted over them."""
    size = person.ear_size
    view = scene.cut(person.skull_width + 0.25, -0.4, 0.3)
    x = (view.folded - person.skull_width - 0.25 * person.ear_out) / (0.065 + 0.4 * person.ear_out)
    y = (view.down + 0.02 - 0.5 * (view.folded - person.skull_width)) / size
    radius = np.sqrt(x * x + y * y * (1.0 + 0.3 * np.clip(y, -2.0, 2.0)))
    skin = np.array(person.skin_colour)
    view.paint_head(view.cover((radius - 1.0) * 0.07), skin * (1.0, 0.92, 0.90))
    view.darken(view.cover((radius - 0.6) * 0.07, 0.03), 0.35)


def _paint_skin(scene: _Scene, person: Person) -> None:
    """The bare face: skin, blush, freckles, a mole and age lines."""
    skin = np.array(person.skin_colour)
    face = scene.cover((scene.radius - 1.0) * 0.6)
    scene.paint_head(face, skin)
    scene.gloss += 0.16 * face
    view = scene.cut(0.5, -0.55, 0.75)
    cheek = view.line((view.folded - 0.3), 0.15) * view.line(view.down - 0.16, 0.13)
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
        bags = view.line(view.down - _EYE_LINE - 0.085 + np.square(view.folded - 0.22), 0.02)
        view.darken(bags * view.line(view.folded - 0.2, 0.09), 0.3 * lines)


def _mouth_line(person: Person) -> float:
    """Height of the middle of the mouth."""
    return _EYE_LINE + person.nose_length + person.philtrum + 0.02


def _raise_bones(scene: _Scene, person: Person, shot: Shot) -> None:
    """Brow ridge, eye sockets, cheekbones, muzzle, lips and chin on the height map."""
    view = scene.cut(0.56, -0.5, 0.85)
    folded, down, mouth = view.folded, view.down, _mouth_line(person)
    smile = max(shot.smile, 0.0)

    def bump(x: float, y: float, wide: float, high: float) -> np.ndarray:
        return np.exp(-np.square((folded - x) / wide) - np.square((down - y) / high))

    relief = 0.035 * bump(0.2, _EYE_LINE - 0.15, 0.2, 0.07)
    relief -= 0.065 * bump(person.eye_spacing - 0.03, _EYE_LINE, 0.15, 0.08)
    relief += 0.035 * bump(person.eye_spacing, _EYE_LINE + 0.005, 0.09, 0.055)
    cheek_bone = 0.03 + 0.04 * person.cheek_bone
    relief += (cheek_bone + 0.03 * smile) * bump(0.31, 0.12 - 0.03 * smile, 0.15, 0.13)
    relief -= (0.01 + 0.03 * person.cheek_bone) * bump(0.38, 0.36, 0.12, 0.14)
    relief += 0.06 * bump(0.0, mouth, 0.22, 0.15)
    relief -= 0.035 * bump(0.0, mouth + 0.115, 0.13, 0.035)
    chin = _EYE_LINE + person.chin_length - 0.1
    relief += 0.075 * bump(0.0, chin, 0.12, 0.08)
    relief -= 0.02 * person.chin_cleft * bump(0.0, chin + 0.02, 0.022, 0.06)
    # The fold from the nose past the corner of the mouth: deeper with age and with a smile.
    fold = folded - 0.13 - 0.38 * (down - 0.18)
    span = np.square((down - 0.5 * (0.2 + mouth) - 0.02) / 0.16)
    depth = 0.006 + 0.012 * max(person.age - 0.2, 0.0) + 0.014 * smile
    relief -= depth * np.exp(-np.square(fold / 0.035) - span)
    view.height += relief


def _nose_axis(view: _Scene, person: Person, shot: Shot) -> tuple[np.ndarray, np.ndarray]:
    """(x from the nose's own ridge, progress from 0 at the root to 1 at the tip)."""
    lift = 0.10 * sin(shot.pitch)  # the tip stands out most, so a nod moves it most
    along = (view.down - _EYE_LINE + 0.04) / (person.nose_length + lift)
    reach = np.clip(along, 0.0, 1.1)
    lean = 0.22 * sin(shot.yaw) + person.nose_bend
    return view.across - lean * reach, along


def _raise_nose(scene: _Scene, person: Person, shot: Shot) -> None:
    """The nose on the height map: a ridge, a ball and two wings."""
    view = scene.cut(0.42, _EYE_LINE - 0.2, _EYE_LINE + person.nose_length + 0.25)
    x, along = _nose_axis(view, person, shot)
    reach = np.clip(along, 0.0, 1.0)
    rise = 0.03 + 0.06 * person.nose_bridge + (0.12 - 0.03 * person.nose_bridge) * reach
    ends = np.clip(1.6 * (along + 0.35), 0.0, 1.0) * np.clip(5.0 * (1.22 - along), 0.0, 1.0)
    ridge = np.exp(-np.square(x / (0.05 + 0.35 * person.nose_width * reach)))
    y = (view.down - _EYE_LINE - person.nose_length + 0.025) / person.nose_tip
    ball = np.exp(-np.square(x / person.nose_tip) - y * y)
    wings = np.exp(-np.square((np.abs(x) - 0.72 * person.nose_width) / 0.04) - np.square(y - 0.2))
    view.height += rise * ridge * ends + 0.055 * ball + 0.04 * wings


def _paint_nostrils(scene: _Scene, person: Person, shot: Shot) -> None:
    """Nostrils, the shadow under the nose and the creases beside its wings."""
    view = scene.cut(0.42, _EYE_LINE + 0.1, _EYE_LINE + person.nose_length + 0.2)
    x, along = _nose_axis(view, person, shot)
    beside = np.abs(x)
    y = view.down - _EYE_LINE - person.nose_length - 0.035 - 0.08 * sin(shot.pitch)
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


def _paint_beard(scene: _Scene, person: Person, shot: Shot, strands: np.ndarray) -> None:
    """Beard, goatee, moustache and stubble, each with its own opacity."""
    if not (person.beard or person.moustache or person.goatee or person.stubble):
        return
    mouth = _mouth_line(person)
    colour = np.array(person.hair_colour) * 0.85
    inside = (scene.radius - 1.0) * 0.6
    cheek = np.square(scene.folded / 0.43) + np.square((scene.down - 0.12) / (mouth - 0.05))
    jaw = (1.0 - np.sqrt(cheek)) * 0.35
    below_ear = np.clip(4.0 * (scene.down + 0.14), 0.0, 1.0)
    if person.stubble:
        shade = scene.cover(np.maximum(jaw + 0.04, inside), 0.16) * below_ear * scene.head
        scene.paint(person.stubble * shade * (1.0 + 0.2 * strands), colour)
    if person.beard:
        full = scene.cover(np.maximum(jaw + 0.008 * strands, inside - 0.05), 0.035) * below_ear
        grown = np.clip(colour[:, None, None] * (1.0 + 0.2 * strands), 0.0, 1.0)
        scene.paint_head(person.beard * full, grown)
    if person.goatee:
        low = mouth + 0.24
        oval = np.square(scene.across / 0.15) + np.square((scene.down - low) / 0.15)
        patch = scene.cover(np.maximum((np.sqrt(oval) - 1.0) * 0.15, inside - 0.04), 0.05)
        scene.paint_head(person.goatee * patch, colour)
    if person.moustache:
        bend = scene.down - mouth + 0.062 - (1.3 - 1.2 * shot.smile) * np.square(scene.across)
        bar = np.maximum(np.abs(bend) - 0.032, scene.folded - person.mouth_width - 0.03)
        scene.paint(person.moustache * scene.cover(bar + 0.01 * strands, 0.025), colour)


def _paint_mouth(scene: _Scene, person: Person, shot: Shot) -> None:
    """Two lips of two tones, the gap between them, and teeth in it."""
    middle = _mouth_line(person)
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


def _paint_eyes(scene: _Scene, person: Person, shot: Shot) -> None:
    """Lids, whites, irises, pupils, highlights and lashes of both eyes at once."""
    view = scene.cut(person.eye_spacing + 0.2, _EYE_LINE - 0.2, _EYE_LINE + 0.2)
    half = person.eye_size
    x = view.folded - person.eye_spacing
    y = view.down - _EYE_LINE + person.eye_tilt * x
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
    view: _Scene,
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


def _paint_brows(scene: _Scene, person: Person, shot: Shot) -> None:
    """Two brows: thick and soft inside, tapering to the temple."""
    centre = _EYE_LINE - person.brow_gap - 0.03 * shot.brow_raise
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


def _paint_hair(scene: _Scene, person: Person, distance: np.ndarray, strands: np.ndarray) -> None:
    """Hair over the face and the shadow it throws on the forehead."""
    opacity = _STYLES[person.hair_style][3]
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


def _paint_glasses(scene: _Scene, person: Person, shot: Shot) -> None:
    """Frames in front of the eyes: they shift with the turn of the head like the nose."""
    view = scene.cut(0.75, _EYE_LINE - 0.3, _EYE_LINE + 0.3)
    x = np.abs(view.across - 0.1 * sin(shot.yaw))
    y = view.down - _EYE_LINE - 0.025
    wide, high, thick = {
        "round": (0.17, 0.155, 0.020), "square": (0.185, 0.125, 0.026), "wire": (0.18, 0.13, 0.010)
    }[shot.glasses]  # fmt: skip
    lens_x, lens_y = np.square((x - 0.235) / wide), np.square(y / high)
    if shot.glasses == "square":
        lens_x, lens_y = lens_x * lens_x, lens_y * lens_y
    radius = np.sqrt(lens_x + lens_y)
    radius = np.sqrt(radius) if shot.glasses == "square" else radius
    distance = (radius - 1.0) * 0.15
    view.darken(view.cover(np.abs(distance - 0.03) - 0.02, 0.04), 0.15)
    glare = np.clip(0.5 - 4.0 * np.abs(view.across + y - 0.25 * view.side + 0.08), 0.0, 1.0)
    view.paint(view.cover(distance) * (0.05 + 0.16 * glare), (0.92, 0.95, 1.0))
    bridge = np.maximum(x - 0.235 + wide, np.abs(y + 0.035 - 0.8 * x * x) - 0.6 * thick)
    temple = np.maximum(np.abs(y + 0.05) - 0.7 * thick, 0.225 + wide - x)
    temple = np.maximum(temple, x - person.skull_width - 0.02)
    frame = np.minimum(np.abs(distance) - 0.7 * thick, np.minimum(bridge, temple))
    view.paint(view.cover(frame), shot.glasses_colour)


def _light(scene: _Scene, shot: Shot, body: np.ndarray) -> np.ndarray:
    """Light the painted colours with one lamp; returns linear RGB, (3, rows, columns)."""
    rise, turn = shot.light_height, shot.light_side
    lamp = np.array((sin(turn) * cos(rise), -sin(rise), cos(turn) * cos(rise)), dtype=np.float32)
    slope_x, slope_y = np.zeros_like(scene.height), np.zeros_like(scene.height)
    step = 0.5 / scene.pixel
    slope_x[:, 1:-1] = (scene.height[:, 2:] - scene.height[:, :-2]) * step
    slope_y[1:-1] = (scene.height[2:] - scene.height[:-2]) * step
    # The body is a rough cylinder: its slope only needs to run from one side to the other.
    head, bare = scene.head, (1.0 - scene.head) * body
    slope_x = head * slope_x - bare * 1.3 * scene.plane_x
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
    solid = np.maximum(head, body)
    return np.square(scene.image) * (1.0 + solid * (lit - 1.0)) + shine * tint


def _photograph(
    linear: np.ndarray, scene: _Scene, shot: Shot, rng: np.random.Generator
) -> np.ndarray:
    """Shadows and objects in front of the face, then lens blur, tone and sensor noise."""
    size = linear.shape[1]
    x, y = _grid(size)
    aside = x * sin(shot.light_side) - y * 0.4
    if shot.shadow:
        linear *= 1.0 - shot.shadow * scene.cover(aside + 0.25, 0.2)
    if shot.cover:
        toward = x * cos(shot.cover_angle) + y * sin(shot.cover_angle)
        hidden = scene.cover(1.15 - 1.2 * shot.cover - toward + 0.25 * (x * x + y * y) - 0.2, 0.1)
        front = np.square(np.array(shot.clothes, dtype=np.float32))[:, None, None] * 0.6
        linear += hidden * (front - linear)
    if shot.blur > 0.004:
        ticks = x[0]
        lens = np.exp(-0.5 * np.square((ticks[:, None] - ticks) / shot.blur))
        lens *= lens > 1e-4  # vanishing weights would slow the products below many times over
        lens /= lens.sum(axis=1, keepdims=True)
        linear = lens @ linear @ lens.T
    picture = np.sqrt(np.maximum(linear * shot.exposure, 0.0))
    picture = 0.5 + (picture - 0.5) * shot.contrast
    grain = rng.standard_normal(picture.shape, dtype=np.float32)
    picture += grain * shot.noise
    pixels = np.clip(picture * 255.0 + 0.5, 0.0, 255.0).astype(np.uint8)
    return np.ascontiguousarray(pixels.transpose(1, 2, 0))
