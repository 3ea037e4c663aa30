"""Scores of albums: means of image scores, likeness within an album, and whom they rank among."""

import numpy as np
import pandas as pd
import pytest
from test_albums import observed_scenario
from test_scores import (
    HALVES,
    NOTHING_FITTED,
    Planted,
    listed,
    of,
    planted_scenario,
    references_of,
    told_apart,
)

from mint_utils.album_scores import score_albums
from mint_utils.albums import draw_albums, head_of_mean, similarity_and_spread
from mint_utils.audited.references import unseen_by
from mint_utils.evidence.conformal import album_p_value
from mint_utils.evidence.measure import in_contrast
from mint_utils.faces import FaceSet
from mint_utils.score_table import COLUMNS, joined
from mint_utils.scores import score_images, validation_persons
from mint_utils.trials import detector_samples

RIVALS = ["embedding_norm", "head_max", "head_named"]
AS_A_WHOLE = {"similarity", "spread", "head_of_mean"}


def scored(targets, faces, scenario, folder):
    """Images, and albums on top of them."""
    images = score_images(targets, faces, scenario, folder / "models")
    return images, score_albums(images, targets, faces, scenario)


def alike(planted: Planted, faces: FaceSet, of_whom, noise: float = 1.0) -> Planted:
    """Photos of the marked persons share a direction; everybody's length stays as it is."""
    rng = np.random.default_rng(5)
    codes = pd.factorize(faces.table["identity"])[0]
    direction = 1.5 * rng.normal(size=(codes.max() + 1, 8))[codes]
    plain = planted.vectors["plain/outcome"]
    moved = noise * plain + np.asarray(of_whom)[:, None] * direction
    moved *= np.linalg.norm(plain, axis=1, keepdims=True) / np.linalg.norm(
        moved, axis=1, keepdims=True
    )
    planted.vectors["plain/outcome"] = moved.astype(np.float32)
    return planted


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """80 persons with 8 photos (6 main, 2 aside), of whom members' images are marked."""
    scenario = planted_scenario(
        detectors__methods=["vanilla"], detectors__seeds=2, rivals=RIVALS, albums=[2, 4, 8]
    )
    faces = listed(scenario)
    folder = tmp_path_factory.mktemp("albums")
    targets = {
        "audited": Planted(faces, by=0.5).stored(folder),
        "untrained_twin": Planted(faces, seed=1).stored(folder, "untrained_twin"),
        "pixels": Planted(faces, seed=2).stored(folder, "pixels"),
    }
    images, albums = scored(targets, faces, scenario, folder)
    return scenario, faces, targets, images, albums


def test_albums_are_rows_of_the_score_table(run):
    _, _, _, images, albums = run
    assert list(albums) == COLUMNS
    assert set(albums["unit_kind"]) == {"album"}
    assert set(albums["n_images"]) == {2, 4}  # nobody has 8 photos of one part
    assert set(albums["seed"]) == {"all"}
    assert set(albums["target"]) == {"audited", "untrained_twin", "pixels"}
    assert not albums.duplicated(["unit", "method", "target", "aad"]).any()
    assert np.isfinite(albums["score"]).all()


def test_every_trial_of_images_is_one_of_albums_and_some_are_of_albums_alone(run):
    _, _, _, images, albums = run
    keys = ["method", "kind", "target", "aad", "access"]
    true = images[images["target"] != "shuffled_labels"]
    expected = {tuple(row) for row in true[keys].drop_duplicates().to_numpy()}
    found = {tuple(row) for row in albums[keys].drop_duplicates().to_numpy()}
    assert expected < found
    assert found - expected == {
        *((m, "rival", t, "outcome", "outcome") for t in ("audited", "untrained_twin")
          for m in ("similarity", "spread")),
        *(("head_of_mean", "rival", t, "head", "head_blind")
          for t in ("audited", "untrained_twin")),
        *((m, "rival", "pixels", "pixels", "none") for m in ("similarity", "spread")),
    }  # fmt: skip


def test_the_score_of_an_album_is_the_mean_over_its_images(run):
    scenario, faces, _, images, albums = run
    drawn = draw_albums(faces.table, scenario.albums, scenario.seed).set_index("unit")["rows"]
    means = albums[~albums["method"].isin(AS_A_WHOLE)]
    for keys, rows in means.groupby(["target", "method", "aad"]):
        wanted = dict(zip(["target", "method", "aad"], keys, strict=True))
        by_image = of(images, **wanted).set_index("unit")["score"]
        expected = [by_image[faces.table["image_id"][drawn[u]]].mean() for u in rows["unit"]]
        np.testing.assert_allclose(rows["score"], expected, rtol=1e-5, atol=1e-6)


