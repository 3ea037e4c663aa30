"""One source of externals left out: a stranger who looks different must not be called a member."""

import numpy as np
import pandas as pd
import pytest
from test_scores import TAPS, Planted, listed

from mint_utils.scenario_file import load_scenario
from mint_utils.source_out import COLUMNS, NOMINAL, source_out

KEYS = ["target", "method", "aad"]


def scenario_of(sources: dict[str, tuple[str, int]], **more):
    """Sources {group: (role, persons)} with 4 photos each; splits as many persons need."""
    faces = [
        {"kind": "synthetic", "group": group, "role": role, "persons": persons, "images": 4}
        for group, (role, persons) in sources.items()
    ]
    settings = {
        "assignment": "observed", "faces": faces, "audited_model.taps": TAPS,
        "detectors.methods": ["vanilla"], "detectors.epochs": 30, "rivals": [],
        "splits": {"fit": 0.3, "calibrate": 0.4, "test": 0.3},
    }  # fmt: skip
    return load_scenario("synthetic", settings | {k.replace("__", "."): v for k, v in more.items()})


TWO = {"members": ("member", 60), "here": ("external", 60), "there": ("external", 60)}


def left_out(scenario, folder, looks=()) -> pd.DataFrame:
    """The table where the persons of some sources stand out, on a model and as pictures."""
    faces = listed(scenario)
    stands_out = faces.table["source"].isin(looks)
    targets = {
        name: Planted(faces, 1.5, seed, stands_out).stored(folder, name)
        for seed, name in enumerate(("audited", "untrained_twin", "pixels"))
    }
    return source_out(targets, faces, scenario)


def test_a_source_that_looks_different_is_accused_when_it_was_not_fitted_on(tmp_path):
    table = left_out(scenario_of(TWO), tmp_path, looks=["here"])
    assert list(table) == COLUMNS
    assert (table["nominal_fpr"] == NOMINAL).all()
    assert ((table["low"] <= table["fpr"]) & (table["fpr"] <= table["high"])).all()
    assert (table["persons"] == 60).all()  # whatever split they are in
    assert (table["images"] == 240).all()
    assert (table["note"] == "").all()
    # A detector that learned to tell members from `here` takes `there` for members.
    there = table[table["source"] == "there"]
    assert set(there["target"]) == {"audited", "pixels"}
    assert (there["fpr"] > 0.8).all()
    assert (there["low"] > 0.7).all()


def test_a_source_that_looks_like_the_other_is_hardly_accused(tmp_path):
    table = left_out(scenario_of(TWO), tmp_path, looks=["here", "there"])
    assert (table["fpr"] < 2 * NOMINAL).all()


def test_where_members_and_both_sources_look_alike_the_nominal_rate_holds(tmp_path):
    table = left_out(scenario_of(TWO, detectors__epochs=5), tmp_path)
    assert (table["fpr"] < 3 * NOMINAL).all()


def test_one_method_a_target_is_asked_and_no_control_that_is_trained(tmp_path):
    table = left_out(scenario_of(TWO, detectors__epochs=1), tmp_path)
    assert table[["source", *KEYS]].to_numpy().tolist() == [
        [source, *key]
        for source in ("here", "there")
        for key in (("audited", "vanilla", "combination"), ("pixels", "vanilla", "pixels"))
    ]


def test_cnn_mint_is_asked_as_well(tmp_path):
    methods = ["vanilla", "cnn", "calibrated"]
    scenario = scenario_of(TWO, detectors__epochs=1, detectors__methods=methods)
    asked = left_out(scenario, tmp_path)[KEYS].drop_duplicates()
    assert sorted(asked.to_numpy().tolist()) == [
        ["audited", "cnn", "combination"],
        ["audited", "vanilla", "combination"],
        ["pixels", "vanilla", "pixels"],
    ]


def test_leaving_a_source_out_changes_nothing_and_says_the_same_again(tmp_path):
    scenario = scenario_of(TWO, detectors__epochs=2)
    faces = listed(scenario)
    before = faces.table.copy()
    targets = {"audited": Planted(faces).stored(tmp_path)}
    there = sorted(tmp_path.rglob("*"))
    first, again = (source_out(targets, faces, scenario) for _ in range(2))
    pd.testing.assert_frame_equal(first, again)
    pd.testing.assert_frame_equal(faces.table, before)
    assert sorted(tmp_path.rglob("*")) == there  # no detector is kept


def test_sources_whose_persons_chance_divided_are_left_out_by_their_externals(tmp_path):
    """Random roles over two sources: the members of a source stay in the fitting."""
    scenario = load_scenario(
        "synthetic",
        {
            "faces": [
                {"kind": "synthetic", "group": group, "persons": 110, "images": 3}
                for group in ("here", "there")
            ],
            "audited_model.taps": TAPS, "detectors.methods": ["vanilla"], "detectors.epochs": 2,
            "splits": {"fit": 0.3, "calibrate": 0.4, "test": 0.3},
        },
    )  # fmt: skip
    faces = listed(scenario)
    table = source_out({"audited": Planted(faces).stored(tmp_path)}, faces, scenario)
    external = faces.table[faces.table["role"] == "external"]
    by_source = external.groupby("source")["identity"].nunique()
    assert table.set_index("source")["persons"].to_dict() == by_source.to_dict()
    assert (table["fpr"] < 3 * NOMINAL).all()


@pytest.mark.parametrize(
    "settings",
    [
        {"sources": {"members": ("member", 30), "here": ("external", 30)}},
        {"detectors__methods": [], "rivals": ["embedding_norm"]},
        {"detectors__methods": ["calibrated"], "rivals": ["embedding_norm"]},
    ],
    ids=["one source of externals", "nothing is fitted", "nothing that is asked here"],
)
def test_with_nothing_to_leave_out_the_table_is_empty(tmp_path, settings):
    scenario = scenario_of(**{"sources": TWO} | settings)
    table = left_out(scenario, tmp_path)
    assert table.empty
    assert list(table) == COLUMNS


def test_too_few_calibrate_externals_are_noted(tmp_path):
    few = {"members": ("member", 40), "here": ("external", 60), "there": ("external", 30)}
    table = left_out(scenario_of(few, detectors__epochs=1), tmp_path).set_index("source")
    assert list(table.columns) == COLUMNS[1:]
    here = table.loc["here"]  # without it a dozen are left
    assert here["note"].str.match(r"1?\d calibrate externals are left: too few for 5 %").all()
    assert here[["fpr", "low", "high", "nominal_fpr"]].isna().all(axis=None)
    assert (here["persons"] == 60).all()
    assert table.loc["there", "fpr"].notna().all()
    assert (table.loc["there", "note"] == "").all()


def test_too_few_persons_to_fit_on_are_noted(tmp_path):
    few = {"members": ("member", 40), "here": ("external", 80), "there": ("external", 1)}
    table = left_out(scenario_of(few, detectors__epochs=1), tmp_path).set_index("source")
    assert table.loc["here", "note"].str.contains("one side only").all()
    assert table.loc["here", "fpr"].isna().all()
    assert (table.loc["there", "note"] == "").all()
    assert np.isfinite(table.loc["there", "fpr"].to_numpy(float)).all()
