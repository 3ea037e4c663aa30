"""The access ladder: what is chosen, by what, and with which p-values beside its controls."""

import numpy as np
import pandas as pd
import pytest

from mint_utils.evidence.bootstrap import one_sided_p, person_weights
from mint_utils.evidence.measure import in_contrast
from mint_utils.evidence.metrics import SortedScores, auc
from mint_utils.evidence.permutation import gain_p, label_p
from mint_utils.evidence.rungs import holm, ladder, scores_of

RIVALS = ("flip_consistency", "embedding_norm", "head_max")
SIDES = ("member", "external")
NOTHING = {"untrained_twin vanilla stage1": 0, "pixels vanilla pixels": 0}  # controls at chance


def images(persons: dict[str, int], roles=SIDES, photos=4) -> pd.DataFrame:
    """Images of ``persons`` a side; held_out photos are of the member persons."""
    rows = []
    for split, count in persons.items():
        for role in roles:
            side = "external" if role == "external" else "member"
            for i in range(count):
                for photo in range(photos):
                    person = f"{split}-{side}{i:03}"
                    rows.append((f"{person}/{role}{photo}", person, split, role))
    return pd.DataFrame(rows, columns=["unit", "identity", "split", "role"])


def scores_table(effects: dict, persons=None, roles=SIDES, photos=4, seed=0, spread=0.7):
    """Scores of clustered persons. ``effects`` maps "target method aad" to what members gain.

    An effect is a number, or a number a split, or (for a callable) what it makes of the images;
    everything not named is noise. Rows come in random order.
    """
    table = images(persons or {"fit": 20, "test": 30}, roles, photos)
    rng = np.random.default_rng(seed)
    code, known = table["identity"].factorize()
    is_member = (table["role"] == "member").to_numpy()
    parts = []
    for name, effect in effects.items():
        target, method, aad = name.split()
        score = spread * rng.normal(size=len(known))[code] + rng.normal(size=len(table))
        if callable(effect):
            score = effect(table, score)
        else:
            gain = table["split"].map(effect) if isinstance(effect, dict) else effect
            score = score + is_member * gain
        access = {"outcome": "outcome", "head": "head_blind", "pixels": "none"}
        parts.append(
            table.assign(
                unit_kind="image",
                n_images=1,
                method=method,
                target=target,
                aad=aad,
                seed="all",
                kind="mint" if method in ("vanilla", "cnn") else "rival",
                access=access.get(aad, "activations"),
                score=np.asarray(score, float),
                p_value=np.nan,
            )  # fmt: skip
        )
    return pd.concat(parts).sample(frac=1, random_state=seed).reset_index(drop=True)


def rung(effects: dict, resamples=200, access=None, contrast="member_vs_external", **how):
    """The one rung of a small ladder (of an access level and contrast)."""
    steps = ladder(scores_table(effects, **how), RIVALS, resamples, 0)
    some = steps[(steps["contrast"] == contrast) & (steps["access"] == (access or steps.access[0]))]
    assert len(some) == 1
    return some.iloc[0]


def test_holm_is_the_step_down_rule():
    rng = np.random.default_rng(0)
    for _ in range(50):
        p = np.round(rng.random(rng.integers(1, 8)) ** 2, 2)
        adjusted, level = holm(p), 0.05
        rejected = np.zeros(len(p), bool)
        for rank, i in enumerate(np.argsort(p, kind="stable")):  # literally: stop at the first
            if p[i] > level / (len(p) - rank):
                break
            rejected[i] = True
        assert ((adjusted <= level) == rejected).all()
        assert (adjusted >= p).all()
        assert (adjusted <= 1).all()
        assert (np.diff(adjusted[np.argsort(p)]) >= 0).all()


def test_primary_is_chosen_on_fit_and_never_on_test():
    chosen = rung(
        {
            "audited vanilla stage1": {"fit": 1.5, "test": 0.0},
            "audited vanilla stage2": {"fit": 0.0, "test": 4.0},
            "audited cnn stage3": {"fit": 0.5, "test": 4.0},
        }
        | NOTHING
    )
    assert chosen["method"] == "vanilla on stage1"
    assert chosen["auc"] < 0.65


def test_an_access_level_takes_only_its_own_methods():
    effects = {
        "audited vanilla stage1": 0.5,
        "audited vanilla outcome": 2.0,
        "audited flip_consistency outcome": 0.3,
        "audited head_max head": 3.0,
    }
    steps = ladder(scores_table(effects | NOTHING), RIVALS, 100, 0)
    assert dict(zip(steps["access"], steps["method"], strict=True)) == {
        "outcome": "vanilla on outcome",
        "activations": "vanilla on stage1",
        "head_blind": "head_max on head",
    }


