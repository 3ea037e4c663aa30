"""Exact tests for few persons, checked by enumeration and by simulation."""

from itertools import combinations

import numpy as np
import pytest

from mint_utils.evidence.metrics import auc
from mint_utils.evidence.permutation import cell_auc, cell_wins, gain_p, label_p


def persons_scores(rng, members: int, externals: int, shift: float = 0.0):
    """Clustered scores of few persons, with different numbers of photos."""
    counts = rng.integers(1, 5, members + externals)
    code = np.repeat(np.arange(members + externals), counts)
    positive = code < members
    score = rng.normal(size=len(counts))[code] + rng.normal(size=len(code)) + shift * positive
    return score, np.array([f"p{i:02}" for i in code]), positive


def both_sides(rng, persons: int, photos: tuple[int, int], shift: float = 0.0, spread: float = 1.0):
    """Persons with ``photos`` on the positive and on the negative side."""
    code = np.repeat(np.arange(persons), sum(photos))
    positive = np.tile(np.arange(sum(photos)) < photos[0], persons)
    score = spread * rng.normal(size=persons)[code] + rng.normal(size=len(code)) + shift * positive
    return score, np.array([f"p{i:02}" for i in code]), positive


def test_cells_give_the_auc_of_their_images():
    rng = np.random.default_rng(0)
    score, cell = rng.integers(0, 5, 40).astype(float), rng.integers(0, 6, 40)
    cell[:6] = np.arange(6)
    wins, sizes = cell_wins(score, cell)
    mask = np.array([1, 0, 1, 0, 0, 1])
    positive = mask[cell] == 1
    assert cell_auc(wins, sizes, mask[None], 1 - mask[None])[0] == pytest.approx(
        auc(score, positive), abs=1e-6
    )


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("ties", [False, True])
def test_label_p_is_the_share_of_all_relabellings(seed, ties):
    score, identity, positive = persons_scores(np.random.default_rng(seed), 3, 4, shift=0.7)
    score = np.round(score) if ties else score
    persons, actual, reached = np.unique(identity), auc(score, positive), []
    for chosen in combinations(persons, 3):
        reached.append(auc(score, np.isin(identity, chosen)) >= actual - 1e-9)
    assert label_p(score, identity, positive) == pytest.approx(np.mean(reached))


def test_label_p_keeps_its_level_with_clustered_photos():
    p = np.array(
        [label_p(*persons_scores(np.random.default_rng(seed), 5, 6)) for seed in range(200)]
    )
    assert (p <= 0.05).mean() <= 0.08
    assert (p <= 0.5).mean() == pytest.approx(0.5, abs=0.12)
    assert p.min() > 0


def test_label_p_is_small_for_a_planted_difference_and_large_for_its_opposite():
    score, identity, positive = persons_scores(np.random.default_rng(0), 6, 6, shift=6.0)
    assert label_p(score, identity, positive) == pytest.approx(1 / 924)
    assert label_p(-score, identity, positive) == 1
    assert label_p(np.zeros(len(score)), identity, positive) == 1


def test_label_p_is_never_zero_where_relabellings_are_drawn():
    score, identity, positive = persons_scores(np.random.default_rng(0), 15, 40, shift=9.0)
    assert label_p(score, identity, positive) == pytest.approx(1 / 20_001)


def test_persons_on_both_sides_exchange_their_own_photos():
    """A person's own level must not matter: it is the same on both sides."""
    rng = np.random.default_rng(0)
    score, identity, positive = both_sides(rng, 10, (3, 3), shift=1.5, spread=30.0)
    assert auc(score, positive) < 0.6
    assert label_p(score, identity, positive) < 0.01
    assert label_p(-score, identity, positive) > 0.99


def test_persons_on_both_sides_keep_the_level():
    p = np.array(
        [
            label_p(*both_sides(np.random.default_rng(seed), 8, (2, 2)), seed=seed)
            for seed in range(200)
        ]
    )
    assert (p <= 0.05).mean() <= 0.08
    assert (p <= 0.5).mean() == pytest.approx(0.5, abs=0.12)


def test_persons_on_both_sides_with_unequal_parts_are_uniform_under_the_null():
    p = np.array(
        [
            label_p(*both_sides(np.random.default_rng(seed), 12, (9, 3), spread=2.0))
            for seed in range(100)
        ]
    )
    assert (p <= 0.05).mean() <= 0.10
    assert (p <= 0.25).mean() == pytest.approx(0.25, abs=0.12)


def test_a_person_on_one_side_only_does_not_stop_the_audit():
    score, identity, positive = both_sides(np.random.default_rng(0), 6, (3, 1), shift=3.0)
    score, identity, positive = (
        np.append(values, one)
        for values, one in ((score, 0.1), (identity, "alone"), (positive, True))
    )
    assert 0 < label_p(score, identity, positive) < 0.05


def test_gain_of_a_score_over_itself_is_nothing():
    score, identity, positive = persons_scores(np.random.default_rng(0), 6, 7, shift=1.0)
    assert gain_p(score, score, identity, positive, draws=500) == 1
    assert gain_p(score, np.exp(score), identity, positive, draws=500) == 1, "scales do not matter"


def test_gain_is_seen_in_the_right_direction():
    rng = np.random.default_rng(1)
    score, identity, positive = persons_scores(rng, 9, 9, shift=5.0)
    noise = rng.normal(size=len(score))
    better, worse = (
        gain_p(*pair, identity, positive, draws=4000) for pair in ((score, noise), (noise, score))
    )
    assert 0 < better < 0.02
    assert worse > 0.98
    constant = np.zeros(len(score))
    assert 0 < gain_p(score, constant, identity, positive, draws=4000) < 0.02


def test_gain_treats_both_scores_alike():
    """p of a over b and of b over a are complements, up to arrangements that tie."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        first, identity, positive = persons_scores(rng, 7, 7, shift=0.5)
        second = first + rng.normal(size=len(first))
        there = gain_p(first, second, identity, positive, draws=4000, seed=1)
        back = gain_p(second, first, identity, positive, draws=4000, seed=2)
        assert there + back == pytest.approx(1, abs=0.04)


def test_gain_p_keeps_its_level():
    p = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        first, identity, positive = persons_scores(rng, 8, 8, shift=1.0)
        second = persons_scores(np.random.default_rng(seed), 8, 8, shift=1.0)[0]
        second = second + rng.normal(size=len(first))
        first = first + rng.normal(size=len(first))
        p.append(gain_p(first, second, identity, positive, draws=500, seed=seed))
    assert (np.array(p) <= 0.05).mean() <= 0.08
    assert min(p) > 0


def test_gain_swaps_a_person_on_both_sides_whole():
    rng = np.random.default_rng(2)
    score, identity, positive = both_sides(rng, 10, (3, 1), shift=4.0)
    assert gain_p(score, rng.normal(size=len(score)), identity, positive, draws=2000) < 0.02
