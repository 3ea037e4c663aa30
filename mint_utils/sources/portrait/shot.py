"""One photograph's circumstances: everything that changes from picture to picture."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mint_utils.sources.portrait.colour import Colour, as_colour


class _Look(NamedTuple):
    """The ranges and odds in which one look differs from another."""

    light_side: tuple[float, float]
    light_strength: tuple[float, float]
    light_warmth: tuple[float, float]
    exposure: tuple[float, float]
    blur: tuple[float, float]
    noise: tuple[float, float]
    backdrop: Colour  # what the backdrop's colours scatter about
    backdrop_blobs: tuple[int, int]  # from, up to but not including
    cover_odds: float
    shadow_odds: float


_LOOKS = {
    "studio": _Look(
        light_side=(0.1, 0.9),
        light_strength=(0.4, 0.65),
        light_warmth=(-0.9, 0.6),
        exposure=(0.85, 1.3),
        blur=(0.0, 0.012),
        noise=(0.004, 0.016),
        backdrop=(0.70, 0.72, 0.75),
        backdrop_blobs=(0, 3),
        cover_odds=0.06,
        shadow_odds=0.1,
    ),
    "street": _Look(
        light_side=(0.6, 1.25),
        light_strength=(0.65, 0.85),
        light_warmth=(0.2, 1.0),
        exposure=(0.75, 1.1),
        blur=(0.014, 0.024),
        noise=(0.022, 0.038),
        backdrop=(0.34, 0.29, 0.23),
        backdrop_blobs=(6, 12),
        cover_odds=0.15,
        shadow_odds=0.4,
    ),
    "booth": _Look(
        light_side=(0.0, 0.15),
        light_strength=(0.3, 0.45),
        light_warmth=(-0.2, 0.5),
        exposure=(1.15, 1.45),
        blur=(0.004, 0.012),
        noise=(0.002, 0.008),
        backdrop=(0.80, 0.50, 0.42),
        backdrop_blobs=(0, 1),
        cover_odds=0.03,
        shadow_odds=0.0,
    ),
    "night": _Look(
        light_side=(0.2, 1.1),
        light_strength=(0.75, 0.95),
        light_warmth=(-1.0, -0.3),
        exposure=(0.5, 0.8),
        blur=(0.006, 0.02),
        noise=(0.03, 0.05),
        backdrop=(0.10, 0.12, 0.20),
        backdrop_blobs=(3, 9),
        cover_odds=0.1,
        shadow_odds=0.3,
    ),
}
LOOKS = tuple(_LOOKS)

_CLOTHES = np.array(
    [
        (0.16, 0.18, 0.24), (0.85, 0.85, 0.83), (0.60, 0.17, 0.18), (0.18, 0.36, 0.42),
        (0.75, 0.58, 0.28), (0.36, 0.45, 0.30), (0.45, 0.32, 0.48), (0.30, 0.30, 0.31),
    ]
)  # fmt: skip


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


def draw_shot(rng: np.random.Generator, look: str = "studio") -> Shot:
    """One photograph's circumstances in the style `look`, one of LOOKS.

    "studio" is clean and soft; "street" is warmer, darker, grainier and lit from the side;
    "booth" is bright, lit from the front, before red curtains; "night" is dark, cold and grainy.
    """
    if look not in _LOOKS:
        raise ValueError(f"unknown look {look!r}; choose one of {', '.join(LOOKS)}")
    style = _LOOKS[look]
    span = rng.uniform

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
        light_side=float(rng.choice([-1.0, 1.0])) * span(*style.light_side),
        light_height=span(0.1, 0.8),
        light_strength=span(*style.light_strength),
        light_warmth=span(*style.light_warmth),
        exposure=span(*style.exposure),
        contrast=span(0.9, 1.2),
        smile=span(-0.3, 1.0),
        mouth_open=max(0.0, bell(0.35, 0.9)),
        brow_raise=bell(0.4, 1.0),
        eye_close=min(abs(bell(0.2, 0.6)), 0.45) if rng.random() < 0.95 else 1.0,
        gaze=bell(0.45, 0.9),
        **_draw_backdrop(rng, style),
        clothes=as_colour(_CLOTHES[rng.integers(0, len(_CLOTHES))] + rng.normal(0, 0.05, 3)),
        glasses=str(rng.choice(["round", "square", "wire"])) if wears_glasses else "none",
        glasses_colour=as_colour(span(0.03, 0.3) * np.array((1.0, 0.8, 0.65))),
        cover=span(0.15, 0.4) if rng.random() < style.cover_odds else 0.0,
        cover_angle=span(-0.3, np.pi + 0.3),
        shadow=span(0.2, 0.6) if rng.random() < style.shadow_odds else 0.0,
        blur=span(*style.blur),
        noise=span(*style.noise),
        noise_seed=int(rng.integers(0, 2**31 - 1)),
    )


def _draw_backdrop(rng: np.random.Generator, style: _Look) -> dict:
    """The fields of a Shot for what is behind the person."""
    base = np.array(style.backdrop) + (rng.normal(0, 0.09) + rng.normal(0, 0.035, 3))
    return {
        "backdrop_first": as_colour(base + rng.normal(0, 0.02, 3)),
        "backdrop_second": as_colour(base * rng.uniform(0.5, 0.9) + rng.normal(0, 0.03, 3)),
        "backdrop_angle": rng.uniform(-np.pi, np.pi),
        "backdrop_blobs": int(rng.integers(*style.backdrop_blobs)),
    }
