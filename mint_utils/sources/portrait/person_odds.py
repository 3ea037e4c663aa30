"""Inventing a person: which traits there are, how likely each is and which go together."""

import numpy as np

from mint_utils.sources.portrait.colour import as_colour
from mint_utils.sources.portrait.person import Person

# Odds of each hair style at the two ends of `masculine`: (feminine, masculine).
_STYLE_ODDS = {
    "bald": (0, 10),
    "buzz": (1, 13),
    "short": (6, 24),
    "side": (7, 22),
    "fringe": (8, 10),
    "curly": (12, 10),
    "afro": (8, 6),
    "bob": (16, 1),
    "long": (28, 4),
    "bun": (14, 0),
}
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
# Brown eyes first: deep skin draws from the first three only.
_IRIS_COLOURS = np.array(
    [
        (0.20, 0.11, 0.06), (0.34, 0.20, 0.10), (0.42, 0.36, 0.18), (0.30, 0.45, 0.34),
        (0.32, 0.48, 0.64), (0.46, 0.53, 0.58),
    ]
)  # fmt: skip


def draw_person(rng: np.random.Generator) -> Person:
    """One invented person; the same generator state always gives the same person."""
    span = rng.uniform
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
        asymmetry=rng.normal(0, 0.35),
        skin_colour=as_colour(_skin_tone(tone) + undertone),
        blush=span(0.1, 1.0),
        freckles=span(0.4, 1.0) if tone < 0.45 and rng.random() < 0.3 else 0.0,
        mole_x=float(rng.choice([-1.0, 1.0])) * span(0.15, 0.32),
        mole_y=span(0.05, 0.55),
        mole_size=span(0.018, 0.03) if has_mole else 0.0,
        age=age,
        **_draw_hair(rng, tone, age, masculine),
        **_draw_features(rng, tone, masculine),
    )


def _skin_tone(tone: float) -> np.ndarray:
    """The colour at `tone` (0 fair, 1 deep) along the palette."""
    rows = np.arange(len(_SKIN_TONES))
    return np.array([np.interp(tone * rows[-1], rows, column) for column in _SKIN_TONES.T])


def _draw_hair(rng: np.random.Generator, tone: float, age: float, masculine: float) -> dict:
    """The hair and beard fields of a Person."""
    feminine_odds, masculine_odds = np.array(list(_STYLE_ODDS.values()), dtype=float).T
    odds = masculine * masculine_odds + (1 - masculine) * feminine_odds
    style = list(_STYLE_ODDS)[rng.choice(len(odds), p=odds / odds.sum())]
    bearded = masculine > 0.5 and rng.random() < 0.55
    kind = rng.choice(["full", "goatee", "moustache", "stubble"], p=[0.35, 0.2, 0.15, 0.3])
    return {
        "hair_style": style,
        "hair_colour": as_colour(_hair_colour(rng, tone, age)),
        "hairline": rng.uniform(-0.58, -0.44) - 0.06 * masculine * age,
        "hair_volume": rng.uniform(0.05, 0.15),
        "hair_part": float(rng.choice([-1.0, 1.0])) * rng.uniform(0.03, 0.3),
        "hair_wave": rng.uniform(0.0, 1.0),
        "beard": rng.uniform(0.85, 0.97) if bearded and kind == "full" else 0.0,
        "goatee": rng.uniform(0.7, 0.95) if bearded and kind in ("full", "goatee") else 0.0,
        "moustache": rng.uniform(0.7, 0.95) if bearded and kind != "stubble" else 0.0,
        "stubble": rng.uniform(0.2, 0.5) if bearded and kind == "stubble" else 0.0,
    }


def _hair_colour(rng: np.random.Generator, tone: float, age: float) -> np.ndarray:
    """A hair colour that suits the skin tone (0 fair, 1 deep) and greys with age."""
    odds = np.exp(-tone * np.array([-1.0, 0.0, 2.0, 4.0, 6.0, 8.0, 6.0]))
    colour = _HAIR_COLOURS[rng.choice(len(_HAIR_COLOURS), p=odds / odds.sum())]
    grey = np.clip(3.0 * (age - 0.8) + rng.normal(0, 0.25), 0, 1) if age > 0.6 else 0.0
    return colour * rng.uniform(0.8, 1.2) * (1 - grey) + _GREY_HAIR * grey


def _draw_features(rng: np.random.Generator, tone: float, masculine: float) -> dict:
    """The fields of a Person from the brows to the ears."""
    span = rng.uniform
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
        "iris_colour": as_colour(_IRIS_COLOURS[rng.integers(0, 6 if tone < 0.4 else 3)]),
        "nose_length": span(0.29, 0.39),
        "nose_width": span(0.085, 0.15),
        "nose_tip": span(0.055, 0.085),
        "nose_bridge": span(0.15, 1.0),
        "nose_bend": rng.normal(0, 0.015),
        "philtrum": span(0.13, 0.18),
        "mouth_width": span(0.15, 0.225),
        "upper_lip": span(0.022, 0.052),
        "lower_lip": span(0.035, 0.07),
        "cupid_bow": span(0.0, 0.5),
        "lip_red": float(np.clip(0.75 - 0.45 * masculine + rng.normal(0, 0.2), 0.1, 1.0)),
        "ear_size": span(0.11, 0.16),
        "ear_out": span(0.0, 0.06),
    }