def test_what_an_album_says_as_a_whole_is_asked_of_its_own_target(run):
    scenario, faces, targets, _, albums = run
    drawn = draw_albums(faces.table, scenario.albums, scenario.seed)
    for name, activations in targets.items():
        outcome = activations.vector("outcome")
        whole = similarity_and_spread(outcome, drawn)
        expected = {"similarity": whole[:, 0], "spread": whole[:, 1]}
        if activations.has_head:
            expected["head_of_mean"] = head_of_mean(outcome, activations.head(), drawn)
        for method, values in expected.items():
            rows = of(albums, target=name, method=method)
            by_unit = pd.Series(values, drawn["unit"])[rows["unit"]]
            np.testing.assert_allclose(rows["score"], by_unit, atol=1e-6)


def test_two_photos_have_no_spread(run):
    _, _, _, _, albums = run
    assert set(albums["n_images"][albums["method"] == "spread"]) == {4}
    assert set(albums["n_images"][albums["method"] == "similarity"]) == {2, 4}


def test_albums_of_fit_persons_are_of_validation_persons_alone(run):
    scenario, faces, _, _, albums = run
    held = validation_persons(faces.table, scenario.seed)
    validation = set(faces.table["identity"][held])
    for _, rows in albums[albums["method"] != "head_named"].groupby(["target", "method", "aad"]):
        assert set(rows["identity"][rows["split"] == "fit"]) == validation
        others = set(faces.table["identity"][faces.table["split"] != "fit"])
        assert set(rows["identity"][rows["split"] != "fit"]) == others


def test_only_member_persons_have_albums_of_their_own_class(run):
    _, _, _, _, albums = run
    rows = albums[albums["method"] == "head_named"]
    assert set(rows["role"]) == {"member", "held_out"}
    assert set(rows["target"]) == {"audited", "untrained_twin"}
    assert rows["p_value"].isna().all()


def test_an_album_ranks_among_externals_albums_of_its_size_and_part(run):
    _, _, _, _, albums = run
    asked = albums[albums["method"] != "head_named"]
    assert asked["p_value"].notna().eq(asked["split"] == "test").all()
    part = asked["unit"].str.extract(r"/(main|aside)-")[0]
    groups = asked.groupby(["target", "method", "aad", "n_images", part])
    checked = 0
    for _, rows in groups:
        known = rows[(rows["split"] == "calibrate") & (rows["role"] == "external")]
        assert len(known) == known["identity"].nunique() == 8
        test = rows[rows["split"] == "test"]
        for score, found in zip(test["score"], test["p_value"], strict=True):
            by_hand = (1 + (known["score"] >= score).sum()) / 9
            assert found == pytest.approx(by_hand)
        first = test.iloc[0]
        again = album_p_value(first["score"], known["score"].to_numpy(), known["identity"])
        assert first["p_value"] == pytest.approx(again)
        checked += len(test)
    assert checked > 500
    # Ranks among all externals of one size would be others: the part matters.
    assert set(part) == {"main", "aside"}


def test_under_observed_roles_held_out_albums_rank_among_externals_whom_nobody_divided(tmp_path):
    scenario = observed_scenario()
    faces = listed(scenario)
    targets = {"audited": Planted(faces).stored(tmp_path)}
    _, albums = scored(targets, faces, scenario, tmp_path)
    test = albums[albums["split"] == "test"]
    assert set(test["role"]) == {"member", "held_out", "external"}
    assert test["p_value"].notna().all()


def test_labels_are_not_shuffled_over_albums(run):
    _, _, _, images, albums = run
    assert "shuffled_labels" in set(images["target"])
    assert "shuffled_labels" not in set(albums["target"])


def test_scoring_albums_again_gives_the_same_table(run):
    scenario, faces, targets, images, albums = run
    pd.testing.assert_frame_equal(score_albums(images, targets, faces, scenario), albums)


