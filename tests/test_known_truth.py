"""Scenarios of which the truth is known, through the whole rule at a size that takes seconds.

Everything real but the size: faces drawn, a model trained, every method on every target, the
verdict by the rule. What a report may never do is in these tests.
"""

import pandas as pd
import pytest

from mint_utils.album_scores import score_albums
from mint_utils.audited import open_model
from mint_utils.evidence import measure, rungs, verdict
from mint_utils.faces import assemble
from mint_utils.hygiene import inspect
from mint_utils.scenario_file import load_scenario
from mint_utils.scores import score_images
from mint_utils.sources import open_sources
from mint_utils.targets import open_targets, record_targets

SMALL = {"audited_model.widths": [8, 16, 32, 64], "detectors.seeds": 1}


def audit(name: str, folder, overrides: dict, tiny=False):
    """The scores and judged rungs of a scenario, without notebooks."""
    scenario = load_scenario(name, overrides, tiny=tiny)
    faces = inspect(assemble(open_sources(scenario), scenario)).faces
    targets = open_targets(scenario, open_model(scenario, faces), faces)
    recorded = record_targets(targets, faces, scenario)
    images = score_images(recorded, faces, scenario, folder)
    albums = score_albums(images, recorded, faces, scenario)
    scores = pd.concat([images, albums], ignore_index=True)
    steps = rungs.ladder(scores, scenario.rivals, 400, scenario.seed)
    return scenario, scores, verdict.judged(steps, scenario.assignment)


def said(judged: pd.DataFrame, scenario) -> str:
    return verdict.report_verdict(judged, scenario.assignment)["verdict"]


@pytest.fixture(scope="module", autouse=True)
def one_cache(tmp_path_factory):
    """A cache for all tests of this file, and no other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def members(one_cache, tmp_path_factory):
    """``synthetic``, small: a model that was trained on the members, drawn by chance."""
    small = {
        "faces.0.persons": 120, "faces.0.images": 12, "faces.0.size": 48,
        "audited_model.input_size": 48, "audited_model.epochs": 16,
        "audited_model.widths": [16, 32, 64, 96],
        "detectors": {"methods": ["vanilla", "calibrated"], "seeds": 1, "epochs": 20},
        "rivals": ["embedding_norm", "augmentation_consistency", "head_views", "head_named"],
    }  # fmt: skip
    return audit("synthetic", tmp_path_factory.mktemp("members"), small)


def test_members_drawn_by_chance_are_shown_at_head_and_album_rungs(members):
    scenario, _, judged = members
    assert said(judged, scenario) == verdict.SHOWN
    shown = judged[judged["verdict"] == verdict.SHOWN]
    heads = shown[shown["access"] == "head_blind"]
    assert {1, 2, 4} <= set(heads["k"])
    assert {"member_vs_external", "held_out_vs_external"} <= set(heads["contrast"])
    assert "outcome" in set(shown.loc[shown["k"] > 2, "access"]), "albums need no head"


def test_controls_and_shuffled_labels_are_at_chance_where_chance_drew_the_members(members):
    scenario, scores, judged = members
    assert (judged["control_p"] > 0.05).mean() > 0.8
    metrics = measure.metrics_table(scores, scenario.name, 400, scenario.seed)
    shuffled = metrics[(metrics["target"] == "shuffled_labels") & (metrics["metric"] == "auc")]
    assert len(shuffled) and abs(shuffled["value"].mean() - 0.5) < 0.12


@pytest.fixture(scope="module")
def null(one_cache, tmp_path_factory):
    """``synthetic_null``, small: the audited model saw neither side."""
    small = {
        "faces.0.persons": 400, "faces.0.images": 4, "faces.0.size": 32,
        "audited_model.input_size": 32, "audited_model.epochs": 4,
        "audited_model.trained_on.persons": 60, "audited_model.trained_on.images": 8,
        "audited_model.trained_on.size": 32, "albums": [2], "detectors.epochs": 10,
    }  # fmt: skip
    return audit("synthetic_null", tmp_path_factory.mktemp("null"), small | SMALL)


def test_a_model_that_saw_neither_side_gives_no_evidence(null):
    scenario, _, judged = null
    assert said(judged, scenario) == verdict.NONE
    assert not judged["verdict"].isin([verdict.SHOWN, verdict.EXPLAINED]).any()
    assert (judged[["m", "n"]] >= 100).all(axis=None), "enough persons to say so"


@pytest.fixture(scope="module")
def shift(one_cache, tmp_path_factory):
    """``synthetic_shift``, small: two visibly different sources, a model that saw neither."""
    small = {
        "faces.0.persons": 60, "faces.1.persons": 54, "faces.2.persons": 10,
        "audited_model.epochs": 3, "audited_model.trained_on.persons": 30,
        "audited_model.trained_on.images": 8, "detectors.epochs": 20,
        "detectors.methods": ["vanilla"], "rivals": ["embedding_norm"],
    }  # fmt: skip
    return audit("synthetic_shift", tmp_path_factory.mktemp("shift"), small | SMALL)


def test_two_kinds_of_pictures_are_told_apart_and_explained_by_the_dataset(shift):
    scenario, scores, judged = shift
    assert said(judged, scenario) == verdict.EXPLAINED
    assert verdict.SHOWN not in set(judged["verdict"])
    metrics = measure.metrics_table(scores, scenario.name, 400, scenario.seed)
    rows = measure.paper_rows(metrics).set_index("aad")
    assert rows.loc["combination", "vanilla, audited"] >= 0.85, "the paper's figure, from nothing"
    assert rows["vanilla, pixels"].max() >= 0.85


def test_the_sentence_of_an_explained_report_accuses_and_absolves_nobody(shift):
    scenario, _, judged = shift
    told = verdict.report_verdict(judged, scenario.assignment)
    assert "cannot be told from the difference between the datasets" in told["sentence"]
    assert any("does not say that the images were not used" in s for s in told["does_not_prove"])


def test_glint_claimed_as_members_of_a_casia_model_is_explained(real_data, tmp_path):
    small = {
        "audited_model.input_size": 96, "audited_model.taps": ["conv2d_4b", "repeat_1", "block8"],
        "roles": {"min_images": 7, "max_images": 3}, "detectors.methods": ["vanilla"],
        "rivals": ["embedding_norm"],
    }  # fmt: skip
    scenario, _, judged = audit("lfw_vs_glint", tmp_path, small)
    assert said(judged, scenario) == verdict.EXPLAINED


def test_twenty_four_persons_cannot_tell(real_data, tmp_path):
    scenario, _, judged = audit("facenet_casia", tmp_path, {"roles.max_images": 4}, tiny=True)
    assert said(judged, scenario) == verdict.CANNOT
    assert (judged["m"] == 6).all()
