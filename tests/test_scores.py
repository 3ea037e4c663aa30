"""One scores table: every method on every target, and no image that was fitted on."""

import numpy as np
import pandas as pd
import pytest
import torch

from mint_utils.activations.store import Activations, Store
from mint_utils.audited import AuditedModel
from mint_utils.detectors import Detector
from mint_utils.evidence.conformal import image_p_values
from mint_utils.evidence.metrics import auc
from mint_utils.faces import FaceSet, assemble
from mint_utils.hygiene import inspect
from mint_utils.rivals import RIVALS
from mint_utils.scenario_file import load_scenario
from mint_utils.scores import (
    COLUMNS,
    detector_samples,
    score_all,
    trial_table,
    trials,
    validation_choice,
    validation_persons,
)
from mint_utils.sources import open_sources
from mint_utils.targets import open_targets, record_targets

TAPS = ["stage1", "stage2"]
PLANTED = {
    "faces.0.persons": 80,
    "faces.0.images": 8,
    "detectors.epochs": 8,
    "detectors.seeds": 2,
    "audited_model.taps": TAPS,
}


def planted_scenario(**more):
    return load_scenario("synthetic", PLANTED | {k.replace("__", "."): v for k, v in more.items()})


def listed(scenario) -> FaceSet:
    return assemble(open_sources(scenario), scenario)


