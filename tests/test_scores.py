"""Scores of images: every method on every target, and no image that was fitted on."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from mint_utils.activations.recorded import Activations
from mint_utils.activations.store import Store
from mint_utils.activations.views import CHANGED, VIEWS
from mint_utils.audited.references import unseen_by
from mint_utils.beyond import lira
from mint_utils.detectors import Detector
from mint_utils.evidence.metrics import auc
from mint_utils.faces import FaceSet, assemble
from mint_utils.hygiene import inspect
from mint_utils.relabelled import shuffled_over_persons, swapped
from mint_utils.rivals import embedding_norm
from mint_utils.scenario_file import load_scenario
from mint_utils.score_table import COLUMNS
from mint_utils.scores import (
    Scoring,
    recordings,
    score_images,
    stopping_persons,
    validation_persons,
)
from mint_utils.sources import open_sources
from mint_utils.targets import open_targets, record_targets
from mint_utils.trials import detector_samples, trial_table, trials

TAPS = ["stage1", "stage2"]
PLANTED = {
    "faces.0.persons": 80,
    "faces.0.images": 8,
    "detectors.epochs": 8,
    "detectors.seeds": 2,
    "audited_model.taps": TAPS,
}
VANILLA = {"detectors__methods": ["vanilla"], "detectors__seeds": 1, "rivals": []}
NOTHING_FITTED = {
    "detectors__methods": [], "splits__fit": 0, "splits__calibrate": 0, "splits__test": 1,
}  # fmt: skip
HALVES = {"kind": "halves", "pairs": 1}


def planted_scenario(**more):
    return load_scenario("synthetic", PLANTED | {k.replace("__", "."): v for k, v in more.items()})


def listed(scenario) -> FaceSet:
    return assemble(open_sources(scenario), scenario)


class Planted:
    """Made-up activations: what marked images (default: members) show, without any model.

    Every view of an image is drawn anew, so that nobody is steady; see :meth:`steadied`.
    """

    def __init__(self, faces: FaceSet, by: float = 0.0, seed: int = 0, marked=None):
        rng = np.random.default_rng(seed)
        self.ids = faces.table["image_id"].tolist()
        member = faces.table["role"] == "member"
        marked = np.asarray(member if marked is None else marked)[:, None]
        count = len(faces)
        self.vectors = {
            f"{view}/{name}": (rng.normal(size=(count, width)) + by * marked).astype(np.float32)
            for view in VIEWS
            for name, width in (("stage1", 4), ("stage2", 6), ("outcome", 8), ("head", 3))
        }
        self.vectors["plain/image"] = self.vectors["plain/stage1"].copy()
        self.vectors["plain/batch_norm"] = rng.uniform(1, 2, (count, 3)).astype(np.float32)
        has_class = faces.table["identity"].isin(faces.table["identity"][member]).to_numpy()
        named = np.where(has_class[:, None], rng.normal(size=(count, 2)) + by * marked, np.nan)
        self.vectors["plain/named"] = named.astype(np.float32)
        self.centres = torch.from_numpy(rng.normal(size=(5, 8)).astype(np.float32))
        shapes = {"stage1": (4, 8, 8), "stage2": (6, 4, 4)}
        self.maps = {
            tap: rng.normal(size=(count, *shape)) + 0.5 * by * marked[:, :, None, None]
            for tap, shape in shapes.items()
        }

    def steadied(self, marked, noise: float = 0.3) -> "Planted":
        """The views of marked images move by so much noise, those of others by 1."""
        rng, scale = np.random.default_rng(99), np.where(marked, noise, 1.0)[:, None]
        for name in (*TAPS, "outcome"):
            plain = self.vectors[f"plain/{name}"]
            for view in CHANGED:
                moved = plain + scale * rng.normal(size=plain.shape)
                self.vectors[f"{view}/{name}"] = moved.astype(np.float32)
        return self

    def overwritten(self, rows) -> "Planted":
        """Absurd activations in ``rows`` (bool, one an image)."""
        rows = np.asarray(rows)
        for values in (self.vectors, self.maps):
            for value in values.values():
                value[rows] = 99 * np.random.default_rng(0).normal(size=value[rows].shape)
        return self

    def stored(self, folder: Path, target: str = "audited", **key) -> Activations:
        """As a finished store; ``key`` replaces what its key.json says by default."""
        store = Store(folder / target)
        blind = target == "pixels"
        said = {
            "target": target, "taps": ["image"] if blind else TAPS, "has_head": not blind,
            "has_names": not blind, "batch_norm": not blind, "filters": [],
            "views": ["plain"] if blind else list(VIEWS), "shard_size": len(self.ids),
        } | key  # fmt: skip
        images = pd.DataFrame({"image_id": self.ids, "stamp": self.ids, "mapped": True})
        store.create(said, images, self.centres if said["has_head"] else None)
        vectors = {k: torch.from_numpy(v) for k, v in self.vectors.items()}
        store.write("vectors", 0, self.ids, vectors)
        maps = {tap: torch.from_numpy(value).half() for tap, value in self.maps.items()}
        store.write("maps", 0, self.ids, maps | {"image": maps["stage1"].clone()})
        return Activations(store.folder)


def told_apart(rows: pd.DataFrame) -> float:
    """AUC of member against external images of the test split."""
    some = rows[(rows["split"] == "test") & rows["role"].isin(["member", "external"])]
    return auc(some["score"].to_numpy(), (some["role"] == "member").to_numpy())


def of(scores: pd.DataFrame, seed: str = "all", **wanted) -> pd.DataFrame:
    """The rows of one seed with the wanted values."""
    for column, value in (wanted | {"seed": seed}).items():
        scores = scores[scores[column] == value]
    return scores


def by_unit(scores: pd.DataFrame, **wanted) -> pd.Series:
    return of(scores, **wanted).set_index("unit")["score"]


def detector_files(models: Path) -> dict[str, bytes]:
    """Every fitted detector, to the byte."""
    found = models.rglob("*.safetensors")
    return {file.relative_to(models).as_posix(): file.read_bytes() for file in found}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Scores of planted activations on three targets, with the folder of the detectors."""
    scenario = planted_scenario()
    faces = listed(scenario)
    folder = tmp_path_factory.mktemp("scores")
    targets = {
        "audited": Planted(faces, by=1.0).stored(folder),
        "untrained_twin": Planted(faces, seed=1).stored(folder, "untrained_twin"),
        "pixels": Planted(faces, seed=2).stored(folder, "pixels"),
    }
    models = folder / "models"
    return scenario, faces, score_images(targets, faces, scenario, models), models


