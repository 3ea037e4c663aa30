"""The verdict on planted truths: what is said, and that nothing is said too often."""

import json

import numpy as np
import pandas as pd
import pytest
from test_rungs import NOTHING, RIVALS, scores_table

from mint_utils.evidence.rungs import ACCESS, COLUMNS, CONTROLS, ladder
from mint_utils.evidence.verdict import (
    CANNOT,
    CONTROL,
    EXPLAINED,
    NONE,
    ORDER,
    SHOWN,
    TOLD,
    WITH_ACCESS,
    judge,
    judged,
    powered,
    report_verdict,
    warnings,
)
from mint_utils.faces import CONTRASTS

PLANTED = {"audited vanilla stage1": 1.2, "audited vanilla outcome": 0.8}


def verdict_of(effects, assignment="random", resamples=200, **how) -> dict:
    """The report's verdict on a simulated scores table."""
    steps = ladder(scores_table(effects, **how), RIVALS, resamples, 0)
    return report_verdict(judged(steps, assignment), assignment)


def a_rung(**changes) -> pd.Series:
    """A rung that shows membership, to be changed."""
    usual = {
        "access": "activations", "unit_kind": "image", "k": 1, "contrast": "member_vs_external",
        "method": "vanilla on stage1", "auc": 0.8, "low": 0.7, "high": 0.9,
        "best_control": "pixels: vanilla on pixels", "control_auc": 0.5, "gain": 0.3,
        "gain_low": 0.2, "gain_high": 0.4, "p": 0.001, "p_holm": 0.001, "p_chance": 0.001,
        "p_chance_holm": 0.001, "p_below_holm": 1.0, "control_elsewhere": False,
        "upper": 0.88, "m": 70, "n": 70,
        "control_p": 0.6, "control_upper": 0.56, "constant": False,
    }  # fmt: skip
    return pd.Series(usual | changes)


def reported(*rungs: pd.Series, assignment="random") -> dict:
    """The report's verdict on hand-made rungs."""
    return report_verdict(judged(pd.DataFrame(list(rungs)), assignment), assignment)


@pytest.mark.parametrize("persons", [40, 12])
def test_planted_membership_at_random_is_shown(persons):
    found = verdict_of(PLANTED | NOTHING, persons={"fit": 20, "test": persons})
    assert found["verdict"] == SHOWN
    assert found["proves"]


def test_planted_membership_is_shown_where_sets_do_not_differ():
    found = verdict_of(PLANTED | NOTHING, "observed", persons={"fit": 20, "test": 100})
    assert found["verdict"] == SHOWN
    assert any("stated by the scenario" in limit for limit in found["does_not_prove"])


def test_sets_that_differ_explain_even_a_score_that_beats_the_control():
    controls = {"untrained_twin vanilla stage1": 0.0, "pixels vanilla pixels": 1.0}
    scores = scores_table(
        {"audited vanilla stage1": 3.0} | controls, persons={"fit": 20, "test": 60}
    )
    steps = ladder(scores, RIVALS, 200, 0)
    assert steps["p_holm"].iloc[0] <= 0.05, "the score does beat the control"
    found = report_verdict(judged(steps, "observed"), "observed")
    assert found["verdict"] == EXPLAINED
    assert found["rung"]["best_control"].startswith("pixels")
    assert "cannot be told from the difference between the datasets" in found["sentence"]
    at_random = report_verdict(judged(steps, "random"), "random")
    assert at_random["verdict"] == SHOWN


def test_a_control_that_does_as_well_explains_even_at_random():
    controls = {"untrained_twin vanilla stage1": 1.5, "pixels vanilla pixels": 0.0}
    found = verdict_of({"audited vanilla stage1": 1.2} | controls, persons={"fit": 20, "test": 60})
    assert found["verdict"] == EXPLAINED


@pytest.mark.parametrize("assignment", ["random", "observed"])
def test_nothing_planted_in_many_persons_is_no_evidence(assignment):
    effects = {"audited vanilla stage1": 0.0} | NOTHING
    found = verdict_of(effects, assignment, persons={"fit": 20, "test": 150}, seed=2)
    assert found["verdict"] == NONE
    assert any("Absence of evidence" in limit for limit in found["does_not_prove"])
    assert found["proves"] == []


def test_nothing_planted_in_few_persons_cannot_be_told():
    effects = {"audited vanilla stage1": 0.0} | NOTHING
    found = verdict_of(effects, persons={"fit": 20, "test": 10}, seed=1)
    assert found["verdict"] == CANNOT
    assert "too few persons (10 on one side, 10 on the other)" in found["reason"]


