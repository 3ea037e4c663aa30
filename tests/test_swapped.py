"""Swapped halves: what belongs to the training turns round, what is in the pictures does not."""

import numpy as np
import pandas as pd
import pytest
from test_rungs import NOTHING, SIDES, scores_table

from mint_utils.evidence.metrics import auc
from mint_utils.evidence.swapped import swapped_table

PERSONS = {"fit": 10, "test": 40}
CLEAR = 1.5  # of the deviation of one photo


def table(a: float, b: float, method="vanilla", aad="stage1", resamples=60, **how) -> pd.DataFrame:
    """The table of one method; ``a`` and ``b``: what A's members gain in the scores of A and B."""
    effects = {f"audited {method} {aad}": a, f"swapped_halves {method} {aad}": b}
    scores = scores_table(effects, **{"persons": PERSONS, **how})
    return swapped_table(scores, resamples, 0)


def test_membership_turns_round_and_the_difference_parts_best():
    (row,) = table(CLEAR, -CLEAR).to_dict("records")
    assert row["auc_a"] > 0.7
    assert row["auc_b"] < 0.3
    assert row["auc_difference"] > max(row["auc_a"], 1 - row["auc_b"])
    assert row["difference_low"] > 0.5
    assert row["a_low"] > 0.5 > row["b_high"]


def test_a_difference_between_the_sets_does_not_turn_round():
    (row,) = table(CLEAR, CLEAR).to_dict("records")
    assert row["auc_a"] > 0.7
    assert row["auc_b"] > 0.7
    assert row["difference_low"] < 0.5 < row["difference_high"]
    assert abs(row["auc_difference"] - 0.5) < 0.15


def test_a_difference_that_both_models_see_in_the_same_photos_cancels():
    """What is shared may be large; it is gone from the difference, and membership is left."""
    effects = {"audited vanilla stage1": 1.5, "swapped_halves vanilla stage1": -1.5}
    scores = scores_table(effects, persons=PERSONS, spread=0.0)
    rng = np.random.default_rng(0)
    level = {person: 4 * rng.normal() for person in scores["identity"].unique()}
    shared = scores["identity"].map(level) + 3 * (scores["role"] == "member")
    (row,) = swapped_table(scores.assign(score=scores["score"] + shared), 60, 0).to_dict("records")
    assert row["auc_b"] > 0.5, "even B's scores are higher for A's members"
    assert row["auc_difference"] > max(0.8, row["auc_a"])


def test_aucs_are_of_standardised_scores_of_test_units():
    effects = {"audited vanilla stage1": 1.0, "swapped_halves vanilla stage1": -0.5}
    scores = scores_table(effects, persons=PERSONS)
    test = scores[scores["split"] == "test"].pivot(index="unit", columns="target", values="score")
    positive = test.index.str.contains("-member")
    unit = (test - test.mean()) / test.std(ddof=0)
    (row,) = swapped_table(scores, 60, 0).to_dict("records")
    assert row["auc_a"] == pytest.approx(auc(test["audited"].to_numpy(), positive))
    assert row["auc_b"] == pytest.approx(auc(test["swapped_halves"].to_numpy(), positive))
    wanted = auc((unit["audited"] - unit["swapped_halves"]).to_numpy(), positive)
    assert row["auc_difference"] == pytest.approx(wanted)


def test_scale_and_level_of_a_model_make_no_difference():
    effects = {"audited vanilla stage1": 1.0, "swapped_halves vanilla stage1": -0.5}
    scores = scores_table(effects, persons=PERSONS)
    of_b = scores["target"] == "swapped_halves"
    other = scores.assign(score=scores["score"].mask(of_b, 100 * scores["score"] - 7))
    pd.testing.assert_frame_equal(swapped_table(other, 60, 0), swapped_table(scores, 60, 0))


def test_intervals_hold_their_values_and_repeat():
    scores = scores_table(
        {"audited vanilla stage1": 0.5, "swapped_halves vanilla stage1": -0.5}, persons=PERSONS
    )
    found = swapped_table(scores, 100, 1)
    for name in ("a", "b", "difference"):
        assert (found[f"{name}_low"] <= found[f"auc_{name}"]).all()
        assert (found[f"auc_{name}"] <= found[f"{name}_high"]).all()
    pd.testing.assert_frame_equal(swapped_table(scores.sample(frac=1), 100, 1), found)
    assert (swapped_table(scores, 100, 2)["a_low"] != found["a_low"]).any()


def test_every_method_contrast_and_unit_has_its_row():
    effects = {
        f"{target} {method}": 0.5
        for target in ("audited", "swapped_halves", "untrained_twin")
        for method in ("vanilla stage1", "head_max head")
    }
    how = {"persons": PERSONS, "roles": ("member", "held_out", "external")}
    scores = pd.concat([scores_table(effects, **how), scores_table(effects, k=4, **how)])
    found = swapped_table(scores, 40, 0)
    assert len(found) == 2 * 3 * 2
    keys = ["contrast", "unit_kind", "k", "method", "kind", "aad", "access"]
    assert list(found.columns[:7]) == keys
    assert not found.duplicated(keys).any()
    assert set(zip(found["unit_kind"], found["k"], strict=True)) == {("image", 1), ("album", 4)}


def test_only_test_persons_count():
    effects = {"audited vanilla stage1": 0.5, "swapped_halves vanilla stage1": -0.5}
    scores = scores_table(effects, persons={"fit": 20, "calibrate": 20, "test": 30})
    changed = scores.assign(score=scores["score"].where(scores["split"] == "test", 99.0))
    pd.testing.assert_frame_equal(swapped_table(changed, 60, 0), swapped_table(scores, 60, 0))


def test_without_a_swapped_model_there_is_nothing():
    scores = scores_table({"audited vanilla stage1": 1.0} | NOTHING)
    assert swapped_table(scores, 60, 0).empty


def test_a_method_that_one_of_the_models_cannot_be_asked_is_left_out():
    """Cosines to one's own class: A knows the members, B the externals, nobody both."""
    named = {"audited head_named named": 1.0, "swapped_halves head_named named": 1.0}
    scores = scores_table(named, persons=PERSONS)
    knows = np.where(scores["target"] == "audited", "member", "external")
    only = {"audited head_max head": 1.0}
    both = {"audited vanilla stage1": 1.0, "swapped_halves vanilla stage1": -1.0}
    together = pd.concat(
        [scores[scores["role"] == knows], scores_table(only | both, persons=PERSONS)]
    )
    found = swapped_table(together, 60, 0)
    assert found["method"].tolist() == ["vanilla"]


@pytest.mark.parametrize("side", SIDES)
def test_one_side_alone_cannot_be_parted(side):
    effects = {"audited vanilla stage1": 1.0, "swapped_halves vanilla stage1": -1.0}
    scores = scores_table(effects, persons=PERSONS)
    assert swapped_table(scores[scores["role"] == side], 60, 0).empty


def test_constant_scores_are_at_chance():
    def constant(rows, score):
        return 0 * score

    (row,) = table(constant, constant).to_dict("records")
    assert row["auc_a"] == row["auc_b"] == row["auc_difference"] == 0.5


def test_single_seeds_of_detectors_are_left_to_their_mean():
    effects = {"audited vanilla stage1": 1.0, "swapped_halves vanilla stage1": -1.0}
    scores = scores_table(effects, persons=PERSONS)
    seeds = pd.concat([scores, scores.assign(seed="0", score=0.0)])
    pd.testing.assert_frame_equal(swapped_table(seeds, 60, 0), swapped_table(scores, 60, 0))
