"""metrics.csv: what is measured on which images, and what is left out."""

import numpy as np
import pandas as pd
import pytest

from mint_utils.evidence.conformal import image_p_values
from mint_utils.evidence.measure import contrasts_of, in_contrast, metrics_table, paper_rows
from mint_utils.evidence.metrics import auc, best_threshold
from mint_utils.faces import CONTRASTS

DESIGN = (
    "scenario unit_kind k contrast method kind target aad access seed metric value low high "
    "n_positive_ids n_negative_ids"
)
SHIFT = {"member": 1.0, "held_out": 0.4, "external": 0.0}
AT_THRESHOLD = {"tpr_at_threshold", "fpr_at_threshold"}


def faces(persons: dict[str, int], roles=("member", "held_out", "external"), photos=4):
    """Images of ``persons`` a side in each split; one photo of a member person is held out."""
    rows = []
    for split, count in persons.items():
        for i in range(count):
            for photo in range(photos):
                member, external = f"{split}-member{i}", f"{split}-external{i}"
                rows.append((f"{member}/{photo}", member, split, "member" if photo else "held_out"))
                rows.append((f"{external}/{photo}", external, split, "external"))
    table = pd.DataFrame(rows, columns=["unit", "identity", "split", "role"])
    return table[table["role"].isin(roles)].reset_index(drop=True)


def scored(
    table, method="vanilla", target="audited", aad="stage1", seed=0, kind="mint", named=None
):
    """A scores table of one method: clustered by person, members higher, p-values of test."""
    rng = np.random.default_rng(seed)
    code, persons = table["identity"].factorize()
    score = rng.normal(size=len(persons))[code] + rng.normal(size=len(table))
    score = score + table["role"].map(SHIFT).to_numpy()
    known = ((table["split"] == "calibrate") & (table["role"] == "external")).to_numpy()
    p_value = image_p_values(score, score[known], table["identity"][known].to_numpy())
    access = {"pixels": "none"}.get(target, "activations")
    return table.assign(
        unit_kind="image", n_images=1, method=method, kind=kind, target=target, aad=aad,
        access=access, seed=named or "all", score=score,
        p_value=np.where(table["split"] == "test", p_value, np.nan),
    )  # fmt: skip


def albums(persons: dict[str, int], k: int, asides: int | None = None) -> pd.DataFrame:
    """Albums of the photos trained on and of those kept away, of ``persons`` a side; scored.

    Only ``asides`` persons of a side and split have enough photos for the second (default: all).
    """
    table = faces(persons, photos=2)
    number = table["identity"].str.extract(r"(\d+)$")[0].astype(int)
    photo = table["unit"].str.extract(r"/(\d)$")[0].astype(int)
    part = np.where(photo == 0, "aside", "main")
    table = table.assign(unit=table["identity"] + "/" + part + f"-{k}")
    kept = (part == "main") | (number < (asides if asides is not None else number.max() + 1))
    found = []
    for of_part in ("main", "aside"):  # p-values rank among albums of the same part
        some = table[kept & (part == of_part)].reset_index(drop=True)
        found.append(scored(some, seed=k).assign(unit_kind="album", n_images=k))
    return pd.concat(found, ignore_index=True)


def measured(scores, contrast="member_vs_external", resamples=60):
    """Metric values of one contrast as a dict."""
    metrics = metrics_table(scores, "small", resamples, seed=0)
    some = metrics[metrics["contrast"] == contrast]
    return dict(zip(some["metric"], some["value"], strict=True))


def swapped_on_test(scores):
    """The same scores, with member and external exchanged on the test split."""
    other = scores["role"].replace({"member": "external", "external": "member"})
    return scores.assign(role=np.where(scores["split"] == "test", other, scores["role"]))