def test_columns_and_units_are_those_of_the_design(run):
    _, faces, scores, _ = run
    assert list(scores) == COLUMNS
    assert set(scores["unit_kind"]) == {"image"}
    assert set(scores["n_images"]) == {1}
    assert set(scores["target"]) == {"audited", "untrained_twin", "pixels", "shuffled_labels"}
    key = ["unit", "method", "target", "aad", "seed"]
    assert not scores.duplicated(key).any()
    assert np.isfinite(scores["score"]).all()
    true = scores[scores["target"] != "shuffled_labels"]
    joined = true.merge(faces.table, left_on="unit", right_on="image_id", suffixes=("", "_faces"))
    assert len(joined) == len(true)
    for column in ("identity", "split", "role"):
        assert (joined[column] == joined[f"{column}_faces"]).all()


def test_no_image_that_was_fitted_on_has_a_detector_score(run):
    scenario, faces, scores, _ = run
    mint = scores[(scores["kind"] == "mint") & (scores["target"] != "shuffled_labels")]
    held = validation_persons(faces.table, scenario.seed)
    fitted_on = set(faces.table["identity"][(faces.table["split"] == "fit") & ~held])
    assert fitted_on
    assert not fitted_on & set(mint["identity"])
    outside = set(faces.table["image_id"][faces.table["split"] != "fit"])
    expected = outside | set(faces.table["image_id"][held])
    for _, rows in mint.groupby(["target", "method", "aad"]):
        by_seed = rows.groupby("seed")["unit"].agg(set)
        assert by_seed["all"] == by_seed["0"] | by_seed["1"] == expected
        assert by_seed["0"] & by_seed["1"] == outside  # who stopped a fit has no score of it


def test_all_is_the_mean_of_the_seeds(run):
    _, _, scores, _ = run
    mint = scores[(scores["kind"] == "mint") & (scores["target"] != "shuffled_labels")]
    assert set(mint["seed"]) == {"0", "1", "all"}
    wide = mint.pivot(index=["target", "method", "aad", "unit"], columns="seed", values="score")
    mean = wide[["0", "1"]].mean(axis=1)  # of those that are there
    np.testing.assert_allclose(wide["all"], mean, rtol=1e-6, atol=1e-7)
    assert (wide["0"] != wide["1"]).any()
    assert set(scores["seed"][scores["kind"] == "rival"]) == {"all"}


def test_what_was_planted_is_found_and_the_controls_find_nothing(run):
    _, _, scores, _ = run
    mint = scores[(scores["kind"] == "mint") & (scores["seed"] == "all")]
    mint = mint[(mint["target"] != "shuffled_labels") & (mint["method"] != "calibrated")]
    for (target, method, aad), rows in mint.groupby(["target", "method", "aad"]):
        if target == "audited":
            assert told_apart(rows) > 0.75, (method, aad)
        else:
            assert abs(told_apart(rows) - 0.5) < 0.2, (target, method, aad)


def test_held_out_photos_look_like_externals_where_only_members_were_marked(run):
    _, _, scores, _ = run
    rows = of(scores, target="audited", aad="combination", method="vanilla", split="test")
    mean = rows.groupby("role")["score"].mean()
    assert mean["member"] > max(mean["held_out"], mean["external"]) + 1
    assert abs(mean["held_out"] - mean["external"]) < 0.5