@pytest.mark.parametrize("persons", [10, 100])
def test_constant_scores_cannot_tell(persons):
    effects = {"audited vanilla stage1": lambda table, score: 0 * score} | NOTHING
    found = verdict_of(effects, persons={"fit": 20, "test": persons})
    assert found["verdict"] == CANNOT
    assert "same score" in found["reason"]


def test_photos_do_not_make_up_for_persons():
    """Four persons a side with many photos each: person levels must not pass for membership."""
    shown = 0
    for seed in range(30):
        effects = {"audited vanilla stage1": 0.0} | NOTHING
        how = {"persons": {"fit": 6, "test": 4}, "photos": 15, "spread": 3.0, "seed": seed}
        shown += verdict_of(effects, **how)["verdict"] == SHOWN
    assert shown <= 4


def test_null_audits_seldom_show_membership():
    """Random assignment, nothing learned: several methods, taps, controls and rungs."""
    effects = dict.fromkeys(
        [
            "audited vanilla stage1", "audited vanilla stage2", "audited cnn stage2",
            "audited vanilla outcome", "audited flip_consistency outcome",
            "audited embedding_norm outcome", "audited head_max head",
            "untrained_twin vanilla stage1", "untrained_twin cnn stage2",
            "untrained_twin flip_consistency outcome",
            "pixels vanilla pixels", "pixels flip_consistency pixels",
        ],
        0.0,
    )  # fmt: skip
    roles = ("member", "held_out", "external")
    how = {"persons": {"fit": 15, "test": 30}, "roles": roles, "photos": 3}
    said = [verdict_of(effects, resamples=100, **how, seed=seed) for seed in range(60)]
    assert sum(found["verdict"] == SHOWN for found in said) <= 4
    assert sum(found["verdict"] == EXPLAINED for found in said) <= 6


def test_a_weak_difference_between_observed_sets_is_seen_with_many_persons():
    controls = {"untrained_twin vanilla stage1": 0.3, "pixels vanilla pixels": 0.5}
    found = verdict_of(
        {"audited vanilla stage1": 1.5} | controls, "observed", persons={"fit": 40, "test": 150}
    )
    assert found["verdict"] == EXPLAINED


def test_observed_sets_that_differ_seldom_pass_for_membership():
    """No membership: controls see 0.61, the audited model more because it is the better eye."""
    controls = {"untrained_twin vanilla stage1": 0.35, "pixels vanilla pixels": 0.35}
    shown = 0
    for seed in range(20):
        how = {"persons": {"fit": 20, "test": 25}, "seed": seed}
        found = verdict_of({"audited vanilla stage1": 2.0} | controls, "observed", **how)
        shown += found["verdict"] == SHOWN
    assert shown <= 2


@pytest.mark.parametrize(
    ("changes", "assignment", "verdict"),
    [
        ({}, "random", SHOWN),
        ({}, "observed", SHOWN),
        ({"p_holm": 0.05}, "random", SHOWN),
        ({"control_p": 0.01}, "random", SHOWN),
        ({"control_p": 0.01}, "observed", EXPLAINED),
        ({"control_p": 0.05}, "observed", EXPLAINED),
        ({"p_holm": 0.2, "control_p": 0.01}, "random", EXPLAINED),
        ({"p_holm": 0.2, "p_chance_holm": 0.2, "control_p": 0.01}, "random", CANNOT),
        ({"p_holm": 0.2}, "random", CANNOT),
        ({"p_holm": 0.2, "p_chance_holm": 0.2, "upper": 0.6}, "random", NONE),
        ({"p_holm": 0.2, "p_chance_holm": 0.2, "upper": 0.601}, "random", CANNOT),
        ({"p_holm": 0.2, "p_chance_holm": 0.2, "upper": 0.6, "m": 20}, "random", CANNOT),
        ({"constant": True}, "random", CANNOT),
    ],
)
def test_the_rule(changes, assignment, verdict):
    said, reason = judge(a_rung(**changes), assignment)
    assert said == verdict
    assert reason


def test_a_score_below_chance_is_told_as_such_only_beyond_chance():
    nothing = {"p_holm": 0.9, "p_chance_holm": 0.9, "upper": 0.45, "auc": 0.4, "high": 0.45}
    said, reason = judge(a_rung(**nothing, p_below_holm=0.05), "random")
    assert said == CANNOT
    assert "below chance" in reason
    said, reason = judge(a_rung(**nothing, p_below_holm=0.051), "random")
    assert said == NONE
    assert "below chance" not in reason


