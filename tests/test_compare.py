"""Reports side by side: every number with its control's interval, and the way to its report."""

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest

from mint_utils import locations
from mint_utils.comparing import compare
from mint_utils.comparing.control_intervals import rungs_of
from mint_utils.comparing.linked import linked_heat_map, linked_table, report_address
from mint_utils.figures.compare import rungs_heat_map
from mint_utils.figures.heat import MARKS, columns_of

CONTRAST = "member_vs_external"


def test_the_control_of_a_rung_has_the_interval_of_its_metrics(tiny_report):
    rungs = rungs_of(tiny_report)
    fitted = rungs[~rungs["best_control"].str.contains("reversed")]
    assert fitted["control_low"].notna().all()
    assert (rungs["control_low"] <= rungs["control_auc"] + 1e-9).all()
    assert (rungs["control_auc"] <= rungs["control_high"] + 1e-9).all()


def test_a_control_that_was_turned_round_has_its_interval_turned_round(tmp_path):
    (tmp_path / "tables").mkdir()
    about = {"unit_kind": "image", "k": 1, "contrast": CONTRAST}
    rung = about | {"best_control": "pixels: embedding_norm on pixels (reversed)"}
    metric = about | {"target": "pixels", "method": "embedding_norm", "aad": "pixels"}
    metric |= {"metric": "auc", "seed": "all", "low": 0.2, "high": 0.4}
    lost = rung | {"best_control": "pixels: something else on pixels"}
    pd.DataFrame([rung, lost]).to_csv(tmp_path / "tables" / "rungs.csv")
    pd.DataFrame([metric]).to_csv(tmp_path / "tables" / "metrics.csv")
    first, second = rungs_of(tmp_path)[["control_low", "control_high"]].to_numpy()
    np.testing.assert_allclose(first, [0.6, 0.8])
    assert np.isnan(second).all()


@pytest.fixture
def rungs(beside_tiny):
    return compare.all_rungs()


def test_every_cell_of_the_heat_map_leads_to_its_report(rungs):
    some = rungs[(rungs["contrast"] == CONTRAST) & rungs["k"].isin([1, 4])]
    page = linked_heat_map(some, CONTRAST).data
    addresses = re.findall(r'href="([^"]+)"', page)
    assert len(addresses) == len(some) + 1  # one a rung, and the scenario's name
    for address in addresses:
        assert (locations.reports() / "_compare" / address).resolve().is_file()
    for _, rung in some.iterrows():
        assert f"<b>{rung['auc']:.2f}</b>" in page
        assert f"{rung['low']:.2f}–{rung['high']:.2f}" in page
        assert f"{rung['control_low']:.2f}–{rung['control_high']:.2f}" in page


def test_the_same_numbers_are_in_the_figure(rungs):
    some = rungs[rungs["k"] == 1]
    axes = rungs_heat_map(some, CONTRAST)
    told = {text.get_text() for text in axes.texts}
    for _, rung in some[some["contrast"] == CONTRAST].iterrows():
        assert f"{rung['auc']:.2f}" in told
        assert f"{MARKS[rung['verdict']]} control {rung['control_auc']:.2f}" in told
    assert len(axes.get_xticks()) == len(columns_of(some[some["contrast"] == CONTRAST]))


def test_names_are_escaped_and_addresses_quoted():
    hostile = "<script>alert('x')</script> & more"
    page = linked_table(pd.DataFrame({"scenario": [hostile]}), [report_address(hostile)]).data
    assert "<script>" not in page
    assert "&lt;script&gt;" in page and "../%3Cscript%3E" in page


def test_long_tables_are_folded_and_empty_ones_say_so():
    table = pd.DataFrame({"scenario": ["one"] * 20, "auc": [0.123456, np.nan] * 10})
    page = linked_table(table, ["../one/index.html"] * 20).data
    assert "20 rows</summary>" in page and "0.123<" in page and "nan" not in page
    assert "<details>" not in linked_table(table[:3], ["../one/index.html"] * 3).data
    assert "No report has any" in linked_table(table[:0], []).data


def test_a_curve_goes_through_one_kind_of_audits():
    """The base of a grid and its variants need not ask the same, and values can be anything."""
    about = {"contrast": CONTRAST, "k": 1, "value": ""}
    rows = [
        about | {"factor": ""}, about | {"factor": "", "k": 4},
        about | {"factor": "variant", "value": "by chance", "contrast": "member_vs_held_out"},
        about | {"factor": "a.widths", "value": [8, 16]}, about | {"factor": "a.crop", "value": 1},
        about | {"factor": "a.dropout", "value": 1},
    ]  # fmt: skip
    rungs = pd.DataFrame(rows)
    names = [name for name, part in compare.by_change(rungs, CONTRAST) if len(part) == 1]
    assert names == ["", "widths: [8, 16]", "crop: 1", "dropout: 1"]
    assert [name for name, _ in compare.by_change(rungs, "member_vs_held_out")] == ["by chance"]


def test_what_was_crossed_is_drawn_from_every_report_that_has_it(tiny_report, isolated):
    shutil.copytree(tiny_report, locations.reports() / tiny_report.name)
    assert "No report has any" in compare.keep_crossed("cross_source").data
    report = locations.reports() / "two_sources"
    (report / "tables").mkdir(parents=True)
    (report / "verdict.json").write_text(json.dumps({}))
    pairs = [(a, b) for a in ("here", "there") for b in ("here", "there")]
    about = {"method": "vanilla", "aad": "stage1", "access": "activations", "low": 0.4, "high": 0.9}
    about |= {"best_control": "pixels: vanilla on pixels", "control_auc": 0.6}
    crossed = [
        about | {"fitted_on": a, "tested_on": b, "target": target, "auc": 0.7}
        for a, b in pairs
        for target in ("audited", "untrained_twin")
    ]
    pd.DataFrame(crossed).to_csv(report / "tables" / "cross_source.csv", index=False)
    page = compare.keep_crossed("cross_source").data
    assert page.count('href="../two_sources/index.html"') == len(crossed)
    made = {file.name for file in (locations.reports() / "_compare").rglob("*.*")}
    assert {"cross_source.csv", "cross_source_two_sources.png"} <= made
