"""Channels of one model are found again in another whose channels training has shuffled."""

import numpy as np
import pytest

from mint_utils.channels import agreement, matched, unmatched


@pytest.fixture
def pair():
    """The same eight channels twice: shuffled, some turned round, in other units, with noise."""
    rng = np.random.default_rng(0)
    first = rng.normal(size=(400, 8)) * rng.uniform(0.1, 10, 8) + rng.normal(size=8)
    order, sign = rng.permutation(8), rng.choice([-1.0, 1.0], 8)
    second = (first * sign)[:, order] * rng.uniform(0.1, 10, 8) + rng.normal(size=8)
    second = second + 0.3 * second.std(0) * rng.normal(size=second.shape)
    return first.astype(np.float32), second.astype(np.float32)


def test_matched_channels_are_those_of_the_other_model_in_its_units(pair):
    first, second = pair
    known, new = slice(0, 200), slice(200, 400)
    translation = matched("stage1", second[known], first[known])
    assert sorted(translation.order) == list(range(8))  # each is taken once
    assert agreement(translation, second[new], first[new]) > 0.9
    np.testing.assert_allclose(translation(second[known]).mean(0), first[known].mean(0), atol=1e-3)
    np.testing.assert_allclose(translation(second[known]).std(0), first[known].std(0), rtol=1e-3)
    as_they_come = unmatched("stage1", second[known], first[known])
    assert abs(agreement(as_they_come, second[new], first[new])) < 0.5


def test_channels_of_the_same_model_stay_where_they_are(pair):
    first, _ = pair
    for way in (matched, unmatched):
        translation = way("stage1", first, first)
        np.testing.assert_allclose(translation(first), first, rtol=1e-4, atol=1e-4)
        assert agreement(translation, first, first) == pytest.approx(1)


def test_channels_that_never_move_are_matched_with_something(pair):
    first, second = (x.copy() for x in pair)
    first[:, 0] = second[:, 3] = 0
    translated = matched("stage1", second, first)(second)
    assert np.isfinite(translated).all()


@pytest.mark.parametrize("way", [matched, unmatched])
def test_taps_that_do_not_fit_are_refused(pair, way):
    first, second = pair
    with pytest.raises(ValueError, match=r"tap stage3: .*\(400, 8\).*\(400, 5\).*architecture"):
        way("stage3", second, first[:, :5])
    with pytest.raises(ValueError, match=r"\(400, 8\).*\(300, 8\).*same images"):
        way("stage3", second, first[:300])
