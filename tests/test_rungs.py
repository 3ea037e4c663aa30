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
ACCESS = {  # of a method or its kind of data, where it is not the activations
    "lira_norm": "twin", "outcome": "outcome", "head": "head_blind", "named": "head_named",
    "pixels": "none",
}  # fmt: skip


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


def albums(persons: dict[str, int], roles=SIDES, k=2) -> pd.DataFrame:
    """One album of ``k`` photos for each person and part; externals have one of either part."""
    found = images(persons, roles, photos=1).drop(columns="unit")
    parts = {"member": ["main"], "held_out": ["aside"], "external": ["main", "aside"]}
    found = found.assign(part=found["role"].map(parts)).explode("part", ignore_index=True)
    return found.assign(unit=found["identity"] + "/" + found.pop("part") + f"-{k}")


def scores_table(effects: dict, persons=None, roles=SIDES, photos=4, seed=0, spread=0.7, k=1):
    """Scores of clustered persons. ``effects`` maps "target method aad" to what members gain.

    An effect is a number, or a number a split, or (for a callable) what it makes of the images;
    everything not named is noise. With ``k`` above 1 the units are albums. Rows come in random
    order.
    """
    persons = persons or {"fit": 20, "test": 30}
    table = images(persons, roles, photos) if k == 1 else albums(persons, roles, k)
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
        parts.append(
            table.assign(
                unit_kind="image" if k == 1 else "album",
                n_images=k,
                method=method,
                target=target,
                aad=aad,
                seed="all",
                kind="mint" if method in ("vanilla", "cnn") else "rival",
                access=ACCESS.get(method, ACCESS.get(aad, "activations")),
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
        points = [auc(control, positive) for control in controls]
        own = auc(score, positive)
        chance = one_sided_p(own, of_rung, 0.5, persons)
        gains = [
            one_sided_p(own - point, of_rung - other, 0, persons)
            for point, other in zip(points, others, strict=True)
        ]
        above = [
            one_sided_p(point, other, 0.5, persons)
            for point, other in zip(points, others, strict=True)
        ]
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
    for name in ("p_chance", "p_below"):
        assert steps[f"{name}_holm"].to_numpy() == pytest.approx(holm(steps[name].to_numpy()))


@pytest.mark.parametrize("persons", [30, 8])
def test_a_score_below_chance_has_a_small_p_in_the_other_direction(persons):
    how = {"persons": {"fit": 20, "test": persons}}
    below, above, nothing = (
        rung({"audited vanilla stage1": gain} | NOTHING, **how) for gain in (-3.0, 3.0, 0.0)
    )
    assert below["p_below"] < 0.01 < 0.9 < below["p_chance"]
    assert above["p_chance"] < 0.01 < 0.9 < above["p_below"]
    assert min(nothing["p_chance"], nothing["p_below"]) > 0.05
    for step in (below, above, nothing):  # an arrangement that is exactly as good counts in both
        assert 1 - 1e-9 <= step["p_chance"] + step["p_below"] <= 1.01


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
    scores = scores_table(UNFITTED, persons={"test": 30})
    step = ladder(scores, RIVALS, 200, 0).iloc[0]
    assert step["best_control"] == "untrained_twin: flip_consistency on outcome (reversed)"
    assert step["control_auc"] > 0.75
    assert step["p"] > 0.9
    names = {"target": "untrained_twin", "method": "flip_consistency"}
    strongest = scores[(scores[list(names)] == names).all(axis=1)].sort_values("unit")
    positive = (strongest["role"] == "member").to_numpy()
    score = SortedScores(-strongest["score"].to_numpy(), positive)
    resampled = score.auc(person_weights(strongest["identity"].to_numpy(), positive, 200, 0))
    p = one_sided_p(score.auc()[0], resampled, 0.5, 30)
    assert step["control_p"] == pytest.approx(6 * p), "two readings of three methods"


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


def test_a_control_of_other_units_does_not_stand_beside_a_rung():
    """As many units, but not the same ones: pairing them by place would compare strangers."""
    scores = scores_table({"audited vanilla stage1": 1.0} | NOTHING)
    is_twin = (scores["target"] == "untrained_twin") & (scores["split"] == "test")
    first = scores.loc[is_twin & (scores["role"] == "external"), "unit"].min()
    renamed = scores.assign(unit=scores["unit"].mask(is_twin & (scores["unit"] == first), "zzz"))
    without = ladder(scores[scores["target"] != "untrained_twin"], RIVALS, 100, 0)
    pd.testing.assert_frame_equal(ladder(renamed, RIVALS, 100, 0), without)


def test_a_rung_without_any_control_is_refused_by_name():
    alone = scores_table({"audited vanilla stage1": 1.0})
    with pytest.raises(ValueError, match="no control can stand beside vanilla on stage1"):
        ladder(alone, RIVALS, 100, 0)


def test_the_reference_twin_decides_where_it_is_the_strongest_control():
    effects = {"audited vanilla stage1": 1.2} | NOTHING
    alone = rung(effects)
    beside = rung(effects | {"reference_twin vanilla stage1": 1.2})
    assert alone["p"] < 0.05
    assert beside["best_control"] == "reference_twin: vanilla on stage1"
    assert beside["p"] > 0.1
    assert beside["control_p"] < 0.01
    assert beside["auc"] == alone["auc"]


def test_shuffled_labels_and_swapped_halves_never_change_a_rung():
    effects = {"audited vanilla stage1": 0.8, "audited vanilla outcome": 0.5} | NOTHING
    others = {
        "shuffled_labels vanilla stage1": 3.0,
        "swapped_halves vanilla stage1": -3.0,
        "swapped_halves vanilla outcome": 3.0,
    }
    more = scores_table(others, seed=1)
    exchanged = more["role"].map({"member": "external", "external": "member"})
    more = more.assign(role=exchanged.where(more["target"] == "shuffled_labels", more["role"]))
    plain = scores_table(effects)
    both = ladder(pd.concat([more, plain, more]), RIVALS, 100, 0)
    pd.testing.assert_frame_equal(both, ladder(plain, RIVALS, 100, 0))


def test_head_named_is_a_rung_only_where_both_sides_have_a_class():
    roles = ("member", "held_out", "external")
    effects = {"audited head_named named": 0.8, "untrained_twin head_named named": 0.0}
    scores = scores_table(effects, roles=roles)
    of_strangers = (scores["role"] == "external") & (scores["aad"] == "named")
    steps = ladder(
        pd.concat([scores[~of_strangers], scores_table(NOTHING, roles=roles)]), RIVALS, 100, 0
    )
    assert steps["contrast"].tolist() == ["member_vs_held_out"]
    assert steps["access"].tolist() == ["head_named"]
    assert steps["method"].tolist() == ["head_named on named"]
    assert steps["auc"][0] > 0.6


def test_reference_models_are_an_access_level_of_their_own():
    steps = ladder(
        scores_table({"audited lira_norm outcome": 1.0, "audited vanilla outcome": 0.2} | NOTHING),
        ("lira_norm",), 100, 0,
    )  # fmt: skip
    assert dict(zip(steps["access"], steps["method"], strict=True)) == {
        "outcome": "vanilla on outcome",
        "twin": "lira_norm on outcome",
    }


# Albums

ALBUMS = {
    "audited similarity outcome": 1.5,
    "untrained_twin similarity outcome": 0.0,
    "pixels similarity pixels": 0.0,
}


@pytest.mark.parametrize(("persons", "there"), [(9, False), (10, True)])
def test_an_album_rung_needs_ten_persons_a_side_on_test(persons, there):
    """Whatever the fit persons and photos: each question has its price in Holm's correction."""
    effects = {"audited embedding_norm outcome": 0.5} | NOTHING
    how = {"persons": {"fit": 40, "test": persons}}
    scores = pd.concat([scores_table(effects, photos=9, **how), scores_table(ALBUMS, k=4, **how)])
    steps = ladder(scores, RIVALS, 100, 0)
    assert steps["unit_kind"].tolist() == ["image", *["album"] * there]
    assert steps["k"].tolist() == [1, *[4] * there]


def test_the_smaller_side_counts_for_an_album_rung():
    scores = scores_table(ALBUMS, persons={"fit": 20, "test": 30}, k=2)
    few = scores["identity"].str.match("test-external0(?:09|[12])")
    assert few.any()
    assert ladder(scores[~few], RIVALS, 100, 0).empty
    assert len(ladder(scores, RIVALS, 100, 0)) == 1


def test_albums_compare_externals_from_the_part_that_matches():
    roles = ("member", "held_out", "external")

    def of_main(table, score):
        return score + 5.0 * table["unit"].str.contains("/main-")

    effects = {"audited similarity outcome": of_main, "pixels similarity pixels": 0.0}
    steps = ladder(scores_table(effects, roles=roles, k=4), RIVALS, 100, 0).set_index("contrast")
    assert (steps[["m", "n"]] == 30).all(axis=None)
    assert steps.loc["member_vs_external", "auc"] < 0.7, "both from the photos trained on"
    assert steps.loc["held_out_vs_external", "auc"] < 0.7, "both from the photos kept away"
    assert steps.loc["member_vs_held_out", "auc"] > 0.99


def test_every_size_of_album_is_a_rung_and_counts_in_the_correction():
    parts = [
        scores_table({"audited embedding_norm outcome": 0.3} | NOTHING),
        *(scores_table(ALBUMS, k=k, seed=k) for k in (8, 2, 4)),
    ]
    steps = ladder(pd.concat(parts), RIVALS, 100, 0)
    assert steps["k"].tolist() == [1, 2, 4, 8]
    assert steps["p_holm"].to_numpy() == pytest.approx(holm(steps["p"].to_numpy()))
    alone = ladder(parts[0], RIVALS, 100, 0)
    assert steps["p"][0] == alone["p"][0]
    assert steps["p_holm"][0] == steps["p"].max(), "the last of four in the step-down"
    assert steps["p_holm"].min() == pytest.approx(4 * steps["p"].min())


def test_albums_of_one_size_are_compared_with_albums_of_that_size():
    strong = ALBUMS | {"pixels similarity pixels": 4.0}
    parts = [scores_table(ALBUMS, k=2, seed=1), scores_table(strong, k=4, seed=2)]
    steps = ladder(pd.concat(parts), RIVALS, 100, 0).set_index("k")
    assert steps.loc[2, "control_auc"] < 0.7
    assert steps.loc[4, "best_control"].startswith("pixels")
    assert steps.loc[4, "control_auc"] > 0.9
    pd.testing.assert_series_equal(
        steps.loc[2].drop(["p_holm", "p_chance_holm"]),
        ladder(parts[0], RIVALS, 100, 0).set_index("k").loc[2].drop(["p_holm", "p_chance_holm"]),
    )


@pytest.mark.parametrize("also", ["embedding_norm", "spread", "flip_consistency"])
def test_with_nothing_fitted_the_similarity_within_is_what_an_album_is_asked(also):
    effects = {f"audited {also} outcome": 3.0} | ALBUMS
    scores = scores_table(effects, persons={"test": 30}, k=4)
    step = ladder(scores, ("flip_consistency", "embedding_norm"), 100, 0).iloc[0]
    assert step["method"] == "similarity on outcome"


def test_with_nothing_fitted_the_rivals_of_the_scenario_come_before_the_other_signals():
    effects = {"audited spread outcome": 3.0, "audited flip_consistency outcome": 0.1}
    scores = scores_table(effects | {"pixels similarity pixels": 0.0}, persons={"test": 30}, k=4)
    assert ladder(scores, RIVALS, 100, 0)["method"][0] == "flip_consistency on outcome"
    assert ladder(scores, (), 100, 0)["method"][0] == "spread on outcome"


def test_the_scores_of_an_album_rung_are_those_of_its_albums():
    effects = {"audited flip_consistency outcome": -2.0, "pixels similarity pixels": 0.0}
    scores = pd.concat([scores_table(effects | NOTHING), scores_table(effects, k=2, seed=1)])
    step = ladder(scores, RIVALS, 100, 0).set_index("k", drop=False).loc[2].to_dict()
    assert step["method"].endswith("(reversed)")
    rows = scores_of(scores, step)
    assert set(rows["n_images"]) == {2}
    test = rows[(rows["split"] == "test") & (rows["target"] == "audited")]
    assert not test["unit"].str.contains("aside").any()
    again = auc(test["score"].to_numpy(), test["positive"].to_numpy())
    assert again == pytest.approx(step["auc"])


# Input that says nothing


@pytest.mark.parametrize("target", ["audited", "pixels"])
@pytest.mark.parametrize("split", ["fit", "test"])
def test_scores_that_are_not_numbers_are_an_error_that_counts_them(target, split):
    scores = scores_table({"audited vanilla stage1": 0.5} | NOTHING)
    rows = scores.index[(scores["target"] == target) & (scores["split"] == split)][:3]
    scores.loc[rows, "score"] = np.nan
    with pytest.raises(ValueError, match="3 scores are not finite numbers"):
        ladder(scores, RIVALS, 100, 0)


@pytest.mark.parametrize("side", SIDES)
def test_one_person_on_a_side_has_no_small_p(side):
    effects = {"audited vanilla stage1": 9.0} | NOTHING | {"pixels vanilla pixels": -3.0}
    scores = scores_table(effects, persons={"fit": 20, "test": 40}, photos=6)
    of_side = (scores["split"] == "test") & (scores["role"] == side)
    only = scores.loc[of_side, "identity"].min()
    steps = ladder(scores[~of_side | (scores["identity"] == only)], RIVALS, 200, 0)
    assert sorted(steps.loc[0, ["m", "n"]]) == [1, 40]
    assert steps["p"][0] > 0.1
    assert np.isfinite(steps[["auc", "low", "high", "upper", "control_p"]].to_numpy(float)).all()
