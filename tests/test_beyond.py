"""What is left beyond reference twins: means over those that may be asked, LiRA, RMIA, features."""

import numpy as np
import pytest
from scipy.stats import rankdata
from test_rivals import CHANGED, IMAGES, TAPS, cosine, noise, planted

from mint_utils.beyond import (
    NEEDS,
    SIGNALS,
    beyond_features,
    consistency_features,
    lira,
    rmia,
    unseen_mean,
)
from mint_utils.rivals import augmentation_consistency, embedding_norm

FEATURES = (len(TAPS) + 1) * len(CHANGED) + 1  # documented: (taps + 1) * views + 1


@pytest.fixture
def references(tmp_path):
    """Three references; the first saw the first half, the second the other, the third nobody."""
    first = np.arange(IMAGES) < IMAGES // 2
    unseen = [~first, first, np.ones(IMAGES, bool)]
    return [(planted(tmp_path / str(n), noise(seed=n + 10)), mask) for n, mask in enumerate(unseen)]


# The mean over references that did not see the person


def test_the_mean_leaves_out_references_that_saw_the_person(references):
    found = unseen_mean(embedding_norm, references)
    values = [embedding_norm(activations) for activations, _ in references]
    half = IMAGES // 2
    assert found[:half] == pytest.approx((values[1] + values[2])[:half] / 2)
    assert found[half:] == pytest.approx((values[0] + values[2])[half:] / 2)