def test_columns_and_words_are_those_of_the_design():
    metrics = metrics_table(scored(faces({"calibrate": 25, "test": 25})), "small", 60, 0)
    assert list(metrics.columns) == DESIGN.split()
    assert set(metrics["metric"]) == {
        "auc", "accuracy", "tpr_at_1pct_fpr", "tpr_at_5pct_fpr", "tpr_at_0.1pct_fpr",
        "tpr_at_threshold", "fpr_at_threshold",
    }  # fmt: skip
    assert set(metrics["contrast"]) == set(CONTRASTS)
    assert set(metrics["k"]) == {1}
    assert set(metrics["unit_kind"]) == {"image"}
    assert set(metrics["scenario"]) == {"small"}
    keys = ["contrast", "method", "target", "aad", "seed", "metric"]
    assert not metrics.duplicated(keys).any()


def test_contrasts_tell_the_roles_they_name_from_each_other():
    scores = scored(faces({"fit": 10, "calibrate": 25, "test": 25}))
    test = scores[scores["split"] == "test"]
    for contrast, (positive, negative) in CONTRASTS.items():
        some = test[test["role"].isin([positive, negative])]
        wanted = auc(some["score"].to_numpy(), (some["role"] == positive).to_numpy())
        assert measured(scores, contrast)["auc"] == pytest.approx(wanted)
        assert set(in_contrast(scores, contrast)["role"]) == {positive, negative}


def test_contrasts_need_both_roles_on_test():
    table = faces({"calibrate": 25, "test": 25})
    no_held_out = table[(table["split"] != "test") | (table["role"] != "held_out")]
    assert contrasts_of(no_held_out) == ["member_vs_external"]
    assert contrasts_of(table[table["role"] == "external"]) == []
    strangers = table[table["role"] != "member"]
    assert contrasts_of(strangers) == ["held_out_vs_external"]


def test_only_the_test_split_is_measured():
    scores = scored(faces({"fit": 15, "calibrate": 25, "test": 25}))
    before = metrics_table(scores, "small", 60, 0)
    changed = scores.assign(
        score=np.where(scores["split"] == "fit", -scores["score"], scores["score"])
    )
    pd.testing.assert_frame_equal(before, metrics_table(changed, "small", 60, 0))
    elsewhere = scores.assign(
        score=np.where(scores["split"] != "test", -scores["score"], scores["score"])
    )
    after = metrics_table(elsewhere, "small", 60, 0)
    ranking = before["metric"].str.match("auc|tpr_at_.*fpr")
    pd.testing.assert_frame_equal(before[ranking], after[ranking])


def test_counts_are_of_persons():
    metrics = metrics_table(scored(faces({"calibrate": 25, "test": 22})), "small", 60, 0)
    assert (metrics["n_positive_ids"] == 22).all()
    assert (metrics["n_negative_ids"] == 22).all()


@pytest.mark.parametrize(("persons", "blank"), [(19, True), (20, False)])
def test_a_rate_that_few_persons_cannot_show_is_left_blank(persons, blank):
    table = faces({"calibrate": 25, "test": persons}, photos=30)
    values = measured(scored(table))
    assert np.isnan(values["tpr_at_5pct_fpr"]) == blank
    assert np.isnan(values["tpr_at_1pct_fpr"]), "600 images, but not 100 persons"
    assert np.isnan(values["tpr_at_0.1pct_fpr"])


def test_a_hundred_persons_can_show_one_percent():
    values = measured(scored(faces({"calibrate": 25, "test": 100}, photos=2)))
    assert np.isfinite(values["tpr_at_1pct_fpr"])
    assert np.isnan(values["tpr_at_0.1pct_fpr"])


def test_thresholds_come_from_calibrate():
    scores = scored(faces({"calibrate": 30, "test": 30}, roles=("member", "external")))
    calibrate = scores[scores["split"] == "calibrate"]
    threshold = best_threshold(
        calibrate["score"].to_numpy(), (calibrate["role"] == "member").to_numpy()
    )
    test = scores[scores["split"] == "test"]
    called = test.groupby("role")[["score", "p_value"]].agg(
        score=("score", lambda s: (s >= threshold).mean()),
        p_value=("p_value", lambda p: (p <= 0.05).mean()),
    )
    values = measured(scores)
    wanted = (called.loc["member", "score"] + 1 - called.loc["external", "score"]) / 2
    assert values["accuracy"] == pytest.approx(wanted)
    assert values["tpr_at_threshold"] == pytest.approx(called.loc["member", "p_value"])
    assert values["fpr_at_threshold"] == pytest.approx(called.loc["external", "p_value"])


