"""Figures of merit: checked against scikit-learn and against counting by hand."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from mint_utils.evidence.metrics import FPRS, SortedScores, auc, best_threshold, share


def tied(seed: int, n: int = 60, levels: int = 9):
    """Scores with many ties, and roles of which both occur."""
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < 0.4
    positive[:2] = [True, False]
    return rng.integers(0, levels, n).astype(float), positive


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("levels", [2, 9, 10_000])
def test_auc_is_scikit_learns_with_ties(seed, levels):
    score, positive = tied(seed, levels=levels)
    assert auc(score, positive) == pytest.approx(roc_auc_score(positive, score), abs=1e-12)


def test_auc_needs_both_sides():
    assert np.isnan(auc(np.array([1.0, 2.0]), np.array([True, True])))
    assert np.isnan(auc(np.array([1.0, 2.0]), np.array([False, False])))


@pytest.mark.parametrize("seed", range(5))
def test_weights_are_repetitions(seed):
    score, positive = tied(seed)
    weights = np.random.default_rng(seed).integers(0, 4, (6, len(score))).astype(np.float32)
    ordered = SortedScores(score, positive)
    measured = ordered.ranking_metrics(weights)
    for row, times in enumerate(weights.astype(int)):
        again = SortedScores(np.repeat(score, times), np.repeat(positive, times))
        for name, values in again.ranking_metrics().items():
            assert measured[name][row] == pytest.approx(values[0], abs=1e-6)
        assert ordered.auc(weights)[row] == pytest.approx(again.auc()[0], abs=1e-12)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("levels", [7, 10_000])
def test_tpr_is_read_off_without_interpolation(seed, levels):
    score, positive = tied(seed, n=400, levels=levels)
    score = score + positive * (levels // 5)
    measured = SortedScores(score, positive).ranking_metrics()
    for name, most in FPRS.items():
        allowed = [0.0]
        for threshold in np.unique(score):
            called = score >= threshold
            if called[~positive].sum() <= most * (~positive).sum() + 1e-9:
                allowed.append(called[positive].mean())
        assert measured[name][0] == pytest.approx(max(allowed), abs=1e-6)


def test_a_rate_of_exactly_the_limit_counts():
    """One external of 20 above the threshold is 5 %, whatever floating point makes of it."""
    score = np.r_[np.arange(20.0), 18.5]
    positive = np.r_[np.zeros(20, bool), True]
    assert SortedScores(score, positive).ranking_metrics()["tpr_at_5pct_fpr"][0] == 1
    score[-1] = 17.5
    assert SortedScores(score, positive).ranking_metrics()["tpr_at_5pct_fpr"][0] == 0


@pytest.mark.parametrize("seed", range(20))
def test_best_threshold_is_the_best_there_is(seed):
    score, positive = tied(seed, n=30, levels=[3, 12, 1000][seed % 3])

    def gain(threshold):
        return (score[positive] >= threshold).mean() - (score[~positive] >= threshold).mean()

    best = max(gain(threshold) for threshold in [*np.unique(score), np.inf])
    assert gain(best_threshold(score, positive)) == pytest.approx(best, abs=1e-6)


def test_constant_scores_are_a_coin():
    positive = np.arange(10) < 4
    score = np.full(10, 3.0)
    measured = SortedScores(score, positive).ranking_metrics()
    assert measured.pop("auc")[0] == 0.5
    assert all(value[0] == 0 for value in measured.values())
    called = score >= best_threshold(score, positive)
    assert called[positive].mean() == called[~positive].mean()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_numbers_are_refused(bad):
    with pytest.raises(ValueError, match="1 scores are not finite"):
        auc(np.array([0.0, bad, 1.0]), np.array([True, False, True]))


@pytest.mark.parametrize("seed", range(5))
def test_roc_runs_from_corner_to_corner_and_holds_the_auc(seed):
    score, positive = tied(seed)
    weights = np.random.default_rng(seed).integers(1, 4, (3, len(score))).astype(np.float32)
    ordered = SortedScores(score, positive)
    fpr, tpr = ordered.roc(weights)
    for rate in (fpr, tpr):
        assert (rate[:, 0] == 0).all()
        assert (rate[:, -1] == 1).all()
        assert (np.diff(rate, axis=1) >= 0).all()
    area = (np.diff(fpr) * (tpr[:, 1:] + tpr[:, :-1]) / 2).sum(axis=1)
    assert area == pytest.approx(ordered.auc(weights), abs=1e-5)


def test_share_is_weighted():
    flag = np.array([True, False, True])
    assert share(flag)[0] == pytest.approx(2 / 3)
    weights = np.array([[1, 1, 0], [0, 3, 1], [0, 0, 0]], np.float32)
    assert share(flag, weights)[:2] == pytest.approx([0.5, 0.25])
    assert np.isnan(share(flag, weights)[2])
