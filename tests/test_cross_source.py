"""From one source of externals to another: membership carries over, a style does not."""

import numpy as np
import pandas as pd
import pytest
from test_scores import Planted, listed
from test_source_out import scenario_of

from mint_utils.cross_source import (
    FEWEST,
    MOST,
    choices,
    external_sources,
    fit_by_sources,
    fitted_roles,
)
from mint_utils.evidence.by_source import CURVE, MATRIX, source_curve, source_matrix
from mint_utils.relabelled import shuffled_over_persons

THREE = {
    "members": ("member", 60),
    "here": ("external", 50),
    "there": ("external", 50),
    "far": ("external", 50),
}
SPLITS = {"splits": {"fit": 0.5, "calibrate": 0.1, "test": 0.4}}
HOW = {"resamples": 400, "seed": 0}


def crossed(folder, marked, by: float = 2.0, targets=("audited", "pixels"), relabelled=None):
    """The fits where ``marked`` images (of a table) stand out on each of ``targets``."""
    scenario = scenario_of(THREE, detectors__epochs=15, **SPLITS)
    faces = listed(scenario)
    planted = {
        name: Planted(faces, by if name in targets else 0.0, seed, marked(faces.table))
        for seed, name in enumerate(("audited", "untrained_twin", "pixels"))
    }
    if relabelled:
        faces = type(faces)(relabelled(faces.table), faces.sources)
    stored = {name: one.stored(folder, name) for name, one in planted.items()}
    return fit_by_sources(stored, faces, scenario)


def is_member(table):
    return table["role"] == "member"


def is_here(table):
    return table["source"] == "here"


@pytest.fixture(scope="module")
def membership(tmp_path_factory):
    return crossed(tmp_path_factory.mktemp("membership"), is_member, targets=("audited",))


@pytest.fixture(scope="module")
def style(tmp_path_factory):
    return crossed(tmp_path_factory.mktemp("style"), is_here)


def of(table: pd.DataFrame, access: str = "activations", **wanted) -> pd.DataFrame:
    wanted |= {"access": access} if access else {}
    return table[np.logical_and.reduce([table[key] == value for key, value in wanted.items()])]


def test_membership_carries_over_from_every_source_to_every_other(membership):
    table = source_matrix(membership, **HOW)
    assert list(table) == MATRIX
    audited = of(table, target="audited")
    assert len(audited) == 9  # three by three, for one method at one level of access
    assert (audited["auc"] > 0.9).all()
    assert (audited["gain_low"] > 0).all()
    assert (abs(table.loc[table["target"] != "audited", "auc"] - 0.5) < 0.25).all()
    assert (audited["n_positive_ids"] == 24).all()


def test_a_style_is_found_on_the_diagonal_and_turns_nobody_else_into_an_external(style):
    table = source_matrix(style, **HOW)
    audited = of(table, target="audited").set_index(["fitted_on", "tested_on"])
    blind = of(table, target="pixels", access="none").set_index(["fitted_on", "tested_on"])
    for cells in (audited["auc"], blind["auc"]):
        assert cells["here", "here"] > 0.9
        assert abs(cells["here", "there"] - 0.5) < 0.2
        assert abs(cells["there", "there"] - 0.5) < 0.2
    assert (audited["gain_low"] < 0.05).all()  # a control does as well everywhere
    assert audited.loc[("here", "here"), "best_control"].startswith("pixels")


def test_more_sources_do_not_help_whom_one_was_enough_for(membership):
    table = source_curve(membership, **HOW)
    assert list(table) == CURVE
    audited = of(table, target="audited").set_index(["sources", "tested"])
    assert (audited["auc"] > 0.9).all()
    assert audited["pairs"].to_dict() == {
        (1, "seen"): 3, (1, "unseen"): 6, (2, "seen"): 6, (2, "unseen"): 3
    }  # fmt: skip
    assert ((audited["low"] <= audited["auc"]) & (audited["auc"] <= audited["high"])).all()


def test_what_was_learned_of_a_style_is_worth_less_on_unseen_sources(style):
    table = of(source_curve(style, **HOW), target="audited").set_index(["sources", "tested"])
    assert table.loc[(1, "seen"), "auc"] > table.loc[(1, "unseen"), "auc"] + 0.1


def test_with_roles_shuffled_over_persons_nothing_is_found(tmp_path):
    """Labels that chance gave, on activations that show true membership."""
    fits = crossed(
        tmp_path, is_member, targets=("audited",), relabelled=lambda t: shuffled_over_persons(t, 1)
    )
    audited = of(source_matrix(fits, **HOW), target="audited")
    assert abs(audited["auc"].mean() - 0.5) < 0.1


def test_equally_many_images_are_fitted_whatever_the_number_of_sources():
    scenario = scenario_of(THREE | {"far": ("external", 80)}, **SPLITS)
    table = listed(scenario).table
    sources = external_sources(table)
    in_fit = (table["split"] == "fit") & (table["role"] == "external")
    least = table[in_fit]["source"].value_counts().min()
    members = (table["role"] == "member") & (table["split"] == "fit")
    for some in choices(sources, 0):
        roles = fitted_roles(table, sources, some, 0)
        fitted = roles[(roles["split"] == "fit") & (roles["role"] == "external")]
        assert set(fitted["source"]) == set(some)
        assert abs(len(fitted) - least) <= 4 * len(some)  # at most one person more of each
        assert (roles["split"] == "fit")[members].all()
        # Test and calibrate are what they were, and no person is on two sides.
        assert (roles["split"] == table["split"])[~in_fit].all()
        assert (roles.groupby("identity")["split"].nunique() == 1).all()


def test_choices_leave_a_source_unseen_and_are_not_too_many():
    assert choices(["a", "b", "c"], 0) == [
        ("a",),
        ("b",),
        ("c",),
        ("a", "b"),
        ("a", "c"),
        ("b", "c"),
    ]
    many = choices([f"s{i}" for i in range(9)], 0)
    sizes = pd.Series([len(some) for some in many]).value_counts()
    assert sizes.max() == MOST and sizes.index.max() == 8
    assert many == choices([f"s{i}" for i in range(9)], 0)


def test_sources_of_few_persons_take_no_part(tmp_path):
    scenario = scenario_of(THREE | {"far": ("external", 12)}, **SPLITS)
    assert external_sources(listed(scenario).table) == ["here", "there"]
    assert FEWEST["fit"] > 12 * 0.5
    alone = scenario_of({"members": ("member", 30), "here": ("external", 30)}, **SPLITS)
    faces = listed(alone)
    fits = fit_by_sources({"audited": Planted(faces).stored(tmp_path)}, faces, alone)
    assert not fits.found
    assert source_matrix(fits, **HOW).empty and list(source_matrix(fits, **HOW)) == MATRIX
    assert source_curve(fits, **HOW).empty and list(source_curve(fits, **HOW)) == CURVE


def test_two_sources_have_a_matrix_and_no_curve(tmp_path):
    two = {key: THREE[key] for key in ("members", "here", "there")}
    scenario = scenario_of(two, detectors__epochs=2, **SPLITS)
    faces = listed(scenario)
    fits = fit_by_sources({"audited": Planted(faces).stored(tmp_path)}, faces, scenario)
    assert len(of(source_matrix(fits, **HOW), target="audited")) == 4
    assert source_curve(fits, **HOW).empty