def test_each_control_has_its_own_best_chosen_on_fit():
    step = rung(
        {
            "audited vanilla stage1": 2.0,
            "untrained_twin vanilla stage1": 0.0,
            "untrained_twin vanilla stage2": {"fit": 0.0, "test": 5.0},
            "untrained_twin cnn stage3": 1.0,
            "pixels vanilla pixels": 0.0,
            "pixels cnn pixels": 0.4,
        }
    )
    assert step["best_control"] == "untrained_twin: cnn on stage3"
    assert 0.6 < step["control_auc"] < 0.9


def test_the_strongest_control_stands_beside_the_rung():
    effects = {"audited vanilla stage1": 2.0, "untrained_twin vanilla stage1": 0.3}
    step = rung(effects | {"pixels vanilla pixels": 1.5})
    assert step["best_control"] == "pixels: vanilla on pixels"
    assert step["gain"] == pytest.approx(step["auc"] - step["control_auc"])
    assert step["gain_low"] < step["gain"] < step["gain_high"]


@pytest.mark.parametrize("persons", [30, 8])
def test_p_is_the_largest_over_controls_and_chance(persons):
    effects = {
        "audited vanilla stage1": 0.6,
        "untrained_twin vanilla stage1": 0.5,
        "pixels vanilla pixels": -0.5,
    }
    scores = scores_table(effects, persons={"fit": 20, "test": persons})
    step = ladder(scores, RIVALS, 200, 7).iloc[0]
    test = in_contrast(scores[scores["split"] == "test"], "member_vs_external").sort_values("unit")
    by_target = {target: rows["score"].to_numpy() for target, rows in test.groupby("target")}
    one = test[test["target"] == "audited"]
    identity, positive = one["identity"].to_numpy(), one["positive"].to_numpy()
    score, controls = by_target.pop("audited"), by_target.values()
    if persons < 20:
        chance = label_p(score, identity, positive)
        gains = [gain_p(score, control, identity, positive) for control in controls]
        above = [label_p(control, identity, positive) for control in controls]
    else:
        weights = person_weights(identity, positive, 200, 7)
        of_rung, *others = (SortedScores(s, positive).auc(weights) for s in (score, *controls))
        chance = one_sided_p(of_rung, 0.5)
        gains = [one_sided_p(of_rung - other, 0) for other in others]
        above = [one_sided_p(other, 0.5) for other in others]
        assert step["upper"] == pytest.approx(np.quantile(of_rung, 0.95))
    assert step["p_chance"] == pytest.approx(chance)
    assert step["p"] == pytest.approx(max(chance, *gains))
    assert step["control_p"] == pytest.approx(min(1, 2 * min(above)))
    assert step["auc"] == pytest.approx(auc(score, positive))


def test_holm_runs_over_all_rungs():
    effects = {"audited vanilla stage1": 0.3, "audited vanilla outcome": 0.2}
    scores = scores_table(effects | NOTHING, roles=("member", "held_out", "external"))
    steps = ladder(scores, RIVALS, 100, 0)
    assert len(steps) == 6
    assert steps["p_holm"].to_numpy() == pytest.approx(holm(steps["p"].to_numpy()))
    assert steps["p_chance_holm"].to_numpy() == pytest.approx(holm(steps["p_chance"].to_numpy()))


def test_a_rival_is_turned_round_on_fit():
    step = rung({"audited flip_consistency outcome": -1.5} | NOTHING)
    assert step["method"] == "flip_consistency on outcome (reversed)"
    assert step["auc"] > 0.75


def test_a_rival_is_not_turned_round_on_test():
    step = rung({"audited flip_consistency outcome": {"fit": 1.5, "test": -1.5}} | NOTHING)
    assert step["method"] == "flip_consistency on outcome"
    assert step["auc"] < 0.25
    assert step["p"] > 0.9


def test_a_detector_is_never_turned_round():
    step = rung({"audited vanilla stage1": -1.5} | NOTHING)
    assert step["method"] == "vanilla on stage1"
    assert step["auc"] < 0.25


UNFITTED = {
    "audited flip_consistency outcome": 0.2,
    "audited embedding_norm outcome": 3.0,
    "untrained_twin flip_consistency outcome": -1.5,
    "untrained_twin embedding_norm outcome": 1.0,
    "pixels embedding_norm pixels": 1.0,
}


def test_with_nothing_fitted_the_order_of_the_scenario_decides():
    step = rung(UNFITTED, persons={"test": 30})
    assert step["method"] == "flip_consistency on outcome"


def test_with_nothing_fitted_a_control_counts_in_its_stronger_reading():
    step = rung(UNFITTED, persons={"test": 30})
    assert step["best_control"] == "untrained_twin: flip_consistency on outcome (reversed)"
    assert step["control_auc"] > 0.75
    assert step["p"] > 0.9
    assert step["control_p"] == pytest.approx(6 / 201), "two readings of three methods"