def test_only_detector_samples_make_albums(tmp_path):
    scenario = with_references(detectors__samples=400)
    faces = listed(scenario)
    references = references_of(faces, scenario)
    targets, albums = albums_beside(references, faces, scenario, tmp_path)
    sampled = detector_samples(faces, scenario)
    table = faces.table[sampled].reset_index(drop=True)
    drawn = draw_albums(table, scenario.albums, scenario.seed)
    outcome = {name: a.vector("outcome")[sampled] for name, a in targets.items()}
    norm = np.linalg.norm(outcome["audited"], axis=1)
    likeness = {name: similarity_and_spread(v, drawn)[:, 0] for name, v in outcome.items()}
    first = [rows[0] for rows in drawn["rows"]]
    blind = unseen_by("reference_twin.0", table, scenario)[first]
    expected = {
        ("audited", "embedding_norm"): [norm[rows].mean() for rows in drawn["rows"]],
        ("audited", "similarity"): likeness["audited"],
        ("reference_twin", "similarity"): np.where(
            blind, likeness["reference_twin.0"], likeness["reference_twin.1"]
        ),
    }
    for (target, method), values in expected.items():
        rows = of(albums, target=target, method=method)
        assert len(rows) > 50
        by_unit = pd.Series(values, drawn["unit"])[rows["unit"]]
        np.testing.assert_allclose(rows["score"], by_unit, rtol=1e-5, atol=1e-6)


# What is planted is found


def test_photos_of_member_persons_that_are_alike_are_found_by_similarity_alone(tmp_path):
    scenario = planted_scenario(
        faces__0__persons=160, detectors__methods=["vanilla"], detectors__seeds=1,
        rivals=["embedding_norm"], albums=[2, 4],
    )  # fmt: skip
    faces = listed(scenario)
    targets = {
        "audited": alike(Planted(faces), faces, faces.table["role"] != "external"),
        "untrained_twin": Planted(faces, seed=1),
        "pixels": alike(Planted(faces, seed=2), faces, np.ones(len(faces), bool)),
    }
    stored = {name: planted.stored(tmp_path, name) for name, planted in targets.items()}
    _, albums = scored(stored, faces, scenario, tmp_path)
    some = in_contrast(albums[albums["n_images"] == 4], "member_vs_external")
    found = {keys: told_apart(rows) for keys, rows in some.groupby(["target", "method"])}
    assert found["audited", "similarity"] > 0.9
    # Everybody's photos are alike as pictures: that says nothing of the two sides.
    assert abs(found["pixels", "similarity"] - 0.5) < 0.2
    assert abs(found["untrained_twin", "similarity"] - 0.5) < 0.2
    assert abs(found["audited", "embedding_norm"] - 0.5) < 0.2
    # Known persons, judged from photos that were kept away.
    two = in_contrast(of(albums, n_images=2, method="similarity"), "held_out_vs_external")
    two = two[(two["split"] == "test") & (two["target"] == "audited")]
    assert two.groupby("positive")["score"].mean().diff().iloc[1] > 0.3


def test_more_photos_tell_more(run):
    _, _, _, images, albums = run
    vanilla = of(pd.concat([images, albums]), target="audited", method="vanilla")
    matched = in_contrast(vanilla, "member_vs_external")
    reached = {k: told_apart(rows) for k, rows in matched.groupby(["aad", "n_images"])}
    by_size = pd.Series(reached).groupby(level=1).mean()
    assert by_size.index.tolist() == [1, 2, 4]
    assert by_size[1] + 0.05 < by_size[4]


# References


def with_references(**more):
    settings = {
        "references": HALVES, "controls": ["reference_twin", "pixels"], "albums": [2, 4],
        "detectors__methods": ["vanilla"], "detectors__seeds": 1, "detectors__epochs": 1,
        "rivals": ["embedding_norm", "lira_norm"],
    }  # fmt: skip
    return planted_scenario(**(settings | more))


def albums_beside(references: dict[str, Planted], faces, scenario, folder, audited=None):
    """Albums of an audited model beside references."""
    targets = {"audited": (audited or Planted(faces)).stored(folder)}
    targets |= {name: planted.stored(folder, name) for name, planted in references.items()}
    return targets, scored(targets, faces, scenario, folder)[1]


def test_likeness_beyond_references_comes_from_those_that_did_not_see_the_person(tmp_path):
    scenario = with_references()
    faces = listed(scenario)
    targets, albums = albums_beside(references_of(faces, scenario), faces, scenario, tmp_path)
    assert set(albums["target"]) == {"audited", "reference_twin"}
    drawn = draw_albums(faces.table, scenario.albums, scenario.seed)
    whole = {n: similarity_and_spread(a.vector("outcome"), drawn) for n, a in targets.items()}
    first = [rows[0] for rows in drawn["rows"]]
    blind = unseen_by("reference_twin.0", faces.table, scenario)[first][:, None]
    others = np.where(blind, whole["reference_twin.0"], whole["reference_twin.1"])
    for place, method in enumerate(("similarity", "spread")):
        twin = of(albums, target="reference_twin", method=method)
        expected = pd.Series(others[:, place], drawn["unit"])
        np.testing.assert_allclose(twin["score"], expected[twin["unit"]], atol=1e-6)
        assert set(twin["access"]) == {"outcome"}
        beyond = of(albums, target="audited", method=f"lira_{method}")
        assert set(beyond["access"]) == {"twin"}
        gain = pd.Series((whole["audited"] - others)[:, place], drawn["unit"])[beyond["unit"]]
        assert np.corrcoef(gain, beyond["score"])[0, 1] > 0.999999  # in deviations
        assert (np.sign(beyond["score"].to_numpy()) == np.sign(gain.to_numpy())).all()