class Planted:
    """Made-up activations: what members show, by role, without any model or picture."""

    def __init__(self, faces: FaceSet, by: float = 0.0, seed: int = 0):
        rng = np.random.default_rng(seed)
        self.ids = faces.table["image_id"].tolist()
        member = (faces.table["role"] == "member").to_numpy()[:, None]
        count = len(faces)
        self.vectors = {
            f"{view}/{name}": (rng.normal(size=(count, width)) + by * member).astype(np.float32)
            for view in ("plain", "flip")
            for name, width in (("stage1", 4), ("stage2", 6), ("outcome", 8), ("head", 3))
        }
        shapes = {"stage1": (4, 8, 8), "stage2": (6, 4, 4)}
        self.maps = {
            tap: rng.normal(size=(count, *shape)) + 0.5 * by * member[:, :, None, None]
            for tap, shape in shapes.items()
        }

    def stored(self, folder, target: str = "audited", has_head: bool = True) -> Activations:
        store = Store(folder / target)
        taps = ["image"] if target == "pixels" else TAPS
        key = {"target": target, "taps": taps, "has_head": has_head, "views": ["plain", "flip"]}
        key["count"] = len(self.ids)
        store.create(key)
        store.write(
            "vectors", 0, self.ids, {k: torch.from_numpy(v) for k, v in self.vectors.items()}
        )
        maps = {tap: torch.from_numpy(value).half() for tap, value in self.maps.items()}
        store.write("maps", 0, self.ids, maps | {"image": maps["stage1"].clone()})
        return Activations(store.folder)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Scores of planted activations on two targets, with the folder of the detectors."""
    scenario = planted_scenario()
    faces = listed(scenario)
    folder = tmp_path_factory.mktemp("scores")
    targets = {
        "audited": Planted(faces, by=1.0).stored(folder),
        "untrained_twin": Planted(faces, by=0.0, seed=1).stored(folder, "untrained_twin"),
        "pixels": Planted(faces, by=0.0, seed=2).stored(folder, "pixels", has_head=False),
    }
    return (
        scenario,
        faces,
        score_all(targets, faces, scenario, folder / "models"),
        folder / "models",
    )


def test_trials_are_the_rows_of_the_papers_tables(tmp_path):
    scenario = planted_scenario()
    found = trials(Planted(listed(scenario)).stored(tmp_path), scenario)
    assert [(t.method, t.aad, t.access) for t in found if t.kind == "mint"] == [
        ("vanilla", "stage1", "activations"),
        ("vanilla", "stage2", "activations"),
        ("vanilla", "outcome", "outcome"),
        ("vanilla", "head", "head_blind"),
        ("vanilla", "combination", "activations"),
        ("cnn", "stage1", "activations"),
        ("cnn", "stage2", "activations"),
        ("cnn", "combination", "activations"),
    ]
    assert [(t.method, t.aad, t.access) for t in found if t.kind == "rival"] == [
        ("embedding_norm", "outcome", "outcome"),
        ("flip_consistency", "outcome", "outcome"),
        ("head_max", "head", "head_blind"),
        ("head_margin", "head", "head_blind"),
        ("head_entropy", "head", "head_blind"),
    ]


def test_pixels_have_no_layers_and_no_access(tmp_path):
    scenario = planted_scenario()
    found = trials(Planted(listed(scenario)).stored(tmp_path, "pixels", has_head=False), scenario)
    assert [(t.method, t.kind) for t in found] == [
        ("vanilla", "mint"),
        ("cnn", "mint"),
        ("embedding_norm", "rival"),
    ], "a picture and its mirror image have the same statistics"
    assert {t.aad for t in found} == {"pixels"}
    assert {t.access for t in found} == {"none"}


def test_without_a_head_nobody_asks_for_it(tmp_path):
    scenario = planted_scenario()
    found = trials(Planted(listed(scenario)).stored(tmp_path, has_head=False), scenario)
    assert not [t for t in found if t.aad == "head"]


def test_trial_table_has_a_row_a_trial_of_every_target(tmp_path):
    scenario = planted_scenario()
    planted = Planted(listed(scenario))
    targets = {name: planted.stored(tmp_path, name) for name in ("audited", "pixels")}
    table = trial_table(targets, scenario)
    assert list(table) == ["target", "method", "kind", "aad", "access"]
    assert table["target"].value_counts().to_dict() == {"audited": 13, "pixels": 3}


def test_columns_and_units_are_those_of_the_design(run):
    _, faces, scores, _ = run
    assert list(scores) == [
        "unit", "unit_kind", "identity", "n_images", "split", "role", "method", "kind", "target",
        "aad", "access", "seed", "score", "p_value",
    ]  # fmt: skip
    assert set(scores["unit_kind"]) == {"image"}
    assert set(scores["n_images"]) == {1}
    key = ["unit", "method", "target", "aad", "seed"]
    assert not scores.duplicated(key).any()
    assert np.isfinite(scores["score"]).all()
    joined = scores.merge(faces.table, left_on="unit", right_on="image_id", suffixes=("", "_faces"))
    assert len(joined) == len(scores)
    for column in ("identity", "split", "role"):
        assert (joined[column] == joined[f"{column}_faces"]).all()


def test_no_image_that_was_fitted_on_has_a_detector_score(run):
    scenario, faces, scores, _ = run
    mint = scores[scores["kind"] == "mint"]
    held = validation_persons(faces.table, scenario.seed)
    fitted_on = set(faces.table["identity"][(faces.table["split"] == "fit") & ~held])
    assert fitted_on
    assert not fitted_on & set(mint["identity"])
    expected = set(faces.table["image_id"][(faces.table["split"] != "fit") | held])
    for _, rows in mint.groupby(["target", "method", "aad", "seed"]):
        assert set(rows["unit"]) == expected


def test_all_is_the_mean_of_the_seeds(run):
    _, _, scores, _ = run
    mint = scores[scores["kind"] == "mint"]
    assert set(mint["seed"]) == {"0", "1", "all"}
    wide = mint.pivot(index=["target", "method", "aad", "unit"], columns="seed", values="score")
    np.testing.assert_allclose(wide["all"], (wide["0"] + wide["1"]) / 2, rtol=1e-6, atol=1e-7)
    assert (wide["0"] != wide["1"]).any()
    assert set(scores["seed"][scores["kind"] == "rival"]) == {"all"}


def test_what_was_planted_is_found_and_the_controls_find_nothing(run):
    _, _, scores, _ = run
    test = scores[(scores["split"] == "test") & scores["role"].isin(["member", "external"])]
    test = test[(test["seed"] == "all") & (test["kind"] == "mint")]
    for (target, method, aad), rows in test.groupby(["target", "method", "aad"]):
        reached = auc(rows["score"].to_numpy(), (rows["role"] == "member").to_numpy())
        if target == "audited":
            assert reached > 0.75, (method, aad)
        else:
            assert abs(reached - 0.5) < 0.2, (target, method, aad)


def test_held_out_photos_look_like_externals_where_only_members_were_marked(run):
    _, _, scores, _ = run
    rows = scores[(scores["target"] == "audited") & (scores["aad"] == "combination")]
    rows = rows[(rows["split"] == "test") & (rows["seed"] == "all") & (rows["method"] == "vanilla")]
    mean = rows.groupby("role")["score"].mean()
    assert mean["member"] > max(mean["held_out"], mean["external"]) + 1
    assert abs(mean["held_out"] - mean["external"]) < 0.5


def test_p_values_are_ranks_among_external_calibrate_persons(run):
    _, _, scores, _ = run
    assert scores["p_value"].notna().eq(scores["split"] == "test").all()
    one = scores[(scores["target"] == "audited") & (scores["aad"] == "stage1")]
    one = one[(one["method"] == "vanilla") & (one["seed"] == "all")]
    known = one[(one["split"] == "calibrate") & (one["role"] == "external")]
    test = one[one["split"] == "test"]
    by_hand = image_p_values(
        test["score"].to_numpy(), known["score"].to_numpy(), known["identity"].to_numpy()
    )
    np.testing.assert_allclose(test["p_value"], by_hand)
    member = test["role"] == "member"
    assert test["p_value"][member].mean() < 0.3
    assert 0.35 < test["p_value"][test["role"] == "external"].mean() < 0.65


def test_detectors_and_calibrate_scores_lie_in_the_models_folder(run):
    _, faces, scores, models = run
    names = {file.relative_to(models).as_posix() for file in models.rglob("*.safetensors")}
    mint = scores[(scores["kind"] == "mint") & (scores["seed"] != "all")]
    fitted = mint[["target", "method", "aad", "seed"]].drop_duplicates()
    assert names == {f"{t}/{m}-{a}-{s}.safetensors" for t, m, a, s in fitted.to_numpy()}
    calibrate = pd.read_parquet(models / "calibrate.parquet")
    assert list(calibrate) == COLUMNS
    assert set(calibrate["split"]) == {"calibrate"}
    assert len(calibrate) == (scores["split"] == "calibrate").sum()
    # A saved detector gives the scores of the table, so that `ask` ranks like with like.
    planted = Planted(faces, by=1.0)
    loaded = Detector.load(models / "audited" / "vanilla-stage2-1.safetensors")
    expected = scores[(scores["target"] == "audited") & (scores["aad"] == "stage2")]
    expected = expected[(expected["method"] == "vanilla") & (expected["seed"] == "1")]
    row = dict(zip(planted.ids, range(len(planted.ids)), strict=True))
    some = torch.from_numpy(planted.vectors["plain/stage2"][[row[u] for u in expected["unit"]]])
    np.testing.assert_allclose(loaded.score([some]), expected["score"], atol=1e-5)


def test_scoring_again_gives_the_same_table(run, tmp_path):
    scenario, faces, scores, _ = run
    only = {"audited": Planted(faces, by=1.0).stored(tmp_path)}
    again = score_all(only, faces, scenario, tmp_path / "models")
    first = scores[scores["target"] == "audited"].reset_index(drop=True)
    pd.testing.assert_frame_equal(again, first)


# Leaks


def vanilla_scores(planted: Planted, faces: FaceSet, folder, scenario=None) -> pd.Series:
    """Scores of Vanilla MINT on the combination, by image."""
    scenario = scenario or planted_scenario(detectors__methods=["vanilla"], rivals=[])
    scores = score_all({"audited": planted.stored(folder)}, faces, scenario, folder / "models")
    rows = scores[(scores["aad"] == "combination") & (scores["seed"] == "all")]
    return rows.set_index("unit")["score"]


def overwritten(planted: Planted, rows: np.ndarray) -> Planted:
    """``planted`` with other activations for ``rows``."""
    for values in (planted.vectors, planted.maps):
        for value in values.values():
            value[rows] = 99 * np.random.default_rng(0).normal(size=value[rows].shape)
    return planted


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
    changed = overwritten(Planted(faces, by=1.0), rows)
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
    rows = (faces.table["split"] == "fit").to_numpy()
    before = vanilla_scores(Planted(faces, by=1.0), faces, tmp_path / "before")
    after = vanilla_scores(overwritten(Planted(faces, by=1.0), rows), faces, tmp_path / "after")
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


@pytest.mark.parametrize("seed", [0, 1])
def test_chance_alone_shows_nothing(tmp_path, seed):
    scenario = planted_scenario(
        seed=seed, faces__0__persons=160, detectors__methods=["vanilla"], rivals=[]
    )
    faces = listed(scenario)
    scores = vanilla_scores(Planted(faces, seed=seed), faces, tmp_path, scenario)
    test = faces.table[faces.table["split"] == "test"]
    test = test[test["role"].isin(["member", "external"])]
    member = (test["role"] == "member").to_numpy()
    assert abs(auc(scores[test["image_id"]].to_numpy(), member) - 0.5) < 0.15


# Samples


def test_detector_samples_are_drawn_by_chance_and_kept_when_more_are_asked_for():
    faces = listed(planted_scenario())
    few, more = (
        detector_samples(faces, planted_scenario(detectors__samples=n)) for n in (100, 200)
    )
    assert few.sum() == 100
    assert more.sum() == 200
    assert (few <= more).all()
    assert detector_samples(faces, planted_scenario()).all()
    assert 0.2 < (faces.table["role"][few] == "external").mean() < 0.8


def test_only_detector_samples_are_scored(tmp_path):
    scenario = planted_scenario(detectors__samples=500, detectors__methods=["vanilla"])
    faces = listed(scenario)
    samples = detector_samples(faces, scenario)
    targets = {"audited": Planted(faces, by=1.0).stored(tmp_path)}
    scores = score_all(targets, faces, scenario, tmp_path / "models")
    assert set(scores["unit"]) <= set(faces.table["image_id"][samples])
    rival = scores[scores["method"] == "embedding_norm"].set_index("unit")["score"]
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
        score_all({"audited": planted.stored(tmp_path)}, faces, scenario, tmp_path / "models")


def test_activations_of_other_images_are_refused(tmp_path):
    scenario = planted_scenario(detectors__methods=[])
    faces = listed(scenario)
    turned = FaceSet(faces.table.iloc[::-1].reset_index(drop=True), faces.sources)
    with pytest.raises(ValueError, match="image"):
        score_all({"audited": Planted(turned).stored(tmp_path)}, faces, scenario, tmp_path / "m")


# Choosing and rivals


def test_validation_choice_is_the_best_inside_fit(run):
    _, _, scores, _ = run
    chosen = validation_choice(scores, "audited")
    assert chosen["method"].nunique() == chosen["aad"].nunique() == 1
    fit = scores[(scores["target"] == "audited") & (scores["split"] == "fit")]
    fit = fit[(fit["seed"] == "all") & fit["role"].isin(["member", "external"])]
    reached = {
        key: auc(rows["score"].to_numpy(), (rows["role"] == "member").to_numpy())
        for key, rows in fit.groupby(["method", "aad"])
    }
    assert reached[chosen["method"].iloc[0], chosen["aad"].iloc[0]] == max(reached.values())
    worse = scores.copy()
    test = worse["split"] == "test"
    worse.loc[test, "score"] *= -1  # what test says must not matter
    again = validation_choice(worse, "audited")
    assert again["aad"].iloc[0] == chosen["aad"].iloc[0]
    assert again["method"].iloc[0] == chosen["method"].iloc[0]


def test_rivals_on_activations_done_by_hand(tmp_path):
    store = Store(tmp_path / "audited")
    key = {
        "target": "audited",
        "taps": [],
        "has_head": True,
        "views": ["plain", "flip"],
        "count": 4,
    }
    store.create(key)
    vectors = {
        "plain/outcome": torch.tensor([[3.0, 4.0], [0.0, 2.0], [1.0, 0.0], [0.0, 0.0]]),
        "flip/outcome": torch.tensor([[6.0, 8.0], [2.0, 0.0], [-5.0, 0.0], [1.0, 0.0]]),
        "plain/head": torch.arange(12.0).reshape(4, 3),
        "flip/head": torch.zeros(4, 3),
    }
    store.write("vectors", 0, ["a", "b", "c", "d"], vectors)
    store.write("maps", 0, [], {})
    activations = Activations(store.folder)
    by_hand = {
        "embedding_norm": [5, 2, 1, 0],
        "flip_consistency": [1, 0, -1, 0],
        "head_max": [0, 3, 6, 9],
        "head_margin": [1, 4, 7, 10],
        "head_entropy": [2, 5, 8, 11],
    }
    assert set(by_hand) == set(RIVALS)
    for name, expected in by_hand.items():
        np.testing.assert_allclose(RIVALS[name][0](activations), expected, atol=1e-6)


def test_rivals_are_scored_where_nothing_is_fitted(tmp_path):
    scenario = planted_scenario(
        detectors__methods=[], splits__fit=0, splits__calibrate=0, splits__test=1
    )
    faces = listed(scenario)
    targets = {"audited": Planted(faces, by=1.0).stored(tmp_path)}
    scores = score_all(targets, faces, scenario, tmp_path / "models")
    assert set(scores["kind"]) == {"rival"}
    assert (scores.groupby("method").size() == len(faces)).all()
    assert scores["p_value"].isna().all()  # nobody to rank among
    assert validation_choice(scores, "audited")["method"].unique() == ["embedding_norm"]
    assert pd.read_parquet(tmp_path / "models" / "calibrate.parquet").empty


# From pictures to scores


def test_targets_are_the_audited_model_and_its_controls(small_scenario, small_model, small_faces):
    targets = open_targets(small_scenario, small_model, small_faces)
    assert list(targets) == ["audited", "untrained_twin", "pixels"]
    assert targets["audited"] is small_model
    assert all(isinstance(target, AuditedModel) for target in targets.values())


def test_the_whole_way_from_pictures_to_scores(isolated, small_scenario, small_model, small_faces):
    targets = open_targets(small_scenario, small_model, small_faces)
    recorded = record_targets(targets, small_faces, small_scenario)
    assert {name: a.target for name, a in recorded.items()} == {name: name for name in targets}
    for activations in recorded.values():
        assert activations.image_ids == small_faces.table["image_id"].tolist()
    assert recorded["pixels"].maps("image").shape[1:] == (3, 32, 32)
    scores = score_all(recorded, small_faces, small_scenario, isolated / "models")
    assert set(scores["target"]) == set(targets)
    assert len(trial_table(recorded, small_scenario)) == len(
        scores[["target", "method", "aad"]].drop_duplicates()
    )


def test_roles_drawn_again_leave_nothing_for_an_untrained_model(isolated, small_model):
    """From pictures to scores with roles that the audited model never knew."""
    scenario = load_scenario(
        "synthetic",
        {
            "faces.0.persons": 80, "faces.0.images": 3, "faces.0.size": 32, "seed": 11,
            "detectors.methods": ["vanilla"], "detectors.seeds": 1, "detectors.epochs": 15,
            "rivals": [], "controls": ["untrained_twin"],
        },
    )  # fmt: skip
    faces = inspect(listed(scenario)).faces  # other persons than those of small_model
    recorded = record_targets(open_targets(scenario, small_model, faces), faces, scenario)
    scores = score_all(recorded, faces, scenario, isolated / "models")
    rows = scores[(scores["aad"] == "combination") & (scores["split"] == "test")]
    rows = rows[(rows["seed"] == "all") & rows["role"].isin(["member", "external"])]
    for _, one in rows.groupby("target"):
        member = (one["role"] == "member").to_numpy()
        assert abs(auc(one["score"].to_numpy(), member) - 0.5) < 0.2