def test_with_nothing_fitted_every_method_of_a_control_has_to_be_beaten():
    weak = {"untrained_twin flip_consistency outcome": 0.0}
    alone = rung({"audited flip_consistency outcome": 1.0} | weak, persons={"test": 30})
    beside = {"untrained_twin embedding_norm outcome": 2.0}
    both = rung({"audited flip_consistency outcome": 1.0} | weak | beside, persons={"test": 30})
    assert alone["p"] < 0.05 < both["p"]
    assert both["best_control"] == "untrained_twin: embedding_norm on outcome"


def test_a_head_method_is_not_left_without_its_pixels_control():
    effects = {"audited head_max head": 2.0, "pixels embedding_norm pixels": 1.0}
    step = rung(effects, access="head_blind", persons={"test": 30})
    assert step["best_control"].startswith("pixels: embedding_norm")


def test_a_control_whose_orientation_fit_cannot_choose_counts_in_its_stronger_reading():
    """Held-out photos on test only: fit has persons, but none to learn this contrast from."""

    def held_out_gain(amount):
        return lambda table, score: score + amount * (table["role"] == "held_out")

    scores = scores_table(
        {
            "audited flip_consistency outcome": held_out_gain(0.8),
            "pixels flip_consistency pixels": held_out_gain(-2.0),
        },
        roles=("member", "held_out", "external"),
    )
    scores = scores[(scores["split"] == "test") | (scores["role"] != "held_out")]
    steps = ladder(scores, RIVALS, 200, 0).set_index("contrast")
    step = steps.loc["held_out_vs_external"]
    assert step["control_auc"] > 0.8
    assert step["p"] > 0.9


def test_persons_not_photos_decide_between_bootstrap_and_permutation():
    few = rung({"audited vanilla stage1": 0.0} | NOTHING, persons={"fit": 20, "test": 4}, photos=40)
    assert (few["m"], few["n"]) == (4, 4)
    assert few["p_chance"] * 70 == pytest.approx(round(few["p_chance"] * 70))  # of 70 relabellings


def test_member_against_held_out_of_the_same_persons():
    """Person levels are huge and the same on both sides; the photos themselves differ."""
    roles, contrast = ("member", "held_out", "external"), "member_vs_held_out"
    for persons in (30, 10):
        step = rung(
            {"audited vanilla stage1": 1.5} | NOTHING,
            contrast=contrast, roles=roles, persons={"fit": 20, "test": persons}, spread=3.0,
        )  # fmt: skip
        assert (step["m"], step["n"]) == (persons, persons)
        assert step["p_chance"] < 0.01


def test_seeds_of_detectors_are_left_to_their_mean():
    scores = scores_table({"audited vanilla stage1": 0.5} | NOTHING)
    single = scores.assign(seed="0", score=np.random.default_rng(0).normal(size=len(scores)))
    both = ladder(pd.concat([single, scores]), RIVALS, 100, 0)
    pd.testing.assert_frame_equal(both, ladder(scores, RIVALS, 100, 0))


def test_rows_may_come_in_any_order():
    scores = scores_table({"audited vanilla stage1": 0.5} | NOTHING)
    shuffled = scores.sample(frac=1, random_state=9)
    first, second = (ladder(s, RIVALS, 100, 0).iloc[0] for s in (scores, shuffled))
    for name in ("auc", "low", "high", "p", "gain", "control_auc", "control_p"):
        assert first[name] == pytest.approx(second[name])


def test_constant_scores_are_marked():
    constant = rung({"audited vanilla stage1": lambda table, score: 0 * score} | NOTHING)
    assert constant["constant"]
    assert constant["auc"] == 0.5
    assert constant["p"] == 1


def test_scores_of_a_rung_have_its_orientation():
    effects = {
        "audited flip_consistency outcome": -1.5,
        "untrained_twin flip_consistency outcome": 0.0,
        "pixels flip_consistency pixels": 0.0,
        "audited vanilla stage1": 0.0,
    }
    scores = scores_table(effects)
    step = ladder(scores, RIVALS, 100, 0).iloc[0].to_dict()
    rows = scores_of(scores, step)
    assert set(rows["target"]) == {"audited", "untrained_twin", "pixels"}
    assert set(rows["method"]) == {"flip_consistency"}
    test = rows[(rows["split"] == "test") & (rows["target"] == "audited")]
    again = auc(test["score"].to_numpy(), (test["role"] == "member").to_numpy())
    assert again == pytest.approx(step["auc"])


def test_no_two_roles_no_rungs():
    scores = scores_table({"audited vanilla stage1": 0.0} | NOTHING, roles=("external",))
    assert ladder(scores, RIVALS, 100, 0).empty
