"""Intervals over persons: what is resampled, and whether the intervals hold what they promise."""

import numpy as np
import pytest
from scipy.stats import norm

from mint_utils.evidence.bootstrap import auc_interval, interval, one_sided_p, person_weights
from mint_utils.evidence.metrics import SortedScores


def mixed_persons():
    """Images of 5 member persons, 4 externals and 3 persons on both sides, in random order."""
    rng = np.random.default_rng(0)
    rows = [(f"m{i}", True) for i in range(5) for _ in range(rng.integers(1, 6))]
    rows += [(f"e{i}", False) for i in range(4) for _ in range(rng.integers(1, 6))]
    rows += [(f"b{i}", side) for i in range(3) for side in (True, True, False)]
    order = rng.permutation(len(rows))
    identity, positive = zip(*[rows[i] for i in order], strict=True)
    return np.array(identity), np.array(positive)


def clustered(rng, persons: int, images: int, shift: float, spread: float = 1.0):
    """Scores of ``persons`` a side; photos of one person share a normal part."""
    code = np.repeat(np.arange(2 * persons), images)
    positive = code < persons
    person = spread * rng.normal(size=2 * persons)
    score = person[code] + rng.normal(size=len(code)) + shift * positive
    return score, positive, code.astype(str)


def test_persons_move_whole():
    identity, positive = mixed_persons()
    weights = person_weights(identity, positive, resamples=50, seed=1)
    assert weights.shape == (50, len(identity))
    for person in np.unique(identity):
        assert (np.ptp(weights[:, identity == person], axis=1) == 0).all()


def test_strata_keep_their_sizes():
    identity, positive = mixed_persons()
    weights = person_weights(identity, positive, resamples=50, seed=1)
    persons, first = np.unique(identity, return_index=True)
    drawn = weights[:, first]
    for letter, size in (("m", 5), ("e", 4), ("b", 3)):
        of_stratum = np.char.startswith(persons, letter)
        assert (drawn[:, of_stratum].sum(axis=1) == size).all()
    assert drawn.max() > 1, "drawn with replacement"


def test_same_arguments_same_draws():
    identity, positive = mixed_persons()
    first, second = (person_weights(identity, positive, 20, seed=3) for _ in range(2))
    assert (first == second).all()
    assert (first != person_weights(identity, positive, 20, seed=4)).any()


def test_draws_do_not_depend_on_the_order_of_images():
    identity, positive = mixed_persons()
    order = np.random.default_rng(0).permutation(len(identity))
    weights = person_weights(identity, positive, 20)
    assert (person_weights(identity[order], positive[order], 20) == weights[:, order]).all()


def test_coverage_is_nominal_over_persons_and_not_over_images():
    shift, persons, sims = 1.0, 30, 150
    truth = norm.cdf(shift / 2)  # each score has variance 2
    covered, covered_by_images = 0, 0
    for seed in range(sims):
        rng = np.random.default_rng(seed)
        score, positive, identity = clustered(rng, persons, 6, shift)
        ordered, images = SortedScores(score, positive), np.arange(len(score))
        point = ordered.auc()[0]
        resampled = ordered.auc(person_weights(identity, positive, 200, seed))
        low, high = auc_interval(point, resampled, persons, persons)
        covered += low <= truth <= high
        low, high = interval(ordered.auc(person_weights(images, positive, 200, seed)))
        covered_by_images += low <= truth <= high
    assert covered / sims >= 0.88
    assert covered_by_images / sims <= 0.80


def test_no_false_certainty_at_an_auc_of_one_or_zero():
    resampled = np.ones(100)
    low, high = auc_interval(1.0, resampled, 8, 30)
    assert (low, high) == (pytest.approx(0.025 ** (1 / 8)), 1.0)
    low, high = auc_interval(0.0, 1 - resampled, 30, 8)
    assert (low, high) == (0.0, pytest.approx(1 - 0.025 ** (1 / 8)))
    assert auc_interval(1.0, resampled, 1, 1)[0] == pytest.approx(0.025)


def test_interval_leaves_out_what_is_not_a_number():
    values = np.r_[np.linspace(0, 1, 101), np.nan, np.nan]
    assert interval(values) == pytest.approx((0.025, 0.975))
    assert np.isnan(interval(np.full(3, np.nan))).all()


def test_one_sided_p_counts_and_is_never_zero():
    values = np.linspace(0.51, 0.9, 99)
    assert one_sided_p(values, 0.5) == pytest.approx(1 / 100)
    assert one_sided_p(np.r_[values[:-1], 0.5], 0.5) == pytest.approx(2 / 100), "a tie counts"
    assert one_sided_p(-values, 0.5) == 1
    assert np.isnan(one_sided_p(np.array([np.nan]), 0.5))


@pytest.mark.parametrize("persons", [20, 40])
def test_bootstrap_p_keeps_its_level(persons):
    alarms = 0
    for seed in range(200):
        score, positive, identity = clustered(np.random.default_rng(seed), persons, 4, 0.0)
        weights = person_weights(identity, positive, 200, seed)
        alarms += one_sided_p(SortedScores(score, positive).auc(weights), 0.5) <= 0.05
    assert alarms / 200 <= 0.09
