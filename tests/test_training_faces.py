"""Faces that a model is trained on and the audit does not ask about."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mint_utils.audited import open_model
from mint_utils.scenario import FolderFaces, SyntheticFaces
from mint_utils.scenario_file import load_scenario
from mint_utils.training_faces import training_faces

DRAWN = {"kind": "synthetic", "size": 32, "first": 500, "persons": 3, "images": 2}


def folder_of(tmp_path, persons: int = 3, images: int = 2):
    rng = np.random.default_rng(0)
    for number in range(persons):
        person = tmp_path / "faces" / f"p{number}"
        person.mkdir(parents=True)
        for photo in range(images):
            pixels = rng.integers(0, 255, (24, 24, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(person / f"{photo}.png")
    return tmp_path / "faces"


def test_every_image_of_the_source_is_a_member_in_no_split():
    faces = training_faces(SyntheticFaces(**DRAWN), seed=0)
    table = faces.table
    assert len(table) == 6
    assert set(table["identity"]) == {f"synthetic_{number:05d}" for number in (500, 501, 502)}
    said = table[["source", "role", "split", "set_aside"]].drop_duplicates()
    assert said.to_numpy().tolist() == [["synthetic", "member", "", False]]
    assert table["set_aside"].dtype == np.bool_
    assert table["digest"].is_unique  # what the training is fingerprinted by
    assert faces.read(0).shape == (32, 32, 3)


def test_the_seed_draws_the_same_persons_again_and_others():
    one, again, other = (training_faces(SyntheticFaces(**DRAWN), seed).table for seed in (0, 0, 1))
    pd.testing.assert_frame_equal(one, again)
    assert not set(one["digest"]) & set(other["digest"])


def test_persons_may_be_as_few_and_pictures_as_many_as_there_are():
    """Nobody is split and nobody is capped: it is not an audit."""
    spec = SyntheticFaces(**DRAWN | {"persons": 1, "images": 25, "group": "elsewhere"})
    table = training_faces(spec, seed=0).table
    assert len(table) == 25
    assert set(table["source"]) == {"elsewhere"}


def test_images_that_cannot_be_read_are_not_trained_on(tmp_path):
    root = folder_of(tmp_path)
    (root / "p1" / "0.png").write_bytes(b"no picture")
    table = training_faces(FolderFaces(kind="folders", path=str(root)), seed=0).table
    assert len(table) == 5
    assert table["identity"].value_counts().to_dict() == {"p0": 2, "p2": 2, "p1": 1}


def test_persons_whom_the_source_excludes_are_not_trained_on(tmp_path):
    root = folder_of(tmp_path)
    spec = FolderFaces(kind="folders", path=str(root), exclude=("p1",))
    assert set(training_faces(spec, seed=0).table["identity"]) == {"p0", "p2"}


def test_a_mistyped_person_to_exclude_from_training_is_named(tmp_path):
    root = folder_of(tmp_path)
    spec = FolderFaces(kind="folders", path=str(root), exclude=("p9",))
    with pytest.raises(ValueError, match="p9"):
        training_faces(spec, seed=0)


def test_a_model_trained_elsewhere_has_no_class_for_anybody_in_the_audit(isolated, small_faces):
    trained_on = DRAWN | {"persons": 8, "images": 4}
    scenario = load_scenario(
        "synthetic",
        {
            "audited_model.trained_on": trained_on, "audited_model.epochs": 1,
            "audited_model.input_size": 32, "audited_model.widths": [4, 8, 8, 16],
        },
    )  # fmt: skip
    model = open_model(scenario, small_faces)
    assert len(model.classes) == 8
    assert not set(model.classes) & set(small_faces.table["identity"])


def test_persons_of_the_audit_are_not_trained_on_unnoticed(small_faces):
    forgotten = {"kind": "synthetic", "persons": 4, "images": 2}  # no `first`: the same persons
    scenario = load_scenario("synthetic", {"audited_model.trained_on": forgotten})
    with pytest.raises(ValueError, match="4 persons who are in the audit as well"):
        open_model(scenario, small_faces)