def test_what_a_reference_says_of_persons_it_saw_changes_nothing(references):
    """Whatever it is, and even if it is not a number."""
    saw = references[0][0]
    wild = np.where(np.arange(IMAGES) < IMAGES // 2, np.nan, embedding_norm(saw))

    def signal(activations):
        return wild if activations is saw else embedding_norm(activations)

    assert unseen_mean(signal, references) == pytest.approx(unseen_mean(embedding_norm, references))


def test_the_mean_keeps_the_shape_of_what_is_asked(references):
    found = unseen_mean(consistency_features, references)
    assert found.shape == (IMAGES, FEATURES)
    norm = unseen_mean(lambda a: consistency_features(a)[:, -1], references)
    assert found[:, -1] == pytest.approx(norm)


def test_a_single_reference_that_saw_nobody_is_its_own_mean(references):
    assert unseen_mean(embedding_norm, references[2:]) == pytest.approx(
        embedding_norm(references[2][0])
    )


def test_a_person_whom_every_reference_saw_is_refused(references):
    with pytest.raises(ValueError, match="seen by every reference model"):
        unseen_mean(embedding_norm, references[:1])
    one_seen = np.arange(IMAGES) != 3
    with pytest.raises(ValueError, match="seen by every reference model"):
        unseen_mean(consistency_features, [(references[0][0], one_seen)])


def test_no_reference_at_all_is_refused():
    with pytest.raises(ValueError, match="reference"):
        unseen_mean(embedding_norm, [])


# LiRA and RMIA


def test_lira_ranks_as_the_difference():
    rng = np.random.default_rng(0)
    own, others = rng.normal(5, 1, 80), rng.normal(4, 2, 80)
    found = lira(own, others)
    assert (rankdata(found) == rankdata(own - others)).all()
    assert found.std() == pytest.approx(1)
    assert ((found > 0) == (own > others)).all(), "zero where both say the same"


def test_lira_of_a_model_that_says_what_the_references_say_is_zero():
    own = np.linspace(1, 2, 9)
    assert (lira(own, own) == 0).all()
    assert np.isfinite(lira(own, own - 1)).all(), "one difference for all has no deviation"


def test_rmia_is_the_part_of_the_population_with_a_lower_ratio():
    own, others = np.array([4.0, 1.0, 9.0, 2.0, 6.0]), np.array([2.0, 1.0, 3.0, 4.0, 1.0])
    population = np.array([True, True, True, True, False])  # ratios 2, 1, 3, 0.5 and 6
    assert rmia(own, others, population) == pytest.approx([0.625, 0.375, 0.875, 0.125, 1.0])


def test_rmia_lies_between_zero_and_one_and_follows_the_ratio():
    rng = np.random.default_rng(0)
    own, others = rng.uniform(0, 3, 200), rng.uniform(0.5, 2, 200)
    population = rng.random(200) < 0.3
    found = rmia(own, others, population)
    assert found.min() >= 0 and found.max() <= 1
    in_order = found[np.argsort(own / others)]
    assert (np.diff(in_order) >= 0).all()
    assert in_order[0] < 0.05 and in_order[-1] > 0.95
    assert found[population].mean() == pytest.approx(0.5), "the population is typical of itself"


def test_rmia_does_not_depend_on_units():
    rng = np.random.default_rng(1)
    own, others = rng.uniform(1, 3, 50), rng.uniform(1, 3, 50)
    population = np.arange(50) < 20
    assert rmia(own * 7, others, population) == pytest.approx(rmia(own, others, population))
    assert rmia(own, others / 4, population) == pytest.approx(rmia(own, others, population))


def test_rmia_of_ties_is_a_half():
    own = np.full(6, 2.0)
    assert (rmia(own, np.ones(6), np.arange(6) < 3) == 0.5).all()
    mixed = np.array([1.0, 1.0, 2.0, 2.0])
    assert rmia(mixed, np.ones(4), np.ones(4, bool)).tolist() == [0.25, 0.25, 0.75, 0.75]


def test_rmia_of_a_reference_that_says_nothing_is_a_number():
    found = rmia(np.array([1.0, 0.0, 2.0]), np.zeros(3), np.ones(3, bool))
    assert np.isfinite(found).all()
    assert found.argmax() == 2


# Signals and features


def test_signals_are_positive_and_rank_as_their_rivals(references):
    activations = references[0][0]
    for name, rival in (("norm", embedding_norm), ("consistency", augmentation_consistency)):
        found = SIGNALS[name](activations)
        assert (found >= 0).all()
        assert (rankdata(found) == rankdata(rival(activations))).all()
    assert SIGNALS["consistency"](activations).max() <= 1
    assert list(NEEDS) == list(SIGNALS)


@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_needs_no_view_that_it_does_not_say(name, tmp_path):
    some = {key: v for key, v in noise().items() if key.split("/")[0] in NEEDS[name]}
    assert SIGNALS[name](planted(tmp_path / "few", some)).shape == (IMAGES,)


def test_consistency_features_are_cosines_and_the_log_length(tmp_path):
    vectors = noise()
    found = consistency_features(planted(tmp_path / "one", vectors))
    assert found.shape == (IMAGES, FEATURES)
    assert found.dtype == np.float32
    for i in range(IMAGES):
        by_hand = [
            cosine(vectors[f"plain/{aad}"][i], vectors[f"{view}/{aad}"][i])
            for aad in (*TAPS, "outcome")
            for view in CHANGED
        ]
        by_hand.append(np.log(np.linalg.norm(vectors["plain/outcome"][i])))
        assert found[i] == pytest.approx(by_hand, abs=1e-5)


def test_beyond_features_are_the_features_and_what_they_exceed_the_references_by(
    references, tmp_path
):
    own = planted(tmp_path / "own", noise(seed=3))
    found = beyond_features(own, references)
    assert found.shape == (IMAGES, 2 * FEATURES)
    assert found.dtype == np.float32
    plain = consistency_features(own)
    assert (found[:, :FEATURES] == plain).all()
    others = unseen_mean(consistency_features, references)
    assert found[:, FEATURES:] == pytest.approx(plain - others, abs=1e-6)


def test_a_model_like_its_reference_exceeds_it_by_nothing(tmp_path):
    own, same = (planted(tmp_path / name, noise(seed=3)) for name in ("own", "same"))
    found = beyond_features(own, [(same, np.ones(IMAGES, bool))])
    assert abs(found[:, FEATURES:]).max() < 1e-6