def test_every_detector_lies_in_the_models_folder_and_scores_as_the_table_says(run):
    _, faces, scores, models = run
    mint = scores[(scores["kind"] == "mint") & (scores["seed"] != "all")]
    fitted = mint[["target", "method", "aad", "seed"]].drop_duplicates()
    expected = {f"{t}/{m}-{a}-{s}.safetensors" for t, m, a, s in fitted.to_numpy()}
    assert set(detector_files(models)) == expected
    planted = Planted(faces, by=1.0)
    loaded = Detector.load(models / "audited" / "vanilla-stage2-1.safetensors")
    expected = of(scores, seed="1", target="audited", aad="stage2", method="vanilla")
    row = dict(zip(planted.ids, range(len(planted.ids)), strict=True))
    some = torch.from_numpy(planted.vectors["plain/stage2"][[row[u] for u in expected["unit"]]])
    np.testing.assert_allclose(loaded.score([some]), expected["score"], atol=1e-5)


def test_scoring_again_without_the_controls_gives_the_same_table(run, tmp_path):
    scenario, faces, scores, models = run
    only = {"audited": Planted(faces, by=1.0).stored(tmp_path)}
    again = score_images(only, faces, scenario, tmp_path / "models")
    first = scores[scores["target"].isin(["audited", "shuffled_labels"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(again, first)
    before = detector_files(models)
    for name, content in detector_files(tmp_path / "models").items():
        assert before[name] == content, name


# Leaks


def vanilla_scores(planted: Planted, faces: FaceSet, folder, scenario=None) -> pd.Series:
    """Scores of Vanilla MINT on the combination, by image."""
    scenario = scenario or planted_scenario(**VANILLA)
    targets = {"audited": planted.stored(folder)}
    scores = score_images(targets, faces, scenario, folder / "models")
    return by_unit(scores, target="audited", aad="combination")


@pytest.mark.parametrize("what", ["held_out", "set_aside", "calibrate", "test"])
def test_fitting_does_not_look_at(what, tmp_path):
    faces = listed(planted_scenario())
    table = faces.table
    rows = {
        "held_out": table["role"] == "held_out",
        "set_aside": table["set_aside"],
        "calibrate": table["split"] == "calibrate",
        "test": table["split"] == "test",
    }[what].to_numpy()
    before = vanilla_scores(Planted(faces, by=1.0), faces, tmp_path / "before")
    changed = Planted(faces, by=1.0).overwritten(rows)
    after = vanilla_scores(changed, faces, tmp_path / "after")
    others = [unit for unit in before.index if unit not in set(table["image_id"][rows])]
    assert len(others) > 100
    np.testing.assert_allclose(before[others], after[others], atol=1e-5)


def test_scores_are_the_same_without_any_held_out_image(tmp_path):
    faces = listed(planted_scenario())
    kept = (faces.table["role"] != "held_out").to_numpy() & ~faces.table["set_aside"].to_numpy()
    whole, fewer = Planted(faces, by=1.0), Planted(faces, by=1.0)
    fewer.ids = [image_id for image_id, keep in zip(fewer.ids, kept, strict=True) if keep]
    for values in (fewer.vectors, fewer.maps):
        values |= {name: value[kept] for name, value in values.items()}
    one = vanilla_scores(whole, faces, tmp_path / "whole")
    other = vanilla_scores(fewer, faces.where(kept), tmp_path / "fewer")
    assert set(other.index) < set(one.index)
    np.testing.assert_allclose(one[other.index], other, atol=1e-5)


def test_fitting_does_look_at_the_fit_persons(tmp_path):
    faces = listed(planted_scenario())
    rows = faces.table["split"] == "fit"
    before = vanilla_scores(Planted(faces, by=1.0), faces, tmp_path / "before")
    changed = Planted(faces, by=1.0).overwritten(rows)
    after = vanilla_scores(changed, faces, tmp_path / "after")
    assert not np.allclose(before, after)


def test_validation_persons_are_whole_and_inside_fit():
    table = listed(planted_scenario()).table
    held = validation_persons(table, 0)
    assert (table["split"][held] == "fit").all()
    assert (held == table["identity"].isin(table["identity"][held]).to_numpy()).all()
    fit = table[table["split"] == "fit"]
    for side in (fit["role"] == "external", fit["role"] != "external"):
        part = table["identity"][held].isin(fit["identity"][side])
        share = table["identity"][held][part].nunique() / fit["identity"][side].nunique()
        assert 0.25 < share < 0.45
    assert (validation_persons(table, 1) != held).any()
    assert (validation_persons(table, 0) == held).all()


def test_those_who_stop_a_fit_are_half_of_each_side_and_change_with_the_detector_seed():
    table = listed(planted_scenario()).table
    validation = table[validation_persons(table, 0)]
    even, odd = (stopping_persons(validation, 0, seed) for seed in (0, 1))
    assert not even & odd
    assert even | odd == set(validation["identity"])
    assert stopping_persons(validation, 0, 2) == even
    for _, side in validation.groupby(validation["role"] == "external"):
        persons = set(side["identity"])
        assert abs(len(persons & even) - len(persons & odd)) <= 1
    members = validation["identity"][validation["role"] == "member"].unique()
    one = validation[(validation["role"] == "external") | (validation["identity"] == members[0])]
    assert stopping_persons(one, 0, 0) == stopping_persons(one, 0, 1) == set(one["identity"])


@pytest.mark.parametrize("seed", [0, 1])
def test_chance_alone_shows_nothing(tmp_path, seed):
    scenario = planted_scenario(seed=seed, faces__0__persons=160, **VANILLA)
    faces = listed(scenario)
    scores = vanilla_scores(Planted(faces, seed=seed), faces, tmp_path, scenario)
    test = faces.table[faces.table["split"] == "test"]
    test = test[test["role"].isin(["member", "external"])]
    member = (test["role"] == "member").to_numpy()
    assert abs(auc(scores[test["image_id"]].to_numpy(), member) - 0.5) < 0.15


# Samples, and what is refused


def test_only_detector_samples_are_scored(tmp_path):
    scenario = planted_scenario(
        detectors__samples=500, detectors__methods=["vanilla"], rivals=["embedding_norm"]
    )
    faces = listed(scenario)
    samples = detector_samples(faces, scenario)
    targets = {"audited": Planted(faces, by=1.0).stored(tmp_path)}
    scores = score_images(targets, faces, scenario, tmp_path / "models")
    assert set(scores["unit"]) <= set(faces.table["image_id"][samples])
    rival = by_unit(scores, method="embedding_norm")
    held = validation_persons(faces.table, scenario.seed)
    kept = samples & (held | (faces.table["split"] != "fit").to_numpy())
    by_hand = np.linalg.norm(targets["audited"].vector("outcome"), axis=1)[kept]
    assert len(rival) == kept.sum()
    np.testing.assert_allclose(rival[faces.table["image_id"][kept]], by_hand)


def test_scores_that_are_no_numbers_are_refused_by_name(tmp_path):
    scenario = planted_scenario(detectors__methods=[], rivals=["embedding_norm"])
    faces = listed(scenario)
    planted = Planted(faces)
    planted.vectors["plain/outcome"][np.flatnonzero(faces.table["split"] == "test")[0]] = np.nan
    with pytest.raises(FloatingPointError, match="embedding_norm on audited outcome"):
        score_images({"audited": planted.stored(tmp_path)}, faces, scenario, tmp_path / "models")


def test_whoever_has_no_class_is_left_out_of_what_asks_for_it_by_name(tmp_path):
    scenario = planted_scenario(detectors__methods=[], rivals=["embedding_norm", "head_named"])
    faces = listed(scenario)
    targets = {"audited": Planted(faces).stored(tmp_path)}
    scores = score_images(targets, faces, scenario, tmp_path / "models")
    asked = by_unit(scores, method="head_named")
    others = of(scores, method="embedding_norm")
    assert set(asked.index) == set(others["unit"][others["role"] != "external"])
    named = pd.Series(targets["audited"].vector("named")[:, 0], faces.table["image_id"])
    np.testing.assert_allclose(asked, named[asked.index])


def test_activations_of_other_images_are_refused(tmp_path):
    scenario = planted_scenario(detectors__methods=[], rivals=["embedding_norm"])
    faces = listed(scenario)
    turned = FaceSet(faces.table.iloc[::-1].reset_index(drop=True), faces.sources)
    targets = {"audited": Planted(turned).stored(tmp_path)}
    with pytest.raises(ValueError, match="activations of audited are not of these images"):
        score_images(targets, faces, scenario, tmp_path / "models")


# Rivals


def test_a_rival_asked_of_a_tap_looks_at_that_tap(tmp_path):
    scenario = planted_scenario(
        rivals=["embedding_norm", "augmentation_consistency"], **NOTHING_FITTED
    )
    faces = listed(scenario)
    planted = Planted(faces)
    member = (faces.table["role"] == "member").to_numpy()
    moved = planted.vectors["plain/stage1"] + np.where(member, 0.1, 1.0)[:, None]
    for view in CHANGED:  # steady for members at stage1, drawn anew elsewhere
        planted.vectors[f"{view}/stage1"] = moved.astype(np.float32)
    scores = score_images({"audited": planted.stored(tmp_path)}, faces, scenario, tmp_path / "m")
    reached = {
        aad: told_apart(rows)
        for aad, rows in of(scores, method="augmentation_consistency").groupby("aad")
    }
    assert set(reached) == {"outcome", *TAPS}
    assert reached["stage1"] > 0.9
    assert max(abs(reached[aad] - 0.5) for aad in ("outcome", "stage2")) < 0.1


def test_rivals_are_scored_where_nothing_is_fitted(tmp_path):
    scenario = planted_scenario(rivals=["embedding_norm", "head_max"], **NOTHING_FITTED)
    faces = listed(scenario)
    targets = {"audited": Planted(faces, by=1.0).stored(tmp_path)}
    scores = score_images(targets, faces, scenario, tmp_path / "models")
    assert set(scores["kind"]) == {"rival"}
    assert set(scores["target"]) == {"audited"}  # nothing fitted: no labels to shuffle
    assert (scores.groupby("method").size() == len(faces)).all()
    assert scores["p_value"].isna().all()  # nobody to rank among


# Calibrated MINT


def test_calibrated_mint_finds_steadiness_that_plain_activations_do_not_show(tmp_path):
    scenario = planted_scenario(
        detectors__methods=["vanilla", "calibrated"], rivals=["augmentation_consistency"]
    )
    faces = listed(scenario)
    member = (faces.table["role"] == "member").to_numpy()
    targets = {"audited": Planted(faces).steadied(member).stored(tmp_path)}
    scores = score_images(targets, faces, scenario, tmp_path / "models")
    audited = scores[(scores["target"] == "audited") & (scores["seed"] == "all")]
    reached = {key: told_apart(rows) for key, rows in audited.groupby(["method", "aad"])}
    assert reached["calibrated", "consistency"] > 0.95
    assert reached["augmentation_consistency", "outcome"] > 0.9
    vanilla = {aad: value for (method, aad), value in reached.items() if method == "vanilla"}
    assert set(vanilla) == {*TAPS, "outcome", "head", "combination"}
    assert all(abs(value - 0.5) < 0.2 for value in vanilla.values()), vanilla


# Shuffled labels


def test_labels_shuffled_over_persons_leave_nothing_to_find(run):
    _, _, scores, _ = run
    assert told_apart(of(scores, target="audited", aad="combination", method="vanilla")) > 0.9
    shuffled = scores[scores["target"] == "shuffled_labels"]
    assert set(shuffled["kind"]) == {"mint"}
    for (method, aad), rows in shuffled.groupby(["method", "aad"]):
        assert abs(told_apart(rows) - 0.5) < 0.2, (method, aad)


def test_rows_of_shuffled_labels_have_the_roles_that_were_shuffled(run):
    scenario, faces, scores, _ = run
    shuffled = shuffled_over_persons(faces.table, scenario.seed)
    held = validation_persons(shuffled, scenario.seed)
    told = shuffled[(shuffled["split"] != "fit") | held].set_index("image_id")
    for _, rows in scores[scores["target"] == "shuffled_labels"].groupby(["method", "aad"]):
        assert set(rows["unit"]) < set(told.index)  # nobody who was fitted on under these roles
        assert set(rows["unit"]) > set(told.index[told["split"] != "fit"])
        for column in ("identity", "split", "role"):
            assert (rows[column].to_numpy() == told.loc[rows["unit"], column].to_numpy()).all()
    assert (told["role"] != faces.table.set_index("image_id")["role"][told.index]).any()


def test_shuffled_labels_ask_every_detector_trial_of_the_audited_model(run):
    _, _, scores, _ = run
    asked, fitted = (
        of(scores, target=target, kind="mint")[["method", "aad", "access"]].drop_duplicates()
        for target in ("shuffled_labels", "audited")
    )
    assert sorted(asked.to_numpy().tolist()) == sorted(fitted.to_numpy().tolist())


def test_shuffling_labels_keeps_no_detector_and_leaves_the_audited_rows_alone(tmp_path):
    scenario = planted_scenario(**VANILLA)
    faces = listed(scenario)
    targets = {"audited": Planted(faces, by=1.0).stored(tmp_path)}
    scores = score_images(targets, faces, scenario, tmp_path / "models")
    files = detector_files(tmp_path / "models")
    assert {name.split("/")[0] for name in files} == {"audited"}
    rows = np.arange(len(faces))
    alone = Scoring(rows, faces.table, scenario, (), tmp_path / "alone")
    [part] = recordings(targets, faces, scenario)["audited"]
    for trial in trials(targets["audited"], scenario):
        by_seed = alone.of_target(trial, [part], faces.table)
        by_hand = pd.Series(by_seed["all"], faces.table["image_id"]).dropna()
        pd.testing.assert_series_equal(
            by_unit(scores, target="audited", aad=trial.aad), by_hand, check_names=False
        )
    assert detector_files(tmp_path / "alone") == files


# Swapped halves


def trained_on_externals(faces: FaceSet) -> Planted:
    """What a model shows that was trained on the externals instead of the members."""
    trained_on = ((faces.table["role"] == "external") & ~faces.table["set_aside"]).to_numpy()
    return Planted(faces, by=1.5, seed=3, marked=trained_on).steadied(trained_on)


@pytest.fixture(scope="module")
def swapped_run(tmp_path_factory):
    """A model that shows members, and one that shows externals, as if trained on them."""
    scenario = planted_scenario(
        swapped_halves=True, detectors__methods=["vanilla", "calibrated"], detectors__seeds=1,
        rivals=["embedding_norm"],
    )  # fmt: skip
    faces = listed(scenario)
    folder = tmp_path_factory.mktemp("swapped")
    member = (faces.table["role"] == "member").to_numpy()
    targets = {
        "audited": Planted(faces, by=1.5).steadied(member).stored(folder),
        "swapped_halves": trained_on_externals(faces).stored(folder, "swapped_halves"),
    }
    return scenario, faces, score_images(targets, faces, scenario, folder / "models"), folder


def test_scores_of_the_swapped_model_turn_round(swapped_run):
    _, faces, scores, _ = swapped_run
    set_aside = set(faces.table["image_id"][faces.table["set_aside"]])
    for method, aad in (("vanilla", "combination"), ("calibrated", "consistency")):
        assert told_apart(of(scores, target="audited", method=method, aad=aad)) > 0.9
        rows = of(scores, target="swapped_halves", method=method, aad=aad)
        aside = rows["unit"].isin(set_aside)  # externals that this model was not trained on
        assert told_apart(rows[~aside]) < 0.1
        assert 0.3 < told_apart(rows[aside | (rows["role"] == "member")]) < 0.7


def test_rows_of_the_swapped_model_keep_the_roles_of_the_audit(swapped_run):
    scenario, faces, scores, folder = swapped_run
    roles = faces.table.set_index("image_id")["role"]
    rows = scores[scores["target"] == "swapped_halves"]
    assert (rows["role"].to_numpy() == roles[rows["unit"]].to_numpy()).all()
    same = of(scores, target="audited", method="vanilla", aad="combination")["unit"]
    other = of(scores, target="swapped_halves", method="vanilla", aad="combination")["unit"]
    assert same.tolist() == other.tolist()
    assert {name.split("/")[0] for name in detector_files(folder / "models")} == {
        "audited",
        "swapped_halves",
    }


def test_what_the_swapped_model_was_not_trained_on_is_not_fitted_on(swapped_run, tmp_path):
    scenario, faces, scores, folder = swapped_run
    unseen = faces.table["set_aside"] | (faces.table["role"] == "held_out")
    audited = Activations(folder / "audited")
    changed = trained_on_externals(faces).overwritten(unseen)
    targets = {"audited": audited, "swapped_halves": changed.stored(tmp_path, "swapped_halves")}
    again = score_images(targets, faces, scenario, tmp_path / "models")
    assert detector_files(tmp_path / "models") == detector_files(folder / "models")
    others = ~again["unit"].isin(faces.table["image_id"][unseen])
    pd.testing.assert_frame_equal(
        again[others].drop(columns="p_value"), scores[others].drop(columns="p_value")
    )


def test_validation_persons_are_the_same_from_either_side():
    table = listed(planted_scenario()).table
    assert (validation_persons(swapped(table), 0) == validation_persons(table, 0)).all()


# Reference twins: trained models that did not see the person


def with_references(**more):
    settings = {
        "references": HALVES,
        "controls": ["reference_twin", "pixels"],
        "detectors__methods": ["vanilla", "calibrated"],
        "detectors__seeds": 1,
        "rivals": ["embedding_norm", "lira_norm", "lira_consistency", "rmia_norm"],
    }
    return planted_scenario(**(settings | more))


def references_of(faces, scenario) -> dict[str, Planted]:
    """Reference activations that show whom each reference was trained on."""
    names = [f"reference_twin.{number}" for number in range(2 * scenario.references.pairs)]
    return {
        name: Planted(faces, 1.0, 10 + number, ~unseen_by(name, faces.table, scenario))
        for number, name in enumerate(names)
    }


def scored_with(references: dict[str, Planted], faces, scenario, folder, audited=None):
    """The score table of an audited model beside references."""
    audited = audited or Planted(faces, by=1.0)
    targets = {"audited": audited.stored(folder)}
    targets |= {name: planted.stored(folder, name) for name, planted in references.items()}
    return score_images(targets, faces, scenario, folder / "models")


@pytest.fixture(scope="module")
def reference_run(tmp_path_factory):
    scenario = with_references()
    faces = listed(scenario)
    folder = tmp_path_factory.mktemp("references")
    return (
        scenario,
        faces,
        scored_with(references_of(faces, scenario), faces, scenario, folder),
        (folder),
    )


def test_what_a_reference_makes_of_whom_it_saw_has_no_influence(reference_run, tmp_path):
    scenario, faces, scores, folder = reference_run
    references = references_of(faces, scenario)
    for name, planted in references.items():
        seen = ~unseen_by(name, faces.table, scenario)
        assert 0.4 < seen.mean() < 0.6
        planted.overwritten(seen)
    again = scored_with(references, faces, scenario, tmp_path)
    assert set(again["target"]) == {"audited", "reference_twin", "shuffled_labels"}
    assert set(again["aad"][again["access"] == "twin"]) == {"outcome", "beyond_twins"}
    pd.testing.assert_frame_equal(again, scores)
    # To the byte: no detector was fitted on a person whom the model it looks at has seen.
    assert detector_files(tmp_path / "models") == detector_files(folder / "models")
    assert {name.split("/")[0] for name in detector_files(folder / "models")} == {
        "audited",
        "reference_twin.0",
        "reference_twin.1",
    }


def test_what_the_blind_reference_makes_of_a_person_decides(reference_run, tmp_path):
    scenario, faces, scores, _ = reference_run
    references = references_of(faces, scenario)
    blind = unseen_by("reference_twin.0", faces.table, scenario)
    one = faces.table["identity"][blind & (faces.table["split"] == "test")].iloc[0]
    changed = (faces.table["identity"] == one).to_numpy()
    for name, values in references["reference_twin.0"].vectors.items():
        if name.startswith("plain"):
            values[changed] *= -2  # another length, and another cosine to every view
    again = scored_with(references, faces, scenario, tmp_path)
    twin = (again["target"] == "reference_twin") | (again["access"] == "twin")
    pd.testing.assert_frame_equal(again[~twin], scores[~twin])
    is_lira = again["method"].str.startswith("lira")
    moved = (scores["score"] != again["score"]) & ~is_lira & (again["target"] != "shuffled_labels")
    assert set(again["identity"][moved]) == {one}
    methods = again[moved].groupby("target")["method"].unique()
    assert set(methods["audited"]) == {"calibrated", "rmia_norm"}
    assert set(methods["reference_twin"]) == {"vanilla", "calibrated", "embedding_norm"}
    for method in ("lira_norm", "lira_consistency"):  # in deviations, which are everybody's
        ratio = by_unit(again, method=method) / by_unit(scores, method=method)
        own = ratio.index.isin(faces.table["image_id"][changed])
        assert np.ptp(ratio[~own]) < 1e-4
        assert (abs(ratio[own] - ratio[~own].mean()) > 1e-3).all()


def test_reference_twins_were_asked_about_everybody_outside_fit(reference_run):
    scenario, faces, scores, _ = reference_run
    outside = set(faces.table["image_id"][faces.table["split"] != "fit"])
    twins = scores[scores["target"] == "reference_twin"]
    for _, rows in twins.groupby(["method", "aad", "seed"]):
        assert outside <= set(rows["unit"])
        assert not rows["unit"].duplicated().any()
    assert abs(told_apart(of(twins, method="vanilla", aad="combination")) - 0.5) < 0.2


def test_difficulty_calibration_done_by_hand(reference_run):
    scenario, faces, scores, folder = reference_run
    table = faces.table
    own = embedding_norm(Activations(folder / "audited"))
    norms = [embedding_norm(Activations(folder / f"reference_twin.{n}")) for n in (0, 1)]
    blind = unseen_by("reference_twin.0", table, scenario)
    others = np.where(blind, norms[0], norms[1])  # one pair: each person is unknown to one
    gain = pd.Series((own - others) / (own - others).std(), table["image_id"])
    found = by_unit(scores, method="lira_norm")
    np.testing.assert_allclose(found, gain[found.index], rtol=1e-5)
    strangers = ((table["split"] == "fit") & (table["role"] == "external")).to_numpy()
    ratio = own / others
    below = [np.mean(ratio[strangers] < r) + np.mean(ratio[strangers] == r) / 2 for r in ratio]
    found = by_unit(scores, method="rmia_norm")
    np.testing.assert_allclose(found, pd.Series(below, table["image_id"])[found.index], atol=1e-12)


def test_faces_that_are_hard_for_every_model_hide_nothing_from_calibrated_scores(tmp_path):
    scenario = with_references(
        detectors__methods=["vanilla"], rivals=["embedding_norm", "lira_norm", "rmia_norm"]
    )
    faces = listed(scenario)
    rng = np.random.default_rng(0)
    member = (faces.table["role"] == "member").to_numpy()
    hard = rng.uniform(1, 20, len(faces))  # what the picture does to every model's norm
    references = references_of(faces, scenario)
    audited = Planted(faces)
    for planted, gain in [(audited, member)] + [(p, 0 * member) for p in references.values()]:
        direction = rng.normal(size=(len(faces), 8))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        length = hard + gain + 0.2 * rng.normal(size=len(faces))
        planted.vectors["plain/outcome"] = (length[:, None] * direction).astype(np.float32)
    scores = scored_with(references, faces, scenario, tmp_path, audited)
    audited = scores[scores["target"] == "audited"]
    assert abs(told_apart(of(audited, method="embedding_norm")) - 0.5) < 0.15
    assert told_apart(of(audited, method="lira_norm")) > 0.95
    assert told_apart(of(audited, method="rmia_norm")) > 0.8  # a ratio: less of a long norm


def test_two_pairs_of_references_are_averaged_over_those_that_are_blind(tmp_path):
    scenario = with_references(
        references={"kind": "halves", "pairs": 2}, rivals=["embedding_norm", "lira_norm"],
        detectors__methods=["vanilla"], detectors__epochs=2,
    )  # fmt: skip
    faces = listed(scenario)
    references = references_of(faces, scenario)
    scores = scored_with(references, faces, scenario, tmp_path)
    names = list(references)
    norms = np.array([embedding_norm(Activations(tmp_path / name)) for name in names])
    blind = np.array([unseen_by(name, faces.table, scenario) for name in names])
    assert (blind.sum(0) == 2).all()
    held = validation_persons(faces.table, scenario.seed)
    standard = [
        (norm - norm[held & may].mean()) / norm[held & may].std()
        for norm, may in zip(norms, blind, strict=True)
    ]
    by_hand = pd.Series(np.ma.array(standard, mask=~blind).mean(0), faces.table["image_id"])
    found = by_unit(scores, target="reference_twin", method="embedding_norm")
    np.testing.assert_allclose(found, by_hand[found.index], rtol=1e-4, atol=1e-5)


def test_a_reference_on_another_scale_does_not_change_the_control(reference_run, tmp_path):
    scenario, faces, scores, _ = reference_run
    references = references_of(faces, scenario)
    for values in references["reference_twin.1"].vectors.values():
        values *= 100
    again = scored_with(references, faces, scenario, tmp_path)
    for method, aad in (("embedding_norm", "outcome"), ("vanilla", "combination")):
        before, after = (
            by_unit(some, target="reference_twin", method=method, aad=aad)
            for some in (scores, again)
        )
        np.testing.assert_allclose(after, before[after.index], atol=1e-3)


def test_references_are_used_without_being_a_control(tmp_path):
    scenario = with_references(
        controls=["pixels"], rivals=["embedding_norm", "lira_norm"], detectors__methods=["vanilla"]
    )
    faces = listed(scenario)
    scores = scored_with(references_of(faces, scenario), faces, scenario, tmp_path)
    assert set(scores["target"]) == {"audited", "shuffled_labels"}
    assert "lira_norm" in set(scores["method"])


def test_a_published_reference_knows_nobody_and_keeps_its_own_scale(tmp_path):
    published = {"kind": "published", "model": {"family": "facenet"}}
    scenario = with_references(
        references=published, rivals=["embedding_norm", "lira_norm"], **NOTHING_FITTED
    )
    faces = listed(scenario)
    reference = {"reference_twin.0": Planted(faces, seed=4)}
    scores = scored_with(reference, faces, scenario, tmp_path)
    norm = embedding_norm(Activations(tmp_path / "reference_twin.0"))
    found = by_unit(scores, target="reference_twin", method="embedding_norm")
    np.testing.assert_allclose(found, norm)
    own = embedding_norm(Activations(tmp_path / "audited"))
    np.testing.assert_allclose(by_unit(scores, method="lira_norm"), lira(own, norm), rtol=1e-6)


def test_a_person_whom_every_reference_saw_is_refused(tmp_path):
    scenario = with_references(detectors__methods=["vanilla"])
    faces = listed(scenario)
    references = references_of(faces, scenario)
    references.pop("reference_twin.1")
    with pytest.raises(ValueError, match="seen by every reference"):
        scored_with(references, faces, scenario, tmp_path)


# From pictures to scores


def test_the_whole_way_from_pictures_to_scores(isolated, small_scenario, small_model, small_faces):
    targets = open_targets(small_scenario, small_model, small_faces)
    recorded = record_targets(targets, small_faces, small_scenario)
    assert {name: a.target for name, a in recorded.items()} == {name: name for name in targets}
    for activations in recorded.values():
        assert activations.image_ids == small_faces.table["image_id"].tolist()
    assert recorded["pixels"].maps("image").shape[1:] == (3, 32, 32)
    scores = score_images(recorded, small_faces, small_scenario, isolated / "models")
    assert set(scores["target"]) == {*targets, "shuffled_labels"}
    true = scores[scores["target"] != "shuffled_labels"]
    assert len(trial_table(recorded, small_scenario)) == len(
        true[["target", "method", "aad"]].drop_duplicates()
    )


def test_the_whole_way_with_references_and_swapped_halves(isolated, small_faces, small_model):
    scenario = load_scenario(
        "synthetic",
        {
            "faces.0.persons": 24, "faces.0.images": 6, "faces.0.size": 32,
            "audited_model.input_size": 32, "audited_model.widths": [4, 8, 8, 16],
            "audited_model.epochs": 1, "detectors.methods": [], "swapped_halves": True,
            "references": HALVES, "controls": ["reference_twin", "pixels"],
            "rivals": ["embedding_norm", "lira_norm"],
        },
    )  # fmt: skip
    targets = open_targets(scenario, small_model, small_faces)
    recorded = record_targets(targets, small_faces, scenario)
    scores = score_images(recorded, small_faces, scenario, isolated / "models")
    assert set(scores["target"]) == {"audited", "pixels", "swapped_halves", "reference_twin"}
    outside = set(small_faces.table["image_id"][small_faces.table["split"] != "fit"])
    for _, rows in scores.groupby(["target", "method"]):
        assert outside <= set(rows["unit"])


def test_roles_drawn_again_leave_nothing_to_find(isolated, small_model):
    """From pictures to scores with roles that the audited model never knew."""
    drawn = {
        "faces.0.persons": 80, "faces.0.images": 3, "faces.0.size": 32,
        "detectors.methods": ["vanilla"], "detectors.seeds": 1, "detectors.epochs": 5,
        "rivals": [], "controls": ["untrained_twin"], "seed": 11,
    }  # fmt: skip
    scenario = load_scenario("synthetic", drawn)
    faces = inspect(listed(scenario)).faces  # other persons than those of small_model
    recorded = record_targets({"audited": small_model}, faces, scenario)
    reached = []
    for seed in range(5):  # the same pictures each time
        other = load_scenario("synthetic", drawn | {"seed": seed})
        again = assemble(open_sources(scenario), other)
        scores = score_images(recorded, again, other, isolated / "models")
        reached.append(told_apart(of(scores, target="audited", aad="combination")))
    assert len(set(reached)) == 5
    assert abs(np.mean(reached) - 0.5) < 0.1, reached
