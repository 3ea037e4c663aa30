"""From one model to another: shuffled channels carry nothing over until they are matched."""

import numpy as np
import pandas as pd
import pytest
from test_scores import TAPS, Planted, listed, planted_scenario

from mint_utils.cross_model import COLUMNS, cross_model, roles_by_model
from mint_utils.relabelled import swapped

NETS = {"stage1": 4, "stage2": 6, "outcome": 8}
PAIR = ["audited", "swapped_halves"]


def scenario_of(**more):
    return planted_scenario(
        **{"detectors__methods": ["vanilla"], "detectors__seeds": 1, "rivals": []} | more
    )


def network(faces, roles: pd.DataFrame, by: float, seed: int) -> Planted:
    """What every network makes of the pictures, its own channels shuffled; its members stand out
    in what was the first channel, by ``by``.
    """
    planted = Planted(faces, seed=seed)
    seen, own = np.random.default_rng(0), np.random.default_rng(100 + seed)
    member = (roles["role"] == "member").to_numpy()
    for name, width in NETS.items():
        values = seen.normal(size=(len(faces), width)) + 0.2 * own.normal(size=(len(faces), width))
        values[:, 0] += by * member
        # Turned by one channel, so that none is where it was.
        shuffled = np.roll(values, seed, axis=1) * own.uniform(0.5, 5, width)
        planted.vectors[f"plain/{name}"] = shuffled.astype(np.float32)
    return planted


def carried(folder, by: float = 4.0, scenario=None, roles=swapped) -> pd.DataFrame:
    """The table of two networks, the second trained on the other half (``roles`` of the faces)."""
    scenario = scenario or scenario_of()
    faces = listed(scenario)
    other = roles(faces.table)
    stored = {
        "audited": network(faces, faces.table, by, seed=0),
        "swapped_halves": network(faces, other, by, seed=1),
        "untrained_twin": network(faces, faces.table, 0.0, seed=2),
        "pixels": Planted(faces, seed=3),
    }
    targets = {name: planted.stored(folder, name) for name, planted in stored.items()}
    return cross_model(targets, faces, scenario)


def of(table: pd.DataFrame, first: str, second: str, **more) -> pd.DataFrame:
    more |= {"fitted_on": first, "tested_on": second}
    return table[np.logical_and.reduce([table[key] == value for key, value in more.items()])]


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return carried(tmp_path_factory.mktemp("models"))


def test_columns_and_pairs(table):
    assert list(table) == COLUMNS
    by_itself = [[name, name] for name in PAIR]
    pairs = table[["fitted_on", "tested_on"]].drop_duplicates().to_numpy().tolist()
    assert pairs == [*by_itself, PAIR, PAIR[::-1]]
    assert (table["note"] == "").all()
    assert ((table["low"] <= table["auc"]) & (table["auc"] <= table["high"])).all()
    channels = table.groupby("aad")["channels"].agg(set)
    for aad in (*TAPS, "outcome", "combination"):
        assert channels[aad] == {"own", "unmatched", "matched"}
    assert channels["head"] == {"own", "none"}


def test_each_model_tells_its_own_members(table):
    for name in PAIR:
        own = of(table, name, name, network=name)
        assert (own.loc[own["aad"] != "head", "auc"] > 0.9).all()
        assert (of(table, name, name, network="pixels")["auc"] < 0.7).all()


@pytest.mark.parametrize("pair", [PAIR, PAIR[::-1]])
def test_matched_channels_carry_over_and_unmatched_ones_do_not(table, pair):
    taps = [*TAPS, "outcome"]
    some = of(table, *pair)
    as_they_come = some[(some["channels"] == "unmatched") & some["aad"].isin(taps)]
    found_again = some[(some["channels"] == "matched") & some["aad"].isin([*taps, "combination"])]
    assert (found_again["auc"] > 0.9).all()
    assert (found_again["low"] > 0.7).all()
    assert (found_again["agreement"] > 0.8).all()
    assert (abs(as_they_come["auc"] - 0.5) < 0.3).all()
    assert (as_they_come["agreement"] < 0.3).all()


