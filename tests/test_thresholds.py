"""Thresholds: whether what calibrate persons promised is kept on test, and what is left blank."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta, norm
from test_rungs import ALBUMS, NOTHING, RIVALS, scores_table

from mint_utils.evidence.conformal import image_p_values
from mint_utils.evidence.rungs import ladder
from mint_utils.evidence.thresholds import COLUMNS, NOMINAL, PRIORS, thresholds
from mint_utils.evidence.verdict import judged

PLANTED = {"audited vanilla stage1": 1.5}
ENOUGH = {"fit": 10, "calibrate": 99, "test": 25}


def a_rung(**changes) -> pd.DataFrame:
    """The table of one rung that :func:`scores_table` has scores for."""
    usual = {
        "access": "activations", "unit_kind": "image", "k": 1, "contrast": "member_vs_external",
        "method": "vanilla on stage1",
    }  # fmt: skip
    return pd.DataFrame([usual | changes])


def reached(effects=PLANTED, rungs=None, resamples=60, **how) -> pd.DataFrame:
    """Rows of one rung by nominal rate."""
    scores = scores_table(effects, **{"persons": ENOUGH, **how})
    found = thresholds(scores, a_rung() if rungs is None else rungs, resamples, 0)
    return found.set_index("nominal_fpr", drop=False)


def called_by_hand(scores: pd.DataFrame, rate: float) -> pd.Series:
    """Share of test images of each role whose conformal p-value is at most ``rate``."""
    known = scores[(scores["split"] == "calibrate") & (scores["role"] == "external")]
    test = scores[scores["split"] == "test"]
    p = image_p_values(
        test["score"].to_numpy(), known["score"].to_numpy(), known["identity"].to_numpy()
    )
    return (pd.Series(p, test.index) <= rate).groupby(test["role"]).mean()


# The rows


def test_every_rung_has_a_row_for_each_nominal_rate():
    effects = PLANTED | NOTHING | {"audited vanilla outcome": 0.5}
    roles = ("member", "held_out", "external")
    scores = scores_table(effects, persons=ENOUGH, roles=roles, photos=2)
    rungs = judged(ladder(scores, RIVALS, 100, 0), "random")
    found = thresholds(scores, rungs, 60, 0)
    assert list(found.columns) == COLUMNS
    asked = rungs[rungs["contrast"] != "member_vs_held_out"]
    assert len(found) == len(NOMINAL) * len(asked) == 12
    assert set(found["contrast"]) == {"member_vs_external", "held_out_vs_external"}
    assert (found.groupby(["access", "contrast"])["nominal_fpr"].apply(tuple) == NOMINAL).all()
    assert found["note"].isna().all()


def test_without_a_stranger_there_is_nobody_to_accuse_wrongly():
    rungs = a_rung(contrast="member_vs_held_out")
    scores = scores_table(PLANTED, persons=ENOUGH, roles=("member", "held_out"))
    found = thresholds(scores, rungs, 60, 0)
    assert found.empty
    assert list(found.columns) == COLUMNS


def test_no_rungs_give_no_rows():
    found = thresholds(scores_table(PLANTED), judged(pd.DataFrame(), "random"), 60, 0)
    assert found.empty
    assert list(found.columns) == COLUMNS


def test_rates_are_those_of_conformal_calls_on_test():
    scores = scores_table(PLANTED | NOTHING, persons=ENOUGH)
    found = thresholds(scores, a_rung(), 60, 0).set_index("nominal_fpr")
    for rate in NOMINAL:
        called = called_by_hand(scores[scores["target"] == "audited"], rate)
        assert found.loc[rate, "tpr"] == pytest.approx(called["member"])
        assert found.loc[rate, "fpr"] == pytest.approx(called["external"])
    assert (found["calibrate_persons"] == 99).all()
    assert found["tpr"].is_monotonic_increasing
    assert found["fpr"].is_monotonic_increasing


def test_intervals_hold_their_values():
    found = reached()
    assert (found["tpr_low"] <= found["tpr"]).all()
    assert (found["tpr"] <= found["tpr_high"]).all()
    assert (found["fpr_upper"] > found["fpr"]).all()
    assert found["fpr_upper"].between(0, 1).all()


def test_the_order_of_rows_and_other_targets_change_nothing():
    scores = scores_table(PLANTED | NOTHING, persons=ENOUGH)
    found = thresholds(scores, a_rung(), 60, 0)
    alone = scores[scores["target"] == "audited"].sample(frac=1, random_state=3)
    pd.testing.assert_frame_equal(thresholds(alone, a_rung(), 60, 0), found)
    shuffled = scores.assign(target="shuffled_labels", score=9.0)
    both = pd.concat([shuffled, scores])
    pd.testing.assert_frame_equal(thresholds(both, a_rung(), 60, 0), found)


def test_a_reversed_rung_is_called_from_the_other_end():
    effects = {"audited flip_consistency outcome": -1.5} | NOTHING
    scores = scores_table(effects, persons=ENOUGH)
    rungs = ladder(scores, RIVALS, 100, 0)
    assert rungs["method"][0] == "flip_consistency on outcome (reversed)"
    found = thresholds(scores, rungs, 60, 0)
    turned = scores.assign(score=-scores["score"])
    plain = a_rung(access="outcome", method="flip_consistency on outcome")
    again = thresholds(turned, plain, 60, 0)
    figures = ["fpr", "fpr_upper", "tpr", "tpr_low", "tpr_high", *PRIORS]
    pd.testing.assert_frame_equal(found[figures], again[figures])
    assert found["tpr"].iloc[-1] > 0.3
    assert found["fpr"].iloc[-1] < 0.2
    wrong_end = thresholds(scores, plain, 60, 0)
    assert wrong_end["tpr"].iloc[-1] < found["tpr"].iloc[-1]


@pytest.mark.parametrize("persons", [8, 19, 99])
def test_the_table_can_be_written_down_and_read_again(persons, tmp_path):
    """Verification compares what a report says with what its scores give."""
    scores = scores_table(PLANTED, persons={"calibrate": persons, "test": 12})
    found = thresholds(scores, a_rung(), 60, 0)
    found.to_csv(tmp_path / "thresholds.csv", index=False)
    again = pd.read_csv(tmp_path / "thresholds.csv")
    pd.testing.assert_frame_equal(again, found, check_dtype=False)


# Whether the rate is kept


@pytest.fixture(scope="module")
def strangers_alone():
    """Many audits in which test externals are like calibrate externals: rows by nominal rate."""
    found = []
    for seed in range(150):
        how = {"persons": {"calibrate": 99, "test": 15}, "photos": 3, "seed": seed}
        found.append(reached({"audited vanilla stage1": 1.0}, resamples=40, **how))
    return pd.concat(found)


@pytest.mark.parametrize("rate", NOMINAL)
def test_the_rate_that_was_promised_is_kept(strangers_alone, rate):
    pooled = strangers_alone.loc[rate, "fpr"].mean()
    assert pooled <= 1.2 * rate
    # One photo of 99 persons with several each has to be exceeded by none of them: rarer than 1 %.
    assert pooled >= (0.6 if rate > 0.01 else 0.2) * rate


def test_the_upper_bound_seldom_lies_below_the_true_rate():
    """The rate that this very threshold has among all the strangers there are."""
    deviation = np.sqrt(1 + 0.7**2)  # of one image's score in scores_table
    held = []
    for seed in range(60):
        how = {"persons": {"calibrate": 25, "test": 20}, "seed": seed}
        scores = scores_table(PLANTED, **how)
        known = scores[(scores["split"] == "calibrate") & (scores["role"] == "external")]
        score, identity = known["score"].to_numpy(), known["identity"].to_numpy()
        just_above = np.sort(score) + 1e-9
        threshold = just_above[image_p_values(just_above, score, identity) <= 0.10].min()
        row = thresholds(scores, a_rung(), 60, 0).set_index("nominal_fpr").loc[0.10]
        held.append(norm.sf(threshold / deviation) <= row["fpr_upper"])
    assert np.mean(held) >= 0.88


@pytest.mark.parametrize("persons", [3, 20, 60])
def test_no_alarm_at_all_still_has_an_upper_bound(persons):
    """What n persons without one alarm can hide: 1 - 0.05 ** (1 / n)."""

    def apart(table, score):
        return np.where(table["role"] == "member", 9.0, np.where(table["split"] == "test", -9, 0))

    found = reached({"audited vanilla stage1": apart}, persons={"calibrate": 20, "test": persons})
    row = found.loc[0.05]
    assert (row["fpr"], row["tpr"]) == (0, 1)
    assert row["fpr_upper"] == pytest.approx(1 - 0.05 ** (1 / persons))


def test_the_upper_bound_is_never_below_what_as_many_persons_could_hide(strangers_alone):
    hidden = beta.ppf(0.95, strangers_alone["fpr"] * 15 + 1, 15 - strangers_alone["fpr"] * 15)
    assert (strangers_alone["fpr_upper"] >= hidden - 1e-9).all()


def test_everybody_accused_has_an_upper_bound_of_one():
    def all_high(table, score):
        return np.where(table["split"] == "test", 9.0, score)

    found = reached({"audited vanilla stage1": all_high})
    assert (found[["fpr", "fpr_upper", "tpr"]] == 1).all(axis=None)
    assert found["ppv_at_10pct"].tolist() == pytest.approx([0.1] * 3), "no better than the prior"


def test_trust_in_a_yes_is_bayes_rule_with_the_upper_bound():
    found = reached()
    for name, prior in {"ppv_at_1pct": 0.01, "ppv_at_10pct": 0.1, "ppv_at_50pct": 0.5}.items():
        true, false = prior * found["tpr"], (1 - prior) * found["fpr_upper"]
        assert found[name].tolist() == pytest.approx((true / (true + false)).tolist())
    assert (found["ppv_at_1pct"] < found["ppv_at_10pct"]).all()
    assert (found["ppv_at_10pct"] < found["ppv_at_50pct"]).all()
    assert (found["ppv_at_1pct"] < 0.5).all(), "25 persons prove no rate small enough for that"


def test_a_method_that_finds_nobody_is_not_to_be_trusted():
    def low(table, score):
        return np.where((table["role"] == "member") & (table["split"] == "test"), -9.0, score)

    found = reached({"audited vanilla stage1": low})
    assert (found[["tpr", *PRIORS]] == 0).all(axis=None)


# What cannot be called


@pytest.mark.parametrize(("persons", "least"), [(8, 1.0), (9, 0.10), (19, 0.05), (99, 0.01)])
def test_a_rate_that_calibrate_persons_cannot_reach_is_blank_and_says_so(persons, least):
    found = reached(persons={"fit": 10, "calibrate": persons, "test": 25})
    assert (found["calibrate_persons"] == persons).all()
    for rate, row in found.iterrows():
        figures = row[["fpr", "fpr_upper", "tpr", "tpr_low", "tpr_high", *PRIORS]].astype(float)
        if rate >= least:
            assert pd.isna(row["note"])
            assert figures.notna().all()
        else:
            assert row["note"] == f"cannot be called: the smallest p is 1/{persons + 1}"
            assert figures.isna().all()


@pytest.mark.parametrize("persons", [{"test": 25}, {"fit": 20, "test": 25}])
def test_without_calibrate_persons_nothing_is_called(persons):
    found = reached(persons=persons)
    assert (found["calibrate_persons"] == 0).all()
    assert (found["note"] == "cannot be called: no external persons").all()
    assert found[["fpr", "tpr", *PRIORS]].isna().all(axis=None)


def test_photos_of_calibrate_persons_are_no_persons():
    found = reached(persons={"calibrate": 5, "test": 25}, photos=40)
    assert (found["calibrate_persons"] == 5).all()
    assert found["note"].str.contains("1/6").all()


def test_constant_scores_accuse_nobody():
    found = reached({"audited vanilla stage1": lambda table, score: 0 * score})
    assert (found[["fpr", "tpr"]] == 0).all(axis=None)
    assert found["note"].isna().all()


def test_one_person_on_a_side_of_test_leaves_hardly_any_doubt_out():
    scores = scores_table(PLANTED, persons=ENOUGH)
    of_side = (scores["split"] == "test") & (scores["role"] == "external")
    one = scores[~of_side | (scores["identity"] == "test-external000")]
    found = thresholds(one, a_rung(), 60, 0)
    assert (found["fpr_upper"] >= 0.95).all()


# Albums


def test_albums_are_called_among_albums_of_their_size_and_part():
    how = {"persons": {"calibrate": 25, "test": 20}, "roles": ("member", "held_out", "external")}
    scores = pd.concat([scores_table(ALBUMS, k=k, seed=k, **how) for k in (2, 4)])
    few = scores["identity"].str.match("calibrate-external(?!00)")
    scores = scores[~(few & scores["unit"].str.contains("/aside-4"))]
    album = {"access": "outcome", "unit_kind": "album", "method": "similarity on outcome"}
    rungs = pd.concat(
        a_rung(**album, k=k, contrast=contrast)
        for k in (2, 4)
        for contrast in ("member_vs_external", "held_out_vs_external")
    )
    found = thresholds(scores, rungs, 60, 0)
    persons = found.groupby(["k", "contrast"])["calibrate_persons"].first()
    assert persons.to_dict() == {
        (2, "member_vs_external"): 25, (2, "held_out_vs_external"): 25,
        (4, "member_vs_external"): 25, (4, "held_out_vs_external"): 10,
    }  # fmt: skip
    row = found[(found["k"] == 4) & (found["nominal_fpr"] == 0.05)].set_index("contrast")
    assert row.loc["held_out_vs_external", "note"] == "cannot be called: the smallest p is 1/11"
    main = scores[(scores["target"] == "audited") & scores["unit"].str.endswith("/main-4")]
    called = called_by_hand(main, 0.05)
    assert row.loc["member_vs_external", "tpr"] == pytest.approx(called["member"])
    assert row.loc["member_vs_external", "fpr"] == pytest.approx(called["external"])