def test_the_roles_of_test_images_do_not_change_which_are_called():
    scores = scored(faces({"calibrate": 30, "test": 30}, roles=("member", "external")))
    before, after = measured(scores), measured(swapped_on_test(scores))
    assert before["accuracy"] > 0.55
    assert after["accuracy"] == pytest.approx(1 - before["accuracy"])
    assert after["tpr_at_threshold"] == pytest.approx(before["fpr_at_threshold"])
    assert after["fpr_at_threshold"] == pytest.approx(before["tpr_at_threshold"])
    assert after["auc"] == pytest.approx(1 - before["auc"])


@pytest.mark.parametrize(("persons", "there"), [(18, False), (19, True)])
def test_too_few_calibrate_externals_give_no_threshold_metrics(persons, there):
    values = measured(scored(faces({"calibrate": persons, "test": 25})))
    assert ("tpr_at_threshold" in values) == there
    assert ("fpr_at_threshold" in values) == there


def test_no_calibrate_split_leaves_the_ranking_metrics():
    values = measured(scored(faces({"test": 25})))
    assert set(values) == {"auc", "tpr_at_5pct_fpr", "tpr_at_1pct_fpr", "tpr_at_0.1pct_fpr"}


def test_no_calibrate_externals_give_no_threshold_metrics_in_any_contrast():
    """p-values rank among external persons: without them nobody can be called, rightly or not."""
    table = faces({"calibrate": 30, "test": 30}, roles=("member", "held_out"))
    assert not set(measured(scored(table), "member_vs_held_out")) & AT_THRESHOLD


def test_a_method_that_strangers_cannot_be_asked_gives_no_threshold_metrics():
    """The cosine to one's own class centre: nobody is there to rank among, p-values are blank."""
    table = faces({"calibrate": 30, "test": 30})
    named = scored(table, method="head_named", kind="rival", aad="named").assign(p_value=np.nan)
    both = pd.concat([scored(table), named[named["role"] != "external"]])
    metrics = metrics_table(both, "small", 60, 0)
    own = metrics[metrics["method"] == "head_named"]
    assert set(own["contrast"]) == {"member_vs_held_out"}
    assert {"auc", "accuracy"} <= set(own["metric"])
    assert not set(own["metric"]) & AT_THRESHOLD
    assert set(metrics.loc[metrics["method"] == "vanilla", "metric"]) >= AT_THRESHOLD


def test_intervals_hold_their_values_and_repeat():
    scores = scored(faces({"calibrate": 25, "test": 25}))
    metrics = metrics_table(scores, "small", 200, seed=5)
    known = metrics.dropna(subset="value")
    assert (known["low"] <= known["value"]).all()
    assert (known["value"] <= known["high"]).all()
    shuffled = scores.sample(frac=1, random_state=0)
    again = metrics_table(shuffled, "small", 200, seed=5)
    keys = ["contrast", "metric"]
    pd.testing.assert_frame_equal(
        metrics.sort_values(keys, ignore_index=True), again.sort_values(keys, ignore_index=True)
    )
    other = metrics_table(scores, "small", 200, seed=6)
    assert (other["low"] != metrics["low"]).any()


def test_perfect_separation_has_no_interval_of_no_width():
    table = faces({"calibrate": 25, "test": 25}, roles=("member", "external"))
    perfect = scored(table).assign(score=(table["role"] == "member").astype(float))
    row = metrics_table(perfect, "small", 60, 0).set_index("metric").loc["auc"]
    assert (row["value"], row["high"]) == (1, 1)
    assert row["low"] == pytest.approx(0.025 ** (1 / 25))


