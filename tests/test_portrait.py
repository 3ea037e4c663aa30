"""The face renderer: repeatable, two looks apart, and persons who stay themselves in every shot."""

import numpy as np
import pytest

from mint_utils.sources.portrait import LOOKS, draw_person, draw_shot, render


def person(seed: int):
    return draw_person(np.random.default_rng(seed))


def shot(seed: int, look: str = "studio"):
    return draw_shot(np.random.default_rng(10_000 + seed), look)


def gap(one: np.ndarray, other: np.ndarray) -> float:
    """Mean difference of two pictures in grey levels."""
    return float(np.abs(one.astype(float) - other).mean())


@pytest.fixture(scope="module")
def pictures() -> dict[str, np.ndarray]:
    """One picture each of 40 persons, in every look."""
    return {
        look: np.stack([render(person(seed), shot(seed, look)) for seed in range(40)])
        for look in LOOKS
    }


@pytest.mark.parametrize("look", LOOKS)
def test_a_seed_fixes_person_shot_and_picture(look):
    assert person(3) == person(3)
    assert shot(3, look) == shot(3, look)
    np.testing.assert_array_equal(
        render(person(3), shot(3, look)), render(person(3), shot(3, look))
    )


def test_another_seed_gives_another_person_and_shot():
    assert person(3) != person(4)
    assert shot(3) != shot(4)


@pytest.mark.parametrize("size", [32, 33, 48, 64, 112, 160, 255, 256])
def test_every_size_gives_rgb_bytes(size):
    picture = render(person(1), shot(1), size)
    assert picture.shape == (size, size, 3)
    assert picture.dtype == np.uint8
    assert picture.flags["C_CONTIGUOUS"]


def test_sizes_show_the_same_picture():
    clean = draw_shot(np.random.default_rng(0), "studio")  # little noise and blur
    small = render(person(1), clean, 32).astype(float)
    large = render(person(1), clean, 128).reshape(32, 4, 32, 4, 3).mean(axis=(1, 3))
    other = render(person(2), clean, 32)
    assert gap(large, small) < gap(other, small) / 2


def test_unknown_look_names_the_choices():
    with pytest.raises(ValueError, match="'selfie'.*studio, street"):
        draw_shot(np.random.default_rng(0), "selfie")


def test_looks_are_apart(pictures):
    brightness = {look: stack.mean(axis=(1, 2, 3)) for look, stack in pictures.items()}
    warmth = {
        look: (stack[..., 0].astype(float) - stack[..., 2]).mean(axis=(1, 2))
        for look, stack in pictures.items()
    }
    brighter = brightness["studio"][:, None] > brightness["street"]
    warmer = warmth["street"][:, None] > warmth["studio"]
    assert brighter.mean() > 0.9  # the chance that a studio picture is the brighter of a pair
    assert warmer.mean() > 0.7


@pytest.mark.parametrize("look", LOOKS)
def test_pictures_use_the_range_without_drowning_in_it(pictures, look):
    stack = pictures[look]
    low, high = np.percentile(stack, (1, 99), axis=(1, 2, 3))
    assert np.median(high - low) > 150
    assert ((stack == 0) | (stack == 255)).mean() < 0.15


@pytest.mark.parametrize("look", LOOKS)
def test_two_shots_of_one_person_differ(look):
    for seed in range(5):
        assert gap(render(person(seed), shot(0, look)), render(person(seed), shot(1, look))) > 5


def test_two_persons_under_one_shot_differ():
    stack = [render(person(seed), shot(0)) for seed in range(12)]
    gaps = [gap(one, other) for n, one in enumerate(stack) for other in stack[:n]]
    assert min(gaps) > 3


def chroma(picture: np.ndarray) -> np.ndarray:
    """Colours of a coarse grid as shares of the light: strength of the lamp drops out."""
    coarse = picture.reshape(8, 8, 8, 8, 3).mean(axis=(1, 3))[2:6, 2:6] + 1.0
    return np.log(coarse / coarse.mean(axis=2, keepdims=True)).ravel()


def test_a_person_is_closer_to_themselves_than_to_others():
    persons, shots = 20, 4
    features = np.array(
        [chroma(render(person(p), shot(100 * p + s))) for p in range(persons) for s in range(shots)]
    )
    distance = np.linalg.norm(features[:, None] - features, axis=2)
    who = np.repeat(np.arange(persons), shots)
    same = who[:, None] == who
    itself = np.eye(len(who), dtype=bool)
    assert distance[same & ~itself].mean() < 0.7 * distance[~same].mean()