def test_power_needs_about_65_persons_a_side():
    assert not powered(64, 64)
    assert powered(65, 65)
    assert not powered(30, 100_000)
    assert not powered(0, 100)
    for m, n in ((65, 65), (40, 200), (33, 5000)):
        half_width = 1.96 * np.sqrt((m + n + 1) / (12 * m * n))
        assert powered(m, n) == (half_width <= 0.10)


def test_headline_is_the_first_of_the_four_that_a_rung_reaches():
    shown, explained = a_rung(), a_rung(p_holm=0.2, control_p=0.01)
    nothing = a_rung(p_holm=0.9, p_chance_holm=0.9, upper=0.55)
    cannot = a_rung(p_holm=0.9, p_chance_holm=0.9, m=5, n=5)
    assert reported(cannot, nothing, explained, shown)["verdict"] == SHOWN
    assert reported(cannot, nothing, explained)["verdict"] == EXPLAINED
    assert reported(cannot, nothing)["verdict"] == NONE, "the other rung is not powered"
    assert reported(cannot)["verdict"] == CANNOT


def test_no_evidence_needs_every_powered_rung():
    nothing = a_rung(p_holm=0.9, p_chance_holm=0.9, upper=0.55)
    wide = a_rung(p_holm=0.9, p_chance_holm=0.9, upper=0.65)
    found = reported(nothing, wide)
    assert found["verdict"] == CANNOT
    assert "0.65" in found["reason"]


def test_the_rung_with_the_largest_gain_speaks():
    found = reported(a_rung(gain=0.1, auc=0.61), a_rung(gain=0.3, auc=0.83), a_rung(gain=0.2))
    assert found["rung"]["auc"] == 0.83
    assert "AUC 0.83" in found["sentence"]


def test_a_control_above_chance_at_one_rung_forbids_shown_at_all_rungs_with_externals():
    """Observed sets that an album of controls tells apart differ for single images as well."""
    clean = a_rung(control_p=0.5, control_upper=0.55)
    telling = a_rung(control_p=0.001, control_upper=0.8, k=4, unit_kind="album")
    inside = a_rung(control_p=0.5, control_upper=0.55, contrast="member_vs_held_out")
    steps = pd.DataFrame([clean, telling, inside])
    assert judged(steps, "observed")["verdict"].tolist() == [CANNOT, EXPLAINED, SHOWN]
    assert judged(steps.iloc[[0, 2]], "observed")["verdict"].tolist() == [SHOWN, SHOWN]
    assert judged(steps, "random")["verdict"].tolist() == [SHOWN, SHOWN, SHOWN]


def test_sentences_give_figures_and_never_deny_membership():
    rungs = {
        SHOWN: a_rung(),
        EXPLAINED: a_rung(p_holm=0.2, control_p=0.01),
        NONE: a_rung(p_holm=0.9, p_chance_holm=0.9, upper=0.55),
        CANNOT: a_rung(p_holm=0.9, p_chance_holm=0.9, m=5, n=5),
    }
    assert list(rungs) == ORDER
    for verdict, rung in rungs.items():
        for assignment in ("random", "observed"):
            found = reported(rung, assignment=assignment)
            assert found["verdict"] == verdict
            assert "AUC 0.80, 95 % interval 0.70 to 0.90" in found["sentence"]
            assert "the best control, " in found["sentence"]
            assert ", reaches 0.50" in found["sentence"]
            words = json.dumps(found).lower()
            assert "not a member" not in words
            assert "were not trained" not in words
            assert "cannot be told from the difference between the datasets" in words or (
                verdict != EXPLAINED
            )


def test_the_verdict_can_be_written_down():
    steps = ladder(scores_table(PLANTED | NOTHING), RIVALS, 100, 0)
    rungs = judged(steps, "random")
    assert set(COLUMNS) < set(rungs.columns)
    found = report_verdict(rungs, "random")
    assert json.loads(json.dumps(found)) == found
    assert found["rung"]["verdict"] == found["verdict"]


def test_no_rungs_cannot_tell():
    rungs = judged(pd.DataFrame(), "random")
    assert list(rungs.columns) == [*COLUMNS, "reason"]
    found = report_verdict(rungs, "random")
    assert found["verdict"] == CANNOT
    assert found["rung"] is None