def test_every_method_target_and_seed_has_its_rows():
    table = faces({"calibrate": 20, "test": 20})
    parts = [
        scored(table, seed=1),
        scored(table, seed=2, named="0"),
        scored(table, seed=3, target="untrained_twin"),
        scored(table, method="flip_consistency", kind="rival", aad="outcome", seed=4),
    ]
    together = metrics_table(pd.concat(parts), "small", 60, 0)
    alone = pd.concat([metrics_table(part, "small", 60, 0) for part in parts])
    keys = ["contrast", "method", "target", "seed", "metric"]
    pd.testing.assert_frame_equal(
        together.sort_values(keys, ignore_index=True), alone.sort_values(keys, ignore_index=True)
    )


def test_nothing_to_measure_is_an_empty_table_with_the_columns():
    table = faces({"test": 5}, roles=("external",))
    metrics = metrics_table(scored(table), "small", 60, 0)
    assert metrics.empty
    assert list(metrics.columns) == DESIGN.split()
    assert list(paper_rows(metrics).columns) == ["aad"]


def test_paper_rows_are_accuracies_of_mint_models():
    table = faces({"calibrate": 20, "test": 20})
    parts = [
        scored(table, aad="stage1", seed=1),
        scored(table, aad="outcome", seed=2),
        scored(table, aad="stage1", seed=3, named="0"),
        scored(table, aad="stage1", seed=4, target="untrained_twin"),
        scored(table, aad="pixels", seed=5, target="pixels"),
        scored(table, method="flip_consistency", kind="rival", aad="outcome", seed=6),
    ]
    metrics = metrics_table(pd.concat(parts), "small", 60, 0)
    rows = paper_rows(metrics)
    assert list(rows["aad"]) == ["stage1", "outcome", "pixels"]
    assert set(rows.columns) == {
        "aad", "vanilla, audited", "vanilla, untrained_twin", "vanilla, pixels",
    }  # fmt: skip
    wanted = measured(parts[1])["accuracy"]
    assert rows.set_index("aad").loc["outcome", "vanilla, audited"] == pytest.approx(
        wanted, abs=6e-4
    )
    assert np.isnan(rows.set_index("aad").loc["outcome", "vanilla, untrained_twin"])


# Albums


def test_albums_have_rows_of_their_own_with_their_size_and_persons():
    images = scored(faces({"calibrate": 25, "test": 22}))
    scores = pd.concat([albums({"calibrate": 25, "test": 12}, 4), images,
                        albums({"calibrate": 25, "test": 20}, 2)])  # fmt: skip
    metrics = metrics_table(scores, "small", 60, 0)
    kinds = metrics.groupby("k", sort=False).agg(
        kind=("unit_kind", "unique"), m=("n_positive_ids", "unique"), n=("n_negative_ids", "unique")
    )
    assert kinds["kind"].str.join(",").to_dict() == {1: "image", 2: "album", 4: "album"}
    assert [list(v) for v in kinds["m"]] == [list(v) for v in kinds["n"]] == [[22], [20], [12]]
    alone = metrics_table(images, "small", 60, 0)
    pd.testing.assert_frame_equal(
        metrics[metrics["k"] == 1].reset_index(drop=True), alone, check_dtype=False
    )


def test_albums_are_compared_with_those_of_the_matching_part_only():
    scores = albums({"calibrate": 25, "test": 25}, 4)
    is_main = scores["unit"].str.contains("/main-")
    for contrast, (positive, negative) in CONTRASTS.items():
        of_part = {"member_vs_external": is_main, "held_out_vs_external": ~is_main}
        some = scores[(scores["split"] == "test") & scores["role"].isin([positive, negative])]
        some = some[of_part.get(contrast, is_main | ~is_main).loc[some.index]]
        assert len(some) == 50
        wanted = auc(some["score"].to_numpy(), (some["role"] == positive).to_numpy())
        assert measured(scores, contrast)["auc"] == pytest.approx(wanted)


