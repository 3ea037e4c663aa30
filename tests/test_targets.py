"""What methods look at: the audited model, controls, references, and a model turned round."""

from typing import get_args

import numpy as np
import pytest
import torch
from conftest import SMALL

from mint_utils.audited import AuditedModel, open_model
from mint_utils.evidence import rungs
from mint_utils.faces import FaceSet
from mint_utils.figures.style import TARGET_COLOURS, TARGET_NAMES
from mint_utils.relabelled import swapped
from mint_utils.scenario import Control
from mint_utils.scenario_file import load_scenario
from mint_utils.scores import recordings
from mint_utils.targets import open_targets, record_targets
from mint_utils.trials import batch_norm_needed, detector_samples, views_needed

HALVES = {"kind": "halves", "pairs": 1, "epochs": 1}


def small(**changes):
    """``small_scenario`` with other targets; the same faces and the same audited model."""
    return load_scenario("synthetic", SMALL | changes)


@pytest.fixture(scope="module")
def everything(small_model, small_faces, tmp_path_factory):
    """A scenario with all targets there are, its models and its recordings. Not to be changed."""
    scenario = small(
        references=HALVES, swapped_halves=True,
        controls=["untrained_twin", "reference_twin", "pixels"],
        rivals=["embedding_norm", "flip_consistency", "batch_norm_distance", "head_named"],
        **{"detectors.methods": ["vanilla"], "detectors.samples": 50},
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINT_CACHE", str(tmp_path_factory.mktemp("targets")))
        models = open_targets(scenario, small_model, small_faces)
        return scenario, models, record_targets(models, small_faces, scenario)


# Which targets there are


def test_controls_are_the_same_words_everywhere():
    assert list(get_args(Control)) == rungs.CONTROLS
    assert {"audited", *rungs.CONTROLS} <= set(TARGET_NAMES)
    assert set(TARGET_COLOURS) == set(TARGET_NAMES)


def test_the_audited_model_comes_first_and_everything_else_after_it(everything, small_model):
    _, models, _ = everything
    assert list(models) == [
        "audited", "untrained_twin", "pixels", "swapped_halves", "reference_twin.0",
        "reference_twin.1",
    ]  # fmt: skip
    assert models["audited"] is small_model
    assert len({model.digest() for model in models.values()}) == 6
    assert all(isinstance(model, AuditedModel) for model in models.values())


@pytest.mark.parametrize("control", ["untrained_twin", "pixels"])
def test_a_control_is_opened_only_if_it_is_named(control, isolated, small_model, small_faces):
    models = open_targets(small(controls=[control]), small_model, small_faces)
    assert list(models) == ["audited", control]


def test_references_are_opened_for_methods_that_look_through_them(
    isolated, small_model, small_faces
):
    """LiRA needs them even where they are no control."""
    scenario = small(references=HALVES, rivals=["lira_norm"], controls=["pixels"])
    models = open_targets(scenario, small_model, small_faces)
    assert list(models) == ["audited", "pixels", "reference_twin.0", "reference_twin.1"]


def test_every_model_has_the_same_interface(everything, small_model):
    _, models, _ = everything
    for name in ("untrained_twin", "swapped_halves", "reference_twin.0", "reference_twin.1"):
        assert models[name].taps == small_model.taps
        assert models[name].preprocess == small_model.preprocess
        assert models[name].head.shape[1] == small_model.head.shape[1]


# The model that is trained on the other half


def test_swapped_halves_is_trained_on_the_externals_that_were_not_set_aside(
    everything, small_faces, small_model
):
    _, models, _ = everything
    table, other = small_faces.table, models["swapped_halves"]
    externals = table["role"] == "external"
    assert other.classes == tuple(sorted(table.loc[externals, "identity"].unique()))
    assert other.notes["images"] == (externals & ~table["set_aside"]).sum() < externals.sum()
    assert not set(other.classes) & set(small_model.classes)
    assert other.notes["images"] == small_model.notes["images"], "as many on either side"


def test_swapped_halves_of_swapped_roles_is_the_audited_model(isolated, small_faces, small_model):
    """The same recipe and seed: nothing but the persons differs."""
    turned = FaceSet(swapped(small_faces.table), small_faces.sources)
    scenario = small(swapped_halves=True, controls=["pixels"])
    back = open_targets(scenario, small_model, turned)["swapped_halves"]
    assert back.digest() == small_model.digest()
    forth = open_targets(scenario, small_model, small_faces)["swapped_halves"]
    assert forth.digest() == open_model(scenario, turned).digest()


# Recording


def test_every_target_records_every_image_and_the_maps_of_the_samples(everything, small_faces):
    scenario, models, recorded = everything
    assert list(recorded) == list(models)
    samples = detector_samples(small_faces, scenario)
    assert samples.sum() == 50
    for name, activations in recorded.items():
        assert activations.target == name
        assert activations.image_ids == small_faces.table["image_id"].tolist()
        assert (activations.mapped == samples).all()
        assert activations.key["model"] == models[name].digest()


def test_pictures_alone_have_one_view_and_models_those_that_are_needed(everything):
    scenario, _, recorded = everything
    assert recorded["pixels"].key["views"] == ["plain"]
    for name in set(recorded) - {"pixels"}:
        assert recorded[name].key["views"] == list(views_needed(scenario)) == ["plain", "flip"]


def test_batch_norm_and_names_are_recorded_where_a_model_has_them(everything, small_faces):
    scenario, models, recorded = everything
    assert batch_norm_needed(scenario)
    assert [name for name, a in recorded.items() if not a.has_batch_norm] == ["pixels"]
    assert [name for name, a in recorded.items() if not a.has_names] == ["pixels"]
    identity = small_faces.table["identity"]
    for name in set(recorded) - {"pixels"}:
        known = identity.isin(models[name].classes).to_numpy()
        assert (np.isfinite(recorded[name].vector("named")).all(1) == known).all()
        assert torch.equal(recorded[name].head(), models[name].head)


def test_batch_norm_is_not_recorded_where_nobody_asks(isolated, small_model, small_faces):
    scenario = small(rivals=["embedding_norm"], controls=["pixels"])
    assert not batch_norm_needed(scenario)
    recorded = record_targets({"audited": small_model}, small_faces, scenario)["audited"]
    assert not recorded.has_batch_norm
    assert recorded.key["views"] == list(views_needed(scenario))


def test_recordings_group_the_references_and_know_whom_each_may_be_asked_about(
    everything, small_faces
):
    scenario, models, recorded = everything
    found = recordings(recorded, small_faces, scenario)
    assert list(found) == [
        "audited", "untrained_twin", "pixels", "swapped_halves", "reference_twin",
    ]  # fmt: skip
    assert [part.name for part in found["reference_twin"]] == [
        "reference_twin.0",
        "reference_twin.1",
    ]
    for name, parts in found.items():
        for part in parts:
            seen = set(small_faces.table["identity"][~part.unseen])
            assert seen == (set(models[part.name].classes) if name == "reference_twin" else set())
