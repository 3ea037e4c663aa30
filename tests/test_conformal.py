"""Conformal p-values: the formula, one weight a person, and how often strangers are accused."""

import numpy as np
import pytest

from mint_utils.evidence.conformal import album_p_value, folder_p_value, image_p_values


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


# Albums


def test_an_album_is_ranked_among_one_album_a_person():
    calibrate, identity = np.array([1.0, 2.0, 3.0, 4.0]), np.array(["a", "b", "c", "d"])
    scores = (9.0, 4.0, 2.5, 0.0)
    p = [album_p_value(score, calibrate, identity) for score in scores]
    assert p == pytest.approx([1 / 5, 2 / 5, 3 / 5, 1])
    with pytest.raises(ValueError, match="one album a person"):
        album_p_value(1.0, calibrate, np.array(["a", "a", "b", "c"]))
    assert np.isnan(album_p_value(1.0, np.array([]), np.array([], dtype=str)))


# Folders of strangers


def clustered(rng, n: int, m: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A photo each of n persons, and the photos of m others; skewed, and alike within a person."""
    person = rng.standard_gamma(1, n + m)
    images = rng.integers(1, 13, m)
    identity = np.repeat(np.arange(m), images)
    folder = person[:n] + 0.5 * rng.normal(size=n)
    return folder, person[n:][identity] + 0.5 * rng.normal(size=len(identity)), identity


@pytest.mark.parametrize(("n", "m"), [(3, 20), (10, 20), (20, 20), (40, 20), (5, 60)])
def test_a_folder_of_strangers_is_seldom_accused(n, m):
    """P(p <= 0.05) is at most 5 %, also where the folder has more photos than there are persons."""
    rng = np.random.default_rng(5)
    p = np.array(
        [folder_p_value(*clustered(rng, n, m), resamples=199, seed=s) for s in range(1000)]
    )
    assert (p <= 0.05).mean() <= 0.06
    assert 0.45 < p.mean() < 0.55
    assert (p <= 0.5).mean() < 0.55


def test_a_folder_of_one_photo_has_the_p_value_of_the_photo():
    rng = np.random.default_rng(6)
    calibrate, identity = rng.normal(size=40), np.repeat(np.arange(10), 4)
    for score in (-0.5, 0.5, 1.0):
        own = image_p_values(np.array([score]), calibrate, identity)[0]
        folder = folder_p_value(np.array([score]), calibrate, identity)
        assert folder == pytest.approx(own, abs=0.02)


def test_a_folder_that_stands_out_reaches_the_smallest_p_and_no_less():
    rng = np.random.default_rng(7)
    calibrate, identity = rng.normal(size=90), np.repeat(np.arange(30), 3)
    assert folder_p_value(rng.normal(1.5, 1, 20), calibrate, identity) == pytest.approx(1 / 31)
    assert folder_p_value(rng.normal(0.5, 1, 25), calibrate, identity) < 0.2
    assert folder_p_value(rng.normal(-1, 1, 20), calibrate, identity) > 0.9


def test_equal_scores_are_no_evidence():
    identity = np.arange(12)
    assert folder_p_value(np.full(5, 0.1), np.full(12, 0.1), identity) == 1


def test_persons_weigh_the_same_in_a_folders_p_value():
    """One calibrate person with very many high photos is still one person."""
    rng = np.random.default_rng(8)
    few, folder = rng.normal(size=30), rng.normal(1, 1, 6)
    calibrate, identity = np.r_[few, np.full(500, 5.0)], np.r_[np.arange(30), np.full(500, 30)]
    once, one_each = np.r_[few, 5.0], np.arange(31)
    p, wanted = folder_p_value(folder, calibrate, identity), folder_p_value(folder, once, one_each)
    assert p == pytest.approx(wanted, abs=0.02)


def test_a_folders_p_value_is_the_same_when_asked_again():
    rng = np.random.default_rng(9)
    asked = clustered(rng, 8, 20)
    assert folder_p_value(*asked, seed=3) == folder_p_value(*asked, seed=3)


def test_folders_that_cannot_be_ranked():
    nobody = np.array([], dtype=str)
    assert np.isnan(folder_p_value(np.array([1.0]), np.array([]), nobody))
    assert np.isnan(folder_p_value(np.array([]), np.array([1.0]), np.array(["a"])))
    with pytest.raises(ValueError, match="not numbers"):
        folder_p_value(np.array([np.nan]), np.array([1.0]), np.array(["a"]))