def test_an_album_metric_is_that_of_its_own_p_values():
    scores = albums({"calibrate": 30, "test": 30}, 2)
    test = scores[(scores["split"] == "test") & scores["unit"].str.contains("/main-")]
    called = (test["p_value"] <= 0.05).groupby(test["role"]).mean()
    values = measured(scores)
    assert values["tpr_at_threshold"] == pytest.approx(called["member"])
    assert values["fpr_at_threshold"] == pytest.approx(called["external"])


def test_calibrate_externals_count_in_the_part_that_is_ranked():
    """Five persons have enough photos kept away: an album of these cannot have a p below 1 / 6."""
    scores = albums({"calibrate": 25, "test": 25}, 4, asides=5)
    assert set(measured(scores, "member_vs_external")) >= AT_THRESHOLD
    for contrast in ("held_out_vs_external", "member_vs_held_out"):
        assert not set(measured(scores, contrast)) & AT_THRESHOLD


def test_paper_rows_are_of_images():
    table = faces({"calibrate": 20, "test": 20})
    images = scored(table)
    both = pd.concat([images, albums({"calibrate": 20, "test": 20}, 4)])
    pd.testing.assert_frame_equal(
        paper_rows(metrics_table(both, "small", 60, 0)),
        paper_rows(metrics_table(images, "small", 60, 0)),
    )


# Targets that are no controls, and input that says nothing


def test_shuffled_labels_are_measured_and_change_nothing_else():
    table = faces({"calibrate": 19, "test": 25})
    plain = scored(table)
    exchanged = table["role"].replace({"member": "external", "external": "member"})
    shuffled = scored(table, seed=3, target="shuffled_labels").assign(role=exchanged)
    both = metrics_table(pd.concat([shuffled, plain]), "small", 60, 0)
    own = both[both["target"] == "shuffled_labels"]
    assert "auc" in set(own["metric"])
    keys = ["contrast", "metric"]
    pd.testing.assert_frame_equal(
        both[both["target"] == "audited"].sort_values(keys, ignore_index=True),
        metrics_table(plain, "small", 60, 0).sort_values(keys, ignore_index=True),
    )


def test_externals_of_shuffled_labels_rank_nobody():
    table = faces({"calibrate": 10, "test": 25})
    shuffled = faces({"calibrate": 25, "test": 25}).replace("calibrate-", "other-", regex=True)
    scores = pd.concat([scored(table), scored(shuffled, target="shuffled_labels")])
    metrics = metrics_table(scores, "small", 60, 0)
    assert not set(metrics.loc[metrics["target"] == "audited", "metric"]) & AT_THRESHOLD


def test_constant_scores_are_at_chance_and_accuse_nobody():
    scores = scored(faces({"calibrate": 25, "test": 25})).assign(score=2.5, p_value=1.0)
    values = measured(scores)
    assert values["auc"] == values["accuracy"] == 0.5
    assert values["tpr_at_threshold"] == values["fpr_at_threshold"] == 0
    assert values["tpr_at_5pct_fpr"] == 0


def test_scores_that_are_not_numbers_are_an_error_that_counts_them():
    scores = scored(faces({"calibrate": 20, "test": 20}))
    rows = scores.index[(scores["split"] == "test") & (scores["role"] == "external")][:2]
    scores.loc[rows, "score"] = np.nan
    with pytest.raises(ValueError, match="2 scores are not finite numbers"):
        measured(scores)


@pytest.mark.parametrize("side", ["member", "external"])
def test_one_person_on_a_side_has_an_interval_that_excludes_nothing(side):
    scores = scored(faces({"calibrate": 20, "test": 20}, roles=("member", "external")))
    of_side = (scores["split"] == "test") & (scores["role"] == side)
    few = scores[~of_side | (scores["identity"] == f"test-{side}0")]
    few = few.assign(score=(few["role"] == "member").astype(float))
    row = metrics_table(few, "small", 60, 0).set_index("metric").loc["auc"]
    assert sorted(row[["n_positive_ids", "n_negative_ids"]]) == [1, 20]
    assert (row["value"], row["high"]) == (1, 1)
    assert row["low"] == pytest.approx(0.025)
