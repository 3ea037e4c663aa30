"""The long table of scores: columns, p-values, what may be NaN, and the choice inside fit."""

import numpy as np
import pandas as pd
import pytest
from test_scores import NOTHING_FITTED, Planted, listed, of, planted_scenario

from mint_utils.evidence.conformal import image_p_values
from mint_utils.evidence.metrics import auc
from mint_utils.score_table import COLUMNS, as_rows, joined, validation_choice
from mint_utils.scores import score_images
from mint_utils.trials import Trial

TRIAL = Trial("embedding_norm", "rival", "outcome", "outcome")
NAMED = Trial("head_named", "rival", "named", "head_named")
UNITS = pd.DataFrame(
    [
        ("a/0", "a", "fit", "member"),
        ("b/0", "b", "fit", "external"),
        ("c/0", "c", "calibrate", "member"),
        ("d/0", "d", "calibrate", "external"),
        ("d/1", "d", "calibrate", "external"),
        ("e/0", "e", "calibrate", "external"),
        ("f/0", "f", "test", "member"),
        ("g/0", "g", "test", "external"),
        ("f/1", "f", "test", "held_out"),
    ],
    columns=["image_id", "identity", "split", "role"],
)
SCORE = np.array([9.0, 9.0, 9.0, 1.0, 3.0, 2.0, 3.0, 0.0, 2.5])
FIT = (UNITS["split"] == "fit").to_numpy()


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Scores of planted activations of the audited model and of the pixels."""
    scenario = planted_scenario(detectors__methods=["vanilla"], rivals=["embedding_norm"])
    faces = listed(scenario)
    folder = tmp_path_factory.mktemp("table")
    targets = {
        "audited": Planted(faces, by=1.0).stored(folder),
        "pixels": Planted(faces, seed=2).stored(folder, "pixels"),
    }
    return score_images(targets, faces, scenario, folder / "models")


def test_columns_are_those_of_the_design():
    rows = as_rows(UNITS, TRIAL, "audited", "all", SCORE)
    assert list(rows) == COLUMNS == [
        "unit", "unit_kind", "identity", "n_images", "split", "role", "method", "kind", "target",
        "aad", "access", "seed", "score", "p_value",
    ]  # fmt: skip
    assert rows["unit"].tolist() == UNITS["image_id"].tolist()
    said = ["unit_kind", "n_images", "method", "kind", "target", "aad", "access", "seed"]
    assert rows[said].drop_duplicates().to_numpy().tolist() == [
        ["image", 1, "embedding_norm", "rival", "audited", "outcome", "outcome", "all"]
    ]


def test_p_values_count_every_calibrate_external_once():
    rows = as_rows(UNITS, TRIAL, "audited", "all", SCORE).set_index("unit")
    # Externals: d (scores 1 and 3, half a person each) and e (2); members of calibrate rank nobody.
    assert rows["p_value"].dropna().to_dict() == {
        "f/0": (1 + 0.5) / 3,
        "g/0": (1 + 2) / 3,
        "f/1": (1 + 0.5) / 3,
    }


def test_albums_say_of_how_many_photos_they_are():
    albums = UNITS.rename(columns={"image_id": "unit"})
    rows = as_rows(albums, TRIAL, "audited", "all", SCORE, k=4)
    assert set(rows["unit_kind"]) == {"album"}
    assert set(rows["n_images"]) == {4}
    assert rows["unit"].tolist() == albums["unit"].tolist()


def test_an_image_of_fit_without_a_score_is_left_out():
    rows = as_rows(UNITS, TRIAL, "audited", "all", np.where(FIT, np.nan, SCORE))
    assert set(rows["split"]) == {"calibrate", "test"}
    before = as_rows(UNITS, TRIAL, "audited", "all", SCORE)
    pd.testing.assert_frame_equal(rows, before[before["split"] != "fit"])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("split", ["calibrate", "test"])
def test_a_score_outside_fit_that_is_no_number_is_refused(split, bad):
    score = SCORE.copy()
    score[np.flatnonzero(UNITS["split"] == split)[0]] = bad
    with pytest.raises(FloatingPointError, match="embedding_norm on untrained_twin outcome"):
        as_rows(UNITS, TRIAL, "untrained_twin", "all", score)


def test_only_persons_with_a_class_are_asked_about_it():
    score = np.where(UNITS["role"] == "external", np.nan, SCORE)
    rows = as_rows(UNITS, NAMED, "audited", "all", score)
    assert rows["unit"].tolist() == ["a/0", "c/0", "f/0", "f/1"]
    assert rows["p_value"].isna().all()  # no external to rank among


def test_constant_scores_accuse_nobody():
    rows = as_rows(UNITS, TRIAL, "audited", "all", np.ones(len(UNITS)))
    test = rows["split"] == "test"
    assert (rows["p_value"][test] == 1).all()
    assert rows["p_value"][~test].isna().all()


def test_p_values_of_a_run_are_ranks_among_external_calibrate_persons(images):
    true = images[images["target"] != "shuffled_labels"]
    assert true["p_value"].notna().eq(true["split"] == "test").all()
    one = of(images, target="audited", aad="stage1", method="vanilla")
    known = one[(one["split"] == "calibrate") & (one["role"] == "external")]
    test = one[one["split"] == "test"]
    by_hand = image_p_values(
        test["score"].to_numpy(), known["score"].to_numpy(), known["identity"].to_numpy()
    )
    np.testing.assert_allclose(test["p_value"], by_hand)
    member = test["role"] == "member"
    assert test["p_value"][member].mean() < 0.3
    assert 0.35 < test["p_value"][test["role"] == "external"].mean() < 0.65


# Both tables together


def albums_like(images: pd.DataFrame) -> pd.DataFrame:
    """Rows that say they are albums."""
    some = images[images["seed"] == "all"]
    return some.assign(unit=some["unit"] + "/main-2", unit_kind="album", n_images=2)


def test_joined_has_both_and_keeps_what_new_scores_are_ranked_among(images, tmp_path):
    albums = albums_like(images)
    scores = joined(images, albums, tmp_path / "models")
    assert list(scores) == COLUMNS
    assert scores.index.tolist() == list(range(len(images) + len(albums)))
    assert scores["unit_kind"].value_counts().to_dict() == {
        "image": len(images),
        "album": len(albums),
    }
    kept = pd.read_parquet(tmp_path / "models" / "calibrate.parquet")
    expected = scores[scores["split"] == "calibrate"].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, expected, check_dtype=False)
    assert set(kept["unit_kind"]) == {"image", "album"}


def test_without_albums_scores_are_still_numbers(images, tmp_path):
    scores = joined(images, pd.DataFrame(columns=COLUMNS), tmp_path / "models")
    pd.testing.assert_frame_equal(scores, images)
    assert len(validation_choice(scores, "audited"))


def test_where_nobody_is_in_calibrate_an_empty_table_is_kept(tmp_path):
    scenario = planted_scenario(rivals=["embedding_norm"], **NOTHING_FITTED)
    faces = listed(scenario)
    targets = {"audited": Planted(faces).stored(tmp_path)}
    scores = score_images(targets, faces, scenario, tmp_path / "models")
    joined(scores, pd.DataFrame(columns=COLUMNS), tmp_path / "models")
    kept = pd.read_parquet(tmp_path / "models" / "calibrate.parquet")
    assert kept.empty
    assert list(kept) == COLUMNS


# Choosing


def test_validation_choice_is_the_best_inside_fit(images):
    chosen = validation_choice(images, "audited")
    assert chosen["method"].nunique() == chosen["aad"].nunique() == 1
    fit = of(images, target="audited", split="fit")
    fit = fit[fit["role"].isin(["member", "external"])]
    reached = {
        key: auc(rows["score"].to_numpy(), (rows["role"] == "member").to_numpy())
        for key, rows in fit.groupby(["method", "aad"])
    }
    assert reached[chosen["method"].iloc[0], chosen["aad"].iloc[0]] == max(reached.values())


def test_what_test_and_albums_say_does_not_matter_for_the_choice(images):
    chosen = validation_choice(images, "audited")
    worse = images.copy()
    worse.loc[worse["split"] == "test", "score"] *= -1
    albums = albums_like(images)
    albums["score"] = albums["score"].where(albums["method"] == "embedding_norm", 0.0)
    again = validation_choice(pd.concat([albums, worse], ignore_index=True), "audited")
    assert set(again["unit_kind"]) == {"image"}
    for column in ("method", "aad"):
        assert again[column].unique().tolist() == chosen[column].unique().tolist()


def test_the_choice_is_of_one_target(images):
    chosen = validation_choice(images, "pixels")
    assert set(chosen["target"]) == {"pixels"}
    assert validation_choice(images, "untrained_twin").empty


def test_where_nothing_was_fitted_the_first_method_is_chosen(images):
    outside = images[(images["split"] != "fit") & (images["kind"] == "rival")]
    later = outside.assign(method="second", score=-outside["score"])
    some = pd.concat([outside, later], ignore_index=True)
    assert validation_choice(some, "audited")["method"].unique() == ["embedding_norm"]


def test_who_has_no_class_does_not_make_a_choice(images):
    """A method that only members can be asked about has no AUC inside fit, and is not chosen."""
    rivals = of(images, target="audited", kind="rival")
    named = rivals[rivals["role"] != "external"].assign(method="head_named", aad="named")
    some = pd.concat([named, rivals], ignore_index=True)
    assert validation_choice(some, "audited")["method"].unique() == ["embedding_norm"]
