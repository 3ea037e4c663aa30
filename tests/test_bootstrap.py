"""Intervals over persons: what is resampled, and whether the intervals hold what they promise."""

import numpy as np
import pytest
from scipy.stats import norm, t

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


def p_of(score, positive, identity, seed=0, resamples=200) -> float:
    """The p-value of AUC <= 0.5, as a rung of the ladder has it."""
    ordered = SortedScores(score, positive)
    resampled = ordered.auc(person_weights(identity, positive, resamples, seed))
    persons = min(len(np.unique(identity[side])) for side in (positive, ~positive))
    return one_sided_p(ordered.auc()[0], resampled, 0.5, persons)


def test_one_sided_p_is_students_t_with_the_deviation_of_the_resamples():
    values = 0.7 + np.array([-0.1, 0.0, 0.1] * 100)
    spread = values.std(ddof=1) * np.sqrt(25 / 24)
    assert one_sided_p(0.7, values, 0.5, 25) == pytest.approx(t.sf(0.2 / spread, 24))
    assert one_sided_p(0.5, values, 0.5, 25) == pytest.approx(0.5)
    assert one_sided_p(0.3, values, 0.5, 25) == pytest.approx(1 - t.sf(0.2 / spread, 24))
    with_gaps = np.r_[values, np.nan, np.nan]
    assert one_sided_p(0.7, with_gaps, 0.5, 25) == one_sided_p(0.7, values, 0.5, 25)


def test_one_sided_p_can_be_far_below_one_in_so_many_resamples():
    values = np.random.default_rng(0).normal(0.9, 0.02, 200)
    assert 0.5**60 <= one_sided_p(0.9, values, 0.5, 60) < 1e-6


@pytest.mark.parametrize("persons", [2, 8, 30])
def test_so_few_persons_cannot_give_a_smaller_p(persons):
    perfect, nothing = np.ones(50), np.full(50, 0.5)
    assert one_sided_p(1.0, perfect, 0.5, persons) == 0.5**persons
    assert one_sided_p(0.999, np.linspace(0.99, 1, 50), 0.5, persons) >= 0.5**persons
    assert one_sided_p(0.5, nothing, 0.5, persons) == 1, "no better than the null in any resample"


def test_perfect_separation_has_the_p_of_as_many_coins():
    code = np.repeat(np.arange(40), 3)
    positive = code < 20
    assert p_of(positive.astype(float), positive, code.astype(str)) == 0.5**20


@pytest.mark.parametrize(("values", "persons"), [([np.nan] * 3, 30), ([0.6, 0.7, 0.8], 1), ([], 9)])
def test_what_gives_no_deviation_has_no_p(values, persons):
    assert np.isnan(one_sided_p(0.7, np.array(values), 0.5, persons))


def test_a_true_effect_has_a_small_p_and_more_persons_a_smaller_one():
    usual = [
        np.median([p_of(*clustered(np.random.default_rng(s), n, 4, 1.0), s) for s in range(9)])
        for n in (20, 40, 80)
    ]
    assert usual[0] < 0.02
    assert usual[0] > usual[1] > usual[2]
    assert usual[2] < 1e-5


@pytest.fixture(scope="module")
def null_p() -> dict[int, np.ndarray]:
    """By persons a side: p of a score without effect, and of its gain over a related one."""
    found = {}
    for persons, audits in ((20, 300), (40, 300), (80, 200)):
        p = []
        for seed in range(audits):
            rng = np.random.default_rng(seed)
            score, positive, identity = clustered(rng, persons, 4, 0.0)
            other = 0.6 * score + clustered(rng, persons, 4, 0.0)[0]
            weights = person_weights(identity, positive, 100, seed)
            both = [SortedScores(s, positive) for s in (score, other)]
            point = [ordered.auc()[0] for ordered in both]
            resampled = [ordered.auc(weights) for ordered in both]
            gain = point[0] - point[1], resampled[0] - resampled[1], 0.0
            p.append([one_sided_p(point[0], resampled[0], 0.5, persons),
                      one_sided_p(*gain, persons)])  # fmt: skip
        found[persons] = np.array(p)
    return found


@pytest.mark.parametrize("persons", [20, 40, 80])
def test_bootstrap_p_keeps_its_level(null_p, persons):
    alone, gain = null_p[persons].T
    for p in (alone, gain):
        assert 0.01 <= (p <= 0.05).mean() <= 0.09


def test_bootstrap_p_keeps_the_levels_that_a_correction_asks_for(null_p):
    """0.05 over five rungs is 0.01 each; 1,600 p-values of nothing, over all numbers of persons."""
    p = np.concatenate([values.ravel() for values in null_p.values()])
    assert 0.003 <= (p <= 0.01).mean() <= 0.015
    assert (p <= 0.001).mean() <= 0.004
    assert 0.4 < np.median(p) < 0.6
