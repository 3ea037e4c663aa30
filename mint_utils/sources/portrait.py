"""Invented people and invented photographs, as plain numbers.

A face-recognition demo needs many people with many photographs of each, and real faces
bring privacy and licence questions with them. Here nobody is real: a `Person` is a few
dozen numbers that never change between pictures (bone structure, skin, hair, features) and a
`Shot` is everything that does change (pose, light, expression, backdrop, camera).
`render` in `portrait_render` turns one of each into a small picture.

Lengths are in face units: the crop is 2 units wide and high, its centre is the origin,
x points right and y points down. Colours are RGB between 0 and 1, angles are radians.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mint_utils.sources.portrait_render import render

__all__ = ["HAIR_STYLES", "LOOKS", "Person", "Shot", "draw_person", "draw_shot", "render"]

LOOKS = ("studio", "street")
HAIR_STYLES = ("bald", "buzz", "short", "side", "fringe", "curly", "afro", "bob", "long", "bun")

Colour = tuple[float, float, float]

# Odds of each hair style, in the order of HAIR_STYLES, at the two ends of `masculine`.
_STYLE_ODDS_FEMININE = np.array([0, 1, 6, 7, 8, 12, 8, 16, 28, 14], dtype=float)
_STYLE_ODDS_MASCULINE = np.array([10, 13, 24, 22, 10, 10, 6, 1, 4, 0], dtype=float)

# Photographed skin from very fair to very deep; a person's tone interpolates between rows.
_SKIN_TONES = np.array(
    [
        (0.97, 0.84, 0.76), (0.93, 0.77, 0.66), (0.86, 0.68, 0.55), (0.78, 0.58, 0.44),
        (0.68, 0.47, 0.34), (0.55, 0.37, 0.26), (0.44, 0.30, 0.22), (0.35, 0.24, 0.185),
    ]
)  # fmt: skip
_HAIR_COLOURS = np.array(
    [
        (0.10, 0.085, 0.085), (0.16, 0.11, 0.085), (0.26, 0.16, 0.10), (0.38, 0.24, 0.14),
        (0.55, 0.39, 0.22), (0.78, 0.63, 0.40), (0.52, 0.20, 0.09),
    ]
)  # fmt: skip
_GREY_HAIR = np.array((0.70, 0.69, 0.68))
_IRIS_COLOURS = np.array(
    [(0.20, 0.11, 0.06), (0.34, 0.20, 0.10), (0.42, 0.36, 0.18), (0.30, 0.45, 0.34),
     (0.32, 0.48, 0.64), (0.46, 0.53, 0.58)]
)  # fmt: skip
_CLOTHES = np.array(
    [
        (0.16, 0.18, 0.24), (0.85, 0.85, 0.83), (0.60, 0.17, 0.18), (0.18, 0.36, 0.42),
        (0.75, 0.58, 0.28), (0.36, 0.45, 0.30), (0.45, 0.32, 0.48), (0.30, 0.30, 0.31),
    ]
)  # fmt: skip


@dataclass(frozen=True)
class Person:
    """What stays the same in every picture of one person (face units, see the module)."""

    # Bones
    skull_width: float  # half width at the cheekbones
    skull_height: float  # from the eye line to the crown
    jaw_width: float  # relative widening (+) or narrowing (-) of the jaw
    jaw_square: float  # 0 oval, 1 square
    chin_length: float  # from the eye line to the chin
    chin_width: float
    chin_cleft: float
    cheek_width: float
    cheek_bone: float  # how far the cheekbones stand out
    asymmetry: float  # signed skew of the whole face
    # Skin
    skin_colour: Colour
    blush: float  # redness of cheeks and nose
    freckles: float  # 0 none, 1 many
    mole_x: float
    mole_y: float
    mole_size: float  # radius, 0 for no mole
    age: float  # 0 smooth, 1 deep lines
    # Hair
    hair_style: str  # one of HAIR_STYLES
    hair_colour: Colour
    hairline: float  # height of the hairline, negative is up
    hair_volume: float
    hair_part: float  # where along x the parting sits
    hair_wave: float
    beard: float  # opacity of each kind of beard
    moustache: float
    goatee: float
    stubble: float
    # Brows and eyes
    brow_thickness: float
    brow_angle: float
    brow_arch: float
    brow_gap: float  # height over the eye
    brow_inner: float  # distance of the inner end from the nose line
    eye_size: float  # half width of one eye
    eye_opening: float  # height over width
    eye_spacing: float  # centre of one eye from the nose line
    eye_tilt: float
    lid_crease: float  # distance of the fold over the lid, 0 for no fold
    lashes: float
    iris_colour: Colour
    # Nose, mouth, ears
    nose_length: float
    nose_width: float
    nose_tip: float  # radius of the ball of the nose
    nose_bridge: float  # 0 flat, 1 high
    nose_bend: float
    philtrum: float  # from the nose to the mouth
    mouth_width: float
    upper_lip: float
    lower_lip: float
    cupid_bow: float
    lip_red: float
    ear_size: float
    ear_out: float

    @property
    def texture_phase(self) -> float:
        """A number that fixes the pattern of hair strands and freckles for this person."""
        return 97.0 * (self.skull_width + self.nose_width + self.mouth_width)


@dataclass(frozen=True)
class Shot:
    """What changes from one picture to the next: pose, light, mood, place and camera."""

    yaw: float  # turn of the head, positive to the right of the picture
    pitch: float  # nod, positive down
    roll: float  # tilt
    scale: float
    shift_x: float
    shift_y: float
    light_side: float  # angle of the lamp, negative left
    light_height: float  # angle of the lamp above the eyes
    light_strength: float  # lamp against the surrounding light, 0 to 1
    light_warmth: float  # -1 cold, 1 warm
    exposure: float  # factor on the light
    contrast: float
    smile: float  # -0.4 sulky to 1 broad
    mouth_open: float
    brow_raise: float
    eye_close: float
    gaze: float  # -1 left, 1 right
    backdrop_first: Colour
    backdrop_second: Colour
    backdrop_angle: float
    backdrop_blobs: int
    clothes: Colour
    glasses: str  # "none", "round", "square" or "wire"
    glasses_colour: Colour
    cover: float  # how much of the crop an object in front hides
    cover_angle: float  # the direction that object comes from
    shadow: float  # darkness of a shadow thrown over one side
    blur: float  # standard deviation
    noise: float  # standard deviation of the sensor noise
    noise_seed: int  # fixes the noise and the blobs


def _blend(palette: np.ndarray, position: float) -> np.ndarray:
    """The colour at `position` (0 first row, 1 last row) along a palette of RGB rows."""
    rows = np.arange(len(palette))
    return np.array([np.interp(position * rows[-1], rows, column) for column in palette.T])


def _colour(values: np.ndarray) -> Colour:
    """RGB values clipped to 0..1 as a plain tuple, so that a frozen dataclass can hold it."""
    red, green, blue = np.clip(values, 0.0, 1.0)
    return float(red), float(green), float(blue)


def _spanner(rng: np.random.Generator) -> Callable[[float, float], float]:
    """A short name for an even draw between two ends, as a plain float."""
    return lambda low, high: float(rng.uniform(low, high))


def _hair_colour(rng: np.random.Generator, tone: float, age: float) -> np.ndarray:
    """A hair colour that suits the skin tone (0 fair, 1 deep) and greys with age."""
    odds = np.exp(-tone * np.array([-1.0, 0.0, 2.0, 4.0, 6.0, 8.0, 6.0]))
    colour = _HAIR_COLOURS[rng.choice(len(_HAIR_COLOURS), p=odds / odds.sum())]
    grey = np.clip(3.0 * (age - 0.8) + rng.normal(0, 0.25), 0, 1) if age > 0.6 else 0.0
    return colour * rng.uniform(0.8, 1.2) * (1 - grey) + _GREY_HAIR * grey


def _draw_hair(rng: np.random.Generator, tone: float, age: float, masculine: float) -> dict:
    """The hair and beard fields of a Person."""
    odds = masculine * _STYLE_ODDS_MASCULINE + (1 - masculine) * _STYLE_ODDS_FEMININE
    style = HAIR_STYLES[rng.choice(len(HAIR_STYLES), p=odds / odds.sum())]
    bearded = masculine > 0.5 and rng.random() < 0.55
    kind = rng.choice(["full", "goatee", "moustache", "stubble"], p=[0.35, 0.2, 0.15, 0.3])
    return {
        "hair_style": style,
        "hair_colour": _colour(_hair_colour(rng, tone, age)),
        "hairline": rng.uniform(-0.58, -0.44) - 0.06 * masculine * age,
        "hair_volume": rng.uniform(0.05, 0.15),
        "hair_part": float(rng.choice([-1.0, 1.0])) * rng.uniform(0.03, 0.3),
        "hair_wave": rng.uniform(0.0, 1.0),
        "beard": rng.uniform(0.85, 0.97) if bearded and kind == "full" else 0.0,
        "goatee": rng.uniform(0.7, 0.95) if bearded and kind in ("full", "goatee") else 0.0,
        "moustache": rng.uniform(0.7, 0.95) if bearded and kind != "stubble" else 0.0,
        "stubble": rng.uniform(0.2, 0.5) if bearded and kind == "stubble" else 0.0,
    }


def _draw_features(rng: np.random.Generator, tone: float, masculine: float) -> dict:
    """The fields of a Person from the brows to the ears."""
    span = _spanner(rng)
    return {
        "brow_thickness": span(0.016, 0.032) + 0.012 * masculine,
        "brow_angle": span(-0.24, 0.12),
        "brow_arch": span(0.005, 0.05),
        "brow_gap": span(0.10, 0.16) - 0.02 * masculine,
        "brow_inner": span(0.06, 0.13),
        "eye_size": span(0.1, 0.13),
        "eye_opening": span(0.34, 0.56),
        "eye_spacing": span(0.215, 0.265),
        "eye_tilt": span(-0.12, 0.2),
        "lid_crease": span(0.02, 0.045) if rng.random() < 0.75 else 0.0,
        "lashes": float(np.clip(0.9 - 0.6 * masculine + rng.normal(0, 0.15), 0.2, 1.0)),
        "iris_colour": _colour(_IRIS_COLOURS[rng.integers(0, 6 if tone < 0.4 else 3)]),
        "nose_length": span(0.29, 0.39),
        "nose_width": span(0.085, 0.15),
        "nose_tip": span(0.055, 0.085),
        "nose_bridge": span(0.15, 1.0),
        "nose_bend": float(rng.normal(0, 0.015)),
        "philtrum": span(0.13, 0.18),
        "mouth_width": span(0.15, 0.225),
        "upper_lip": span(0.022, 0.052),
        "lower_lip": span(0.035, 0.07),
        "cupid_bow": span(0.0, 0.5),
        "lip_red": float(np.clip(0.75 - 0.45 * masculine + rng.normal(0, 0.2), 0.1, 1.0)),
        "ear_size": span(0.11, 0.16),
        "ear_out": span(0.0, 0.06),
    }


def draw_person(rng: np.random.Generator) -> Person:
    """One invented person; the same generator state always gives the same person."""
    span = _spanner(rng)
    # Three hidden traits tie the visible ones together, so that people look plausible.
    masculine, age, tone = float(rng.random() < 0.5), span(0, 1), span(0, 1) ** 1.2
    masculine = float(np.clip(masculine + rng.normal(0, 0.12), 0, 1))
    undertone = np.array((0.02, 0.0, -0.03)) * span(-1, 1) + np.array((0, 0.012, 0)) * span(-1, 1)
    has_mole = rng.random() < 0.35
    return Person(
        skull_width=span(0.52, 0.595) + 0.01 * masculine,
        skull_height=span(0.69, 0.77),
        jaw_width=span(-0.22, -0.04) + 0.12 * masculine,
        jaw_square=span(0.0, 0.4) + 0.3 * masculine,
        chin_length=span(0.78, 0.88) + 0.03 * masculine,
        chin_width=span(-0.15, 0.15) + 0.08 * masculine,
        chin_cleft=span(0.3, 1.0) if rng.random() < 0.2 else 0.0,
        cheek_width=span(-0.03, 0.06),
        cheek_bone=span(0.0, 1.0),
        asymmetry=float(rng.normal(0, 0.35)),
        skin_colour=_colour(_blend(_SKIN_TONES, tone) + undertone),
        blush=span(0.1, 1.0),
        freckles=span(0.4, 1.0) if tone < 0.45 and rng.random() < 0.3 else 0.0,
        mole_x=float(rng.choice([-1.0, 1.0])) * span(0.15, 0.32),
        mole_y=span(0.05, 0.55),
        mole_size=span(0.018, 0.03) if has_mole else 0.0,
        age=age,
        **_draw_hair(rng, tone, age, masculine),
        **_draw_features(rng, tone, masculine),
    )


def _draw_backdrop(rng: np.random.Generator, street: bool) -> dict:
    """The fields of a Shot for what is behind the person."""
    tint = rng.normal(0, 0.09) + rng.normal(0, 0.035, 3)
    base = np.array((0.34, 0.29, 0.23)) if street else np.array((0.70, 0.72, 0.75))
    return {
        "backdrop_first": _colour(base + tint + rng.normal(0, 0.02, 3)),
        "backdrop_second": _colour((base + tint) * rng.uniform(0.5, 0.9) + rng.normal(0, 0.03, 3)),
        "backdrop_angle": float(rng.uniform(-np.pi, np.pi)),
        "backdrop_blobs": int(rng.integers(6, 12)) if street else int(rng.integers(0, 3)),
    }


def draw_shot(rng: np.random.Generator, look: str = "studio") -> Shot:
    """One photograph's circumstances in the style `look`, one of LOOKS.

    "studio" is clean and soft; "street" is warmer, darker, grainier and lit from the side.
    """
    if look not in LOOKS:
        raise ValueError(f"unknown look {look!r}; choose one of {', '.join(LOOKS)}")
    street = look == "street"
    span = _spanner(rng)

    def bell(spread: float, limit: float) -> float:
        return float(np.clip(rng.normal(0, spread), -limit, limit))

    wears_glasses = rng.random() < 0.2
    return Shot(
        yaw=bell(0.24, 0.45),
        pitch=bell(0.12, 0.26),
        roll=bell(0.07, 0.2),
        scale=span(0.93, 1.07),
        shift_x=bell(0.035, 0.09),
        shift_y=bell(0.03, 0.08),
        light_side=float(rng.choice([-1.0, 1.0])) * (span(0.6, 1.25) if street else span(0.1, 0.9)),
        light_height=span(0.1, 0.8),
        light_strength=span(0.65, 0.85) if street else span(0.4, 0.65),
        light_warmth=span(0.2, 1.0) if street else span(-0.9, 0.6),
        exposure=span(0.75, 1.1) if street else span(0.85, 1.3),
        contrast=span(0.9, 1.2),
        smile=span(-0.3, 1.0),
        mouth_open=max(0.0, bell(0.35, 0.9)),
        brow_raise=bell(0.4, 1.0),
        eye_close=min(abs(bell(0.2, 0.6)), 0.45) if rng.random() < 0.95 else 1.0,
        gaze=bell(0.45, 0.9),
        **_draw_backdrop(rng, street),
        clothes=_colour(_CLOTHES[rng.integers(0, len(_CLOTHES))] + rng.normal(0, 0.05, 3)),
        glasses=str(rng.choice(["round", "square", "wire"])) if wears_glasses else "none",
        glasses_colour=_colour(rng.uniform(0.03, 0.3) * np.array((1.0, 0.8, 0.65))),
        cover=span(0.15, 0.4) if rng.random() < (0.15 if street else 0.06) else 0.0,
        cover_angle=span(-0.3, np.pi + 0.3),
        shadow=span(0.2, 0.6) if rng.random() < (0.4 if street else 0.1) else 0.0,
        blur=span(0.014, 0.024) if street else span(0.0, 0.012),
        noise=span(0.022, 0.038) if street else span(0.004, 0.016),
        noise_seed=int(rng.integers(0, 2**31 - 1)),
    )
