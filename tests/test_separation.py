"""Activation differences before any detector: which images are shown, what chance reaches."""

import numpy as np
import pandas as pd
import pytest
from test_scores import Planted, listed, planted_scenario

from mint_utils.evidence.metrics import auc
from mint_utils.separation import opposite_rows, separation_table

TABLE = pd.DataFrame(
    {
        "identity": ["a", "a", "b", "c", "x", "y", "z"],
        "role": ["member", "member", "member", "member", "external", "external", "external"],
    }
)


def test_two_persons_of_each_side_are_shown():
    assert opposite_rows(TABLE, np.ones(7, bool)) == [0, 2, 4, 5]


def test_only_images_whose_maps_are_kept_are_shown():
    mapped = np.array([False, True, False, True, False, True, True])
    assert opposite_rows(TABLE, mapped) == [1, 3, 5, 6]


def test_held_out_images_stand_in_where_there_are_no_members():
    table = TABLE.assign(role=TABLE["role"].replace("member", "held_out"))
    assert opposite_rows(table, np.ones(7, bool)) == [0, 2, 4, 5]


# Single channels


@pytest.fixture(scope="module")
def faces():
    return listed(planted_scenario())


def separated(faces, folder, **targets: Planted):
    stored = {name: planted.stored(folder, name) for name, planted in targets.items()}
    return separation_table(stored, faces).set_index(["target", "tap"])


def test_channels_that_part_the_sides_stand_clear_of_chance(faces, tmp_path):
    marked = Planted(faces, by=1.0)
    table = separated(faces, tmp_path, audited=marked, untrained_twin=Planted(faces, seed=1))
    assert table.index.tolist() == [
        (target, tap)
        for target in ("audited", "untrained_twin")
        for tap in ("stage1", "stage2", "outcome")
    ]
    audited, twin = table.loc["audited"], table.loc["untrained_twin"]
    assert (audited["separation"] > 0.2).all()
    assert (audited["separation"] > 2 * audited["by_chance"]).all()
    assert (twin["separation"] < 1.5 * twin["by_chance"]).all()
    assert (table["by_chance"] < 0.1).all()


def test_separation_is_the_mean_over_channels_of_the_distance_of_auc_from_a_half(faces, tmp_path):
    planted = Planted(faces, by=0.3)
    table = separated(faces, tmp_path, audited=planted)
    fit = (faces.table["split"] == "fit") & faces.table["role"].isin(["member", "external"])
    values = planted.vectors["plain/stage2"][fit]
    member = (faces.table["role"][fit] == "member").to_numpy()
    by_hand = np.mean([abs(auc(channel, member) - 0.5) for channel in values.T])
    assert table.loc[("audited", "stage2"), "separation"] == pytest.approx(by_hand, abs=1e-6)


def test_chance_moves_whole_persons(faces, tmp_path):
    """Photos of a person that are all the same are no more evidence than one of them."""
    single, repeated = Planted(faces), Planted(faces)
    codes = pd.factorize(faces.table["identity"])[0]
    for name, values in repeated.vectors.items():
        repeated.vectors[name] = values[np.unique(codes, return_index=True)[1]][codes]
    one = separated(faces, tmp_path / "single", audited=single)
    other = separated(faces, tmp_path / "repeated", audited=repeated)
    assert (other["by_chance"] > 1.5 * one["by_chance"]).all()


def test_no_test_image_decides_what_separates(faces, tmp_path):
    before = separated(faces, tmp_path / "before", audited=Planted(faces, by=1.0))
    outside = faces.table["split"] != "fit"
    absurd = Planted(faces, by=1.0).overwritten(outside | (faces.table["role"] == "held_out"))
    after = separated(faces, tmp_path / "after", audited=absurd)
    pd.testing.assert_frame_equal(after, before)


def test_only_targets_that_are_one_model_with_the_audits_roles_have_channels(faces, tmp_path):
    names = ["audited", "swapped_halves", "reference_twin.0", "pixels"]
    table = separated(faces, tmp_path, **{name: Planted(faces) for name in names})
    assert set(table.index.get_level_values("target")) == {"audited", "pixels"}
    assert set(table.loc["pixels"].index) == {"image", "outcome"}


def test_where_nothing_is_fitted_held_out_images_are_looked_at_in_test(tmp_path):
    nothing = {"detectors__methods": [], "rivals": ["embedding_norm"]}
    scenario = planted_scenario(splits={"fit": 0, "calibrate": 0, "test": 1}, **nothing)
    faces = listed(scenario)
    faces = faces.where(faces.table["role"] != "member")
    held_out = faces.table["role"] == "held_out"
    table = separated(faces, tmp_path, audited=Planted(faces, by=1.0, marked=held_out))
    assert (table["separation"] > 0.2).all()