def test_warnings_say_who_attests_to_the_roles():
    unread = pd.DataFrame({"image_id": ["a", "b"]})
    assert warnings(unread.iloc[:0], "", "random", {}) == []
    said = warnings(unread, "the paper's authors", "observed", {})
    assert "2 images could not be read" in said[0]
    assert "the paper's authors" in said[1]
    assert "nobody that the scenario names" in warnings(unread.iloc[:0], "", "observed", {})[0]
    assert "seed = 7" in warnings(unread.iloc[:0], "", "random", {"seed": 7})[0]


@pytest.mark.parametrize("verdict", ORDER)
def test_a_sentence_about_albums_names_the_number_of_photos(verdict):
    changes = {
        SHOWN: {},
        EXPLAINED: {"p_holm": 0.2, "control_p": 0.01},
        NONE: {"p_holm": 0.9, "p_chance_holm": 0.9, "upper": 0.55},
        CANNOT: {"p_holm": 0.9, "p_chance_holm": 0.9, "m": 5, "n": 5},
    }[verdict]
    album = reported(a_rung(unit_kind="album", k=8, **changes))
    assert album["verdict"] == verdict
    assert ", 8 photos of one person at a time" in album["sentence"]
    assert album["rung"]["k"] == 8
    image = reported(a_rung(**changes))
    assert "photos of one person at a time" not in image["sentence"]
    assert all("8 photos" in sentence for sentence in album["proves"])


def test_every_access_level_control_and_contrast_has_its_words():
    assert list(WITH_ACCESS) == ACCESS
    assert list(CONTROL) == CONTROLS
    assert list(TOLD) == list(CONTRASTS)
    for access in ACCESS:
        for control in CONTROLS:
            for contrast in CONTRASTS:
                changes = {"access": access, "contrast": contrast, "best_control": f"{control}: x"}
                sentence = reported(a_rung(**changes))["sentence"]
                assert WITH_ACCESS[access] in sentence
                assert CONTROL[control] in sentence
                assert TOLD[contrast] in sentence


def test_a_reference_twin_that_does_as_well_explains():
    effects = {"audited vanilla stage1": 1.2, "reference_twin vanilla stage1": 1.5} | NOTHING
    found = verdict_of(effects, persons={"fit": 20, "test": 60})
    assert found["verdict"] == EXPLAINED
    assert "models of the same kind that never saw the person" in found["sentence"]


def test_membership_that_only_albums_show_is_told_as_such():
    persons = {"fit": 20, "test": 40}
    similar = {"audited similarity outcome": 2.0}
    similar |= {"untrained_twin similarity outcome": 0.0, "pixels similarity pixels": 0.0}
    images = scores_table({"audited vanilla stage1": 0.0} | NOTHING, persons=persons)
    steps = ladder(pd.concat([images, scores_table(similar, persons=persons, k=4)]), RIVALS, 200, 0)
    found = report_verdict(judged(steps, "random"), "random")
    assert found["verdict"] == SHOWN
    assert (found["rung"]["unit_kind"], found["rung"]["k"]) == ("album", 4)
    assert "4 photos of one person at a time" in found["sentence"]


@pytest.mark.parametrize("side", ["member", "external"])
@pytest.mark.parametrize("persons", [10, 60])
def test_one_person_on_a_side_shows_nothing(side, persons):
    """However well that person's photos are told apart, and however many there are of them."""
    said = []
    for seed in range(6):
        effects = {"audited vanilla stage1": 9.0} | NOTHING
        scores = scores_table(effects, persons={"fit": 20, "test": persons}, photos=6, seed=seed)
        of_side = (scores["split"] == "test") & (scores["role"] == side)
        only = scores.loc[of_side, "identity"].min()
        steps = ladder(scores[~of_side | (scores["identity"] == only)], RIVALS, 100, 0)
        found = [report_verdict(judged(steps, a), a) for a in ("random", "observed")]
        assert json.loads(json.dumps(found)) == found
        said += found
    verdicts = [found["verdict"] for found in said]
    assert SHOWN not in verdicts
    assert NONE not in verdicts
    assert verdicts.count(CANNOT) >= 10  # one in 61 controls is above chance by chance
    assert any("too few persons (" in found["reason"] for found in said)


def test_constant_scores_of_everything_cannot_tell():
    def constant(table, score):
        return 0 * score

    names = ["audited vanilla stage1", "audited flip_consistency outcome", *NOTHING]
    found = verdict_of(dict.fromkeys(names, constant), persons={"fit": 20, "test": 40})
    assert found["verdict"] == CANNOT
    assert "same score" in found["reason"]
    assert json.loads(json.dumps(found)) == found
