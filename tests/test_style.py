"""The palette as colour-blind eyes see it: whatever stands in one figure can be told apart.

Colours are turned into what an eye without red, green or blue cones sees (Machado, Oliveira and
Fernandes 2009, severity 1) and compared in CIELAB (D65), where 2.3 is just noticeable side by side.
"""

from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from mint_utils.figures.style import ACCESS_COLOURS, GREY, ROLE_COLOURS, TARGET_COLOURS

LEAST = 15  # for points and lines that are not side by side
SEEN = {
    "all cones": np.eye(3),
    "no red": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
         [-0.003882, -0.048116, 1.051998]]
    ),
    "no green": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
         [-0.011820, 0.042940, 0.968881]]
    ),
    "no blue": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
         [0.004733, 0.691367, 0.303900]]
    ),
}  # fmt: skip
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
     [0.0193339, 0.1191920, 0.9503041]]
)  # fmt: skip
WHITE = np.array([0.95047, 1.0, 1.08883])
TOGETHER = {  # what appears in one figure
    "roles": ROLE_COLOURS,
    "targets": TARGET_COLOURS,
    "access and controls": ACCESS_COLOURS | {"best control": GREY},
    "pairs": {"genuine": "#009E73", "impostor": GREY},
}


def linear(colour: str) -> np.ndarray:
    value = np.array(to_rgb(colour))
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    ratio = TO_XYZ @ np.clip(rgb, 0, 1) / WHITE
    x, y, z = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def distance(one: str, other: str, eye: str) -> float:
    return float(np.linalg.norm(lab(SEEN[eye] @ linear(one)) - lab(SEEN[eye] @ linear(other))))


@pytest.mark.parametrize("eye", SEEN)
@pytest.mark.parametrize("figure", TOGETHER)
def test_what_appears_together_can_be_told_apart(figure, eye):
    for one, other in combinations(TOGETHER[figure], 2):
        apart = distance(TOGETHER[figure][one], TOGETHER[figure][other], eye)
        assert apart >= LEAST, f"{one} and {other}: {apart:.1f}"


def test_the_measure_finds_red_and_green_that_an_eye_without_green_confuses():
    assert distance("#c05050", "#828250", "all cones") > 40
    assert distance("#c05050", "#828250", "no green") < LEAST
    assert lab(linear("#ffffff")) == pytest.approx([100, 0, 0], abs=0.1)