def test_what_a_reference_makes_of_whom_it_saw_has_no_influence_on_albums(tmp_path):
    scenario = with_references()
    faces = listed(scenario)
    _, before = albums_beside(references_of(faces, scenario), faces, scenario, tmp_path / "a")
    absurd = references_of(faces, scenario)
    for name, planted in absurd.items():
        planted.overwritten(~unseen_by(name, faces.table, scenario))
    _, after = albums_beside(absurd, faces, scenario, tmp_path / "b")
    pd.testing.assert_frame_equal(after, before)


def test_likeness_that_every_model_sees_is_taken_away(tmp_path):
    """Half of the persons look alike in all their photos, to any model; members a little more."""
    scenario = with_references(faces__0__persons=160)
    faces = listed(scenario)
    half = pd.factorize(faces.table["identity"])[0] % 2 == 0
    member = (faces.table["role"] != "external").to_numpy()
    references = {
        name: alike(planted, faces, 2.0 * half)
        for name, planted in references_of(faces, scenario).items()
    }
    audited = alike(Planted(faces), faces, 2.0 * half + 0.7 * member)
    _, albums = albums_beside(references, faces, scenario, tmp_path, audited)
    four = in_contrast(of(albums, n_images=4), "member_vs_external")
    raw = told_apart(of(four, target="audited", method="similarity"))
    beyond = told_apart(of(four, target="audited", method="lira_similarity"))
    assert beyond > raw + 0.05
    assert beyond > 0.8
    assert abs(told_apart(of(four, target="reference_twin", method="similarity")) - 0.5) < 0.2


def test_references_calibrate_albums_without_being_a_control(tmp_path):
    scenario = with_references(controls=["pixels"])
    faces = listed(scenario)
    _, albums = albums_beside(references_of(faces, scenario), faces, scenario, tmp_path)
    assert set(albums["target"]) == {"audited"}
    assert {"lira_similarity", "lira_spread", "lira_norm"} < set(albums["method"])


# Little to go on


@pytest.mark.parametrize(
    "settings",
    [{"faces__0__images": 1}, {"albums": []}, {"albums": [7, 50]}],
    ids=["one photo a person", "none asked for", "larger than anybody's"],
)
def test_without_albums_the_table_is_empty_and_the_images_go_on(tmp_path, settings):
    scenario = planted_scenario(
        detectors__methods=["vanilla"], detectors__seeds=1, rivals=["embedding_norm"], **settings
    )
    faces = listed(scenario)
    targets = {"audited": Planted(faces).stored(tmp_path)}
    images, albums = scored(targets, faces, scenario, tmp_path)
    assert albums.empty
    assert list(albums) == COLUMNS
    assert len(joined(images, albums, tmp_path / "models")) == len(images)


def test_constant_scores_make_albums_that_accuse_nobody(tmp_path):
    scenario = planted_scenario(
        detectors__methods=["vanilla"], detectors__seeds=1, rivals=["embedding_norm"]
    )
    faces = listed(scenario)
    planted = Planted(faces)
    for values in planted.vectors.values():
        values[:] = 1.0
    images, albums = scored({"audited": planted.stored(tmp_path)}, faces, scenario, tmp_path)
    for rows in (images, albums):
        assert (rows["p_value"][rows["split"] == "test"] == 1).all()
        for _, one in rows.groupby(["target", "method", "aad", "n_images"]):
            assert one["score"].nunique() == 1


def test_where_nothing_is_fitted_everybody_has_albums_and_nobody_a_p_value(tmp_path):
    scenario = planted_scenario(rivals=["embedding_norm"], **NOTHING_FITTED)
    faces = listed(scenario)
    targets = {"audited": Planted(faces).stored(tmp_path)}
    _, albums = scored(targets, faces, scenario, tmp_path)
    assert set(albums["method"]) == {"embedding_norm", *AS_A_WHOLE}
    assert (albums.groupby("method")["identity"].nunique() == 80).all()
    assert albums["p_value"].isna().all()
