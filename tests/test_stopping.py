"""Early stopping: decided on training photos alone, and every one of them is trained on."""

import numpy as np
import pytest
import torch
from conftest import SMALL

from mint_utils.audited import open_model
from mint_utils.audited.stopping import kept_photos
from mint_utils.audited.training_record import training_record
from mint_utils.scenario_file import load_scenario

STOPPED = {**SMALL, "audited_model.epochs": 6}


def test_a_part_of_every_persons_photos_is_kept_and_never_all():
    labels = np.repeat(np.arange(4), [10, 5, 2, 1])
    kept = kept_photos(labels, 0.2, np.random.default_rng(0))
    assert [kept[labels == person].sum() for person in range(4)] == [2, 1, 1, 0]


def test_it_stops_where_kept_photos_are_recognised_well_enough(isolated, small_faces):
    wanted = load_scenario(
        "synthetic", {**STOPPED, "audited_model.early_stopping": {"tolerance": 0.1}}
    )
    model = open_model(wanted, small_faces)
    told = model.notes["early_stopping"]
    recognised, epochs = told["kept_recognised"], told["epochs"]
    assert len(recognised) == 6 and len(model.notes["losses"]) == epochs
    assert recognised[epochs - 1] >= max(recognised) - 0.1
    assert all(value < max(recognised) - 0.1 for value in recognised[: epochs - 1])
    assert model.notes["images"] == (small_faces.table["role"] == "member").sum()
    record = training_record(model.notes).set_index("what")["value"]
    assert record["epochs"] == epochs and record["epochs of the trial training"] == 6


def test_where_nothing_is_stopped_the_training_is_the_ordinary_one(isolated, small_faces):
    """The trial leaves no trace in the model."""
    early = {"audited_model.early_stopping": {"tolerance": 0.0}}
    stopped = open_model(load_scenario("synthetic", {**STOPPED, **early}), small_faces)
    epochs = stopped.notes["early_stopping"]["epochs"]
    ordinary = open_model(load_scenario("synthetic", STOPPED), small_faces)
    if epochs == 6:
        assert stopped.digest() == ordinary.digest()
    assert stopped.notes["losses"] == ordinary.notes["losses"][:epochs]


def test_photos_of_others_decide_nothing(isolated, small_faces):
    early = {"audited_model.early_stopping": {"kept": 0.3}}
    wanted = load_scenario("synthetic", {**STOPPED, **early})
    members = small_faces.where(small_faces.table["role"] == "member")
    assert open_model(wanted, members).digest() == open_model(wanted, small_faces).digest()


def test_nobody_with_a_second_photo_is_said(isolated, small_faces):
    alone = small_faces.where(~small_faces.table["identity"].duplicated())
    alone = alone.where(np.arange(len(alone)) < 8)
    alone.table["role"] = "member"
    wanted = load_scenario("synthetic", {**STOPPED, "audited_model.early_stopping": {}})
    torch.manual_seed(0)
    with pytest.raises(ValueError, match="nobody has a second photo"):
        open_model(wanted, alone)
