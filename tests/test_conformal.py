"""Conformal p-values: the formula, one weight a person, and how often strangers are accused."""

import numpy as np
import pytest

from mint_utils.evidence.conformal import image_p_values


def literal(score: float, calibrate: np.ndarray, identity: np.ndarray) -> float:
    """(1 + sum_j (1/n_j) sum_i [s_ji >= s]) / (m + 1), in two loops."""
    persons = sorted(set(identity))
    total = 0.0
    for person in persons:
        own = calibrate[identity == person]
        total += sum(1 for s in own if s >= score) / len(own)
    return (1 + total) / (len(persons) + 1)


@pytest.mark.parametrize("levels", [6, 100_000])
def test_formula(levels):
    rng = np.random.default_rng(0)
    identity = np.array([f"p{i}" for i in rng.integers(0, 12, 70)])
    calibrate = rng.integers(0, levels, 70).astype(float)
    score = np.r_[rng.integers(-1, levels + 1, 30), calibrate[:10], -np.inf, np.inf]
    wanted = [literal(s, calibrate, identity) for s in score]
    assert image_p_values(score, calibrate, identity) == pytest.approx(wanted, abs=1e-12)


def test_each_person_weighs_once():
    rng = np.random.default_rng(1)
    identity = np.repeat(["a", "b", "c"], [1, 4, 7])
    calibrate, score = rng.normal(size=12), rng.normal(size=20)
    times = np.where(identity == "b", 5, 1)
    again = image_p_values(score, np.repeat(calibrate, times), np.repeat(identity, times))
    assert again == pytest.approx(image_p_values(score, calibrate, identity), abs=1e-12)


def test_smallest_and_largest():
    calibrate, identity = np.array([1.0, 2.0, 3.0, 4.0]), np.array(["a", "a", "b", "c"])
    p = image_p_values(np.array([9.0, 1.0, -9.0, 4.0]), calibrate, identity)
    assert p == pytest.approx([1 / 4, 1, 1, 2 / 4])


def test_nobody_to_compare_with():
    p = image_p_values(np.array([1.0, 2.0]), np.array([]), np.array([], dtype=str))
    assert p.shape == (2,)
    assert np.isnan(p).all()


def test_a_score_that_is_not_a_number_is_not_evidence():
    calibrate, identity = np.arange(5.0), np.arange(5).astype(str)
    try:
        p = image_p_values(np.array([np.nan]), calibrate, identity)
    except ValueError:
        return
    assert np.isnan(p).all()


@pytest.mark.parametrize("spread", [0.0, 1.0, 5.0])
@pytest.mark.parametrize("persons", [19, 60])
def test_a_strangers_photo_is_seldom_accused(persons, spread):
    """For a new external person, P(p <= 0.05) is at most 5 %, alike photos or not."""
    rng = np.random.default_rng(3)
    accused, sims = 0, 2000
    for _ in range(sims):
        code = np.repeat(np.arange(persons + 1), rng.integers(1, 8, persons + 1))
        score = spread * rng.normal(size=persons + 1)[code] + rng.normal(size=len(code))
        new = code == persons
        p = image_p_values(score[new][:1], score[~new], code[~new])
        accused += p[0] <= 0.05
    assert accused / sims <= 0.05 + 2.6 * np.sqrt(0.05 * 0.95 / sims)