def test_controls_exchange_roles_and_nothing_else(table):
    for control in ("untrained_twin", "pixels"):
        rows = of(table, *PAIR, network=control)
        assert len(rows)
        assert (abs(rows["auc"] - 0.5) < 0.2).all()


def test_a_difference_between_the_halves_turns_round_instead_of_carrying_over(tmp_path):
    """What the pictures show of the first half, both networks show: by the other's roles it is
    on the wrong side, in the models and in the twin alike.
    """
    table = carried(tmp_path, roles=lambda table: table)  # the second knows the first's members
    rows = of(table, *PAIR, channels="matched")
    assert (rows["auc"] < 0.2).all()


def test_without_membership_nothing_carries_over(tmp_path):
    table = carried(tmp_path, by=0.0)
    assert (abs(table["auc"] - 0.5) < 0.25).all()


def test_without_images_that_neither_model_saw_channels_are_not_matched(tmp_path):
    """Every image is trained on by one of two halves, unless some are held out."""
    table = carried(tmp_path, scenario=scenario_of(roles__held_out_images=0, detectors__epochs=2))
    across = of(table, *PAIR, network="swapped_halves")
    refused = across[across["channels"].isin(["matched", "unmatched"])]
    assert len(refused) and refused["note"].str.contains("raise roles.held_out_images").all()
    assert (across.loc[across["channels"] == "none", "note"] == "").all()
    assert of(table, "audited", "audited")["auc"].notna().all()


def test_taps_that_do_not_fit_are_noted_and_the_others_go_on(tmp_path):
    scenario = scenario_of(detectors__epochs=2)
    faces = listed(scenario)
    wide = network(faces, swapped(faces.table), 4.0, seed=1)
    values = wide.vectors["plain/stage2"]
    wide.vectors["plain/stage2"] = np.concatenate([values, values], axis=1)
    targets = {
        "audited": network(faces, faces.table, 4.0, seed=0).stored(tmp_path),
        "swapped_halves": wide.stored(tmp_path, "swapped_halves"),
    }
    rows = of(cross_model(targets, faces, scenario), *PAIR).set_index("aad")
    for aad in ("stage2", "combination"):
        assert rows.loc[aad, "note"].str.match(r"tap stage2: .*\(\d+, 12\).*\(\d+, 6\)").all()
        assert rows.loc[aad, "auc"].isna().all()
    assert (rows.loc[["stage1", "outcome"], "note"] == "").all()


def test_every_trained_model_has_roles_of_its_own():
    scenario = scenario_of(references={"kind": "halves", "pairs": 1})
    faces = listed(scenario)
    names = ["audited", "untrained_twin", "swapped_halves", "reference_twin.0", "reference_twin.1"]
    roles = roles_by_model(dict.fromkeys(names), faces, scenario)
    assert list(roles) == [name for name in names if name != "untrained_twin"]
    member = {name: set(t.loc[t["role"] == "member", "image_id"]) for name, t in roles.items()}
    assert not member["audited"] & member["swapped_halves"]
    assert not member["reference_twin.0"] & member["reference_twin.1"]
    assert member["audited"] & member["reference_twin.0"] < member["audited"]
    for table in roles.values():  # persons are in one split, whichever model is asked
        assert (table["split"] == faces.table["split"]).all()


def test_of_one_model_there_is_nothing_to_tell(tmp_path):
    scenario = scenario_of()
    faces = listed(scenario)
    targets = {"audited": Planted(faces).stored(tmp_path)}
    empty = cross_model(targets, faces, scenario)
    assert empty.empty and list(empty) == COLUMNS
    elsewhere = scenario_of(audited_model__trained_on={"kind": "synthetic", "first": 900})
    assert roles_by_model(targets, faces, elsewhere) == {}
