"""Grids: every cell is an audit, what is done stays done, what failed is named."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import yaml

from mint_utils import locations
from mint_utils.comparing.grid_tables import (
    curve_axes,
    finished_grids,
    grid_cells,
    grid_rungs,
    read_grid,
)
from mint_utils.figures.grid import rungs_by_axis, rungs_by_factor, rungs_by_gap
from mint_utils.grid import (
    cells,
    folder_of,
    grid_names,
    is_done,
    load_grid,
    run_cell,
    run_grid,
)
from mint_utils.scenario_file import ScenarioError, load_scenario
from mint_utils.study import run_compare

SMALL = {
    "faces.0.persons": 40, "faces.0.images": 8, "audited_model.widths": [8, 16, 32, 64],
    "audited_model.epochs": 2, "detectors": {"methods": [], "seeds": 1}, "resamples": 400,
    "rivals": ["embedding_norm", "head_max", "head_named"], "controls": ["pixels"], "albums": [],
    "tiny": {},
}  # fmt: skip


def written(folder, **content):
    file = folder / "small.yml"
    content = {"question": "What?", "base": "synthetic", "overrides": SMALL} | content
    file.write_text(yaml.safe_dump(content))
    return str(file)


# Files


@pytest.mark.parametrize("name", grid_names())
def test_grids_that_come_with_the_study_are_valid_and_have_a_small_size(name):
    assert cells(load_grid(name))
    assert len(cells(load_grid(name, tiny=True))) <= 4


def test_axes_are_combined_and_factors_changed_one_at_a_time(tmp_path):
    grid = load_grid(
        written(
            tmp_path,
            factors={"audited_model.epochs": [1, 3], "audited_model.loss": ["arcface"]},
            axes={"seed": [0, 1]},
        )
    )
    assert [cell.name for cell in cells(grid)] == [
        "seed-0", "seed-1", "epochs-1.seed-0", "epochs-1.seed-1", "epochs-3.seed-0",
        "epochs-3.seed-1", "loss-arcface.seed-0", "loss-arcface.seed-1",
    ]  # fmt: skip
    last = cells(grid)[-1]
    assert last.values == {"audited_model.loss": "arcface", "seed": 1}
    scenario = load_scenario(grid.base, last.overrides)
    assert (scenario.audited_model.loss, scenario.seed, scenario.audited_model.epochs) == (
        "arcface", 1, 2,
    )  # fmt: skip
    both = load_grid(written(tmp_path, axes={"seed": [0, 1], "audited_model.crop": [0.0, 0.1]}))
    assert len(cells(both)) == 4


def test_a_variant_changes_several_keys_and_goes_by_its_name(tmp_path):
    early = {"audited_model.epochs": 1, "audited_model.loss": "softmax"}
    grid = load_grid(written(tmp_path, variants={"short, soft": early}, axes={"seed": [0, 1]}))
    assert [cell.name for cell in cells(grid)] == [
        "seed-0", "seed-1", "variant-short__soft.seed-0", "variant-short__soft.seed-1",
    ]  # fmt: skip
    last = cells(grid)[-1]
    assert last.values == {"variant": "short, soft", "seed": 1}
    scenario = load_scenario(grid.base, last.overrides)
    model = scenario.audited_model
    assert (model.epochs, model.loss, scenario.seed) == (1, "softmax", 1)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"variants": {"odd": {"audited_model.epoch": 1}}}, "epoch"),
        ({"axis": {"seed": [0]}}, "did you mean 'axes'"),
        ({"axes": {"seed": []}}, "seed has no values"),
        ({"axes": {"seed": [1]}, "factors": {"seed": [2]}}, "under factors or axes, not both"),
        ({"axes": {"seed": [1, 1]}}, "two cells are called seed-1"),
        ({"axes": {"audited_model.loss": ["triplet"]}}, "audited_model.loss.*triplet"),
        ({"axes": {"audited_model.epoch": [1]}}, "epoch"),
        ({"base": "sinthetic", "axes": {"seed": [1]}}, "did you mean 'synthetic'"),
    ],
)
def test_what_cannot_be_run_is_refused_before_anything_is(tmp_path, content, said):
    with pytest.raises(ScenarioError, match=said):
        load_grid(written(tmp_path, **content))


def test_unknown_grids_and_missing_small_sizes_are_named(tmp_path):
    with pytest.raises(ScenarioError, match="did you mean 'factors'"):
        load_grid("factor")
    with pytest.raises(ScenarioError, match="no `tiny` block"):
        load_grid(written(tmp_path, axes={"seed": [0]}), tiny=True)


# Runs


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A grid of two audits and one that fails: its second notebook knows no such tap."""
    folder = tmp_path_factory.mktemp("grid")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINT_CACHE", str(folder / "cache"))
        patch.setenv("MINT_REPORTS", str(folder / "reports"))
        taps = [["stage9"]]
        grid = load_grid(
            written(
                folder, factors={"audited_model.epochs": [6], "audited_model.taps": taps},
                axes={"seed": [0]},
            )
        )  # fmt: skip
        yield grid, run_grid(grid)


def test_every_cell_has_a_report_and_what_failed_is_named_with_its_error(finished):
    grid, failed = finished
    (name,) = failed
    assert name.startswith("taps")
    assert "stage9" in failed[name] and str(folder_of(grid) / "logs") in failed[name]
    done = [cell for cell in cells(grid) if is_done(grid, cell)]
    assert [cell.name for cell in done] == ["seed-0", "epochs-6.seed-0"]


def test_a_grid_that_is_done_runs_nothing_and_tries_what_failed_again(finished, monkeypatch):
    grid, failed = finished
    ran = []

    def pretended(base, cell, folder):
        ran.append(cell.name)
        return cell, "failed again"

    monkeypatch.setattr("mint_utils.grid.run_cell", pretended)
    assert list(run_grid(grid)) == ran == list(failed)


def test_another_scenario_or_other_code_is_not_done(finished, monkeypatch):
    grid, _ = finished
    cell = cells(grid)[0]
    changed = grid.model_copy(update={"overrides": grid.overrides | {"audited_model.epochs": 3}})
    assert is_done(grid, cell) and not is_done(changed, cells(changed)[0])
    monkeypatch.setattr("mint_utils.grid.code_digest", lambda: "other")
    assert not is_done(grid, cell)


def test_tables_say_what_was_changed_and_what_came_of_it(finished):
    grid, _ = finished
    assert finished_grids() == [grid.name]
    assert read_grid(grid.name) == grid
    table = grid_cells(grid)
    assert table["factor"].tolist() == ["", "audited_model.epochs"]
    assert table["value"].tolist() == ["", 6]
    assert table["recognition"].between(0.4, 1).all()
    assert table["gap"].iloc[1] > table["gap"].iloc[0]  # longer training fits its images closer
    rungs = grid_rungs(grid)
    one = rungs[(rungs["cell"] == "seed-0") & (rungs["access"] == "head_blind")]
    file = folder_of(grid) / "seed-0" / "tables" / "rungs.csv"
    assert f"{one['auc'].iloc[0]:.6f}" in file.read_text() or np.isfinite(one["auc"]).all()


def test_figures_have_a_point_an_audit(finished):
    rungs = grid_rungs(finished[0])
    axes = rungs_by_factor(rungs, "member_vs_external")
    assert [t.get_text() for t in axes.get_yticklabels()] == ["as in the base", "epochs: 6"]
    gap = rungs_by_gap(rungs, "member_vs_external")
    assert gap.get_ylim()[1] > 1


def test_a_numeric_axis_makes_a_curve_with_its_controls(finished):
    rungs = grid_rungs(finished[0])
    rungs["samples"] = np.where(rungs["factor"] == "", 200, 2000)
    axes = rungs_by_axis(rungs, "samples", "member_vs_external")
    panels = axes.get_figure(root=True).axes
    single = rungs[(rungs["contrast"] == "member_vs_external") & (rungs["k"] == 1)]
    assert len(panels) == single["access"].nunique()
    assert [t.get_text() for t in axes.get_xticklabels()] == ["200", "2,000"]
    told = {round(y, 6) for ax in panels for c in ax.containers for y in c.lines[0].get_ydata()}
    assert told == set(single["auc"].round(6)) | set(single["control_auc"].round(6))


def test_seeds_and_words_make_no_curve(finished):
    grid, table = finished[0], grid_cells(finished[0])
    assert curve_axes(grid, table) == []
    along = grid.model_copy(update={"axes": {"seed": (0, 1), "detectors.samples": (200, 400)}})
    table = pd.DataFrame({"seed": [0, 1], "detectors.samples": [200, 400]})
    assert curve_axes(along, table) == ["detectors.samples"]


def test_notebooks_07_and_08_draw_a_grid(finished):
    grid, _ = finished
    factors = locations.reports() / "_grids" / "factors"
    shutil.copytree(folder_of(grid), factors)
    said = grid.model_copy(update={"name": "factors"})
    (factors / "grid.json").write_text(said.model_dump_json())
    shutil.copytree(factors / "seed-0", locations.reports() / "synthetic")
    pages = run_compare(cell_seconds=300)
    assert [page.stem for page in pages] == ["07_compare", "08_when_is_membership_visible"]
    made = {file.name for file in (locations.reports() / "_compare").rglob("*")}
    assert {
        "factors_cells.csv", "factors_changes.csv", "factors_images.png",
        "factors_images_by_gap.png", "small_member_vs_external.png",
    } <= made  # fmt: skip
    shutil.rmtree(factors)


def test_a_killed_grid_goes_on_where_it_was(finished, tmp_path, monkeypatch):
    grid, _ = finished
    report = folder_of(grid) / "epochs-6.seed-0"
    kept = json.loads((report.with_name("seed-0") / "manifest.json").read_text())["created"]
    shutil.rmtree(report)
    file = written(tmp_path, factors={"audited_model.epochs": [6]}, axes={"seed": [0]})
    process = subprocess.Popen(
        [sys.executable, "-m", "mint_utils.cli", "grid", file],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    time.sleep(3)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    again = load_grid(file)
    assert run_grid(again) == {}  # waits for the audit that the dead grid left behind
    assert report.is_dir()
    assert json.loads((report.with_name("seed-0") / "manifest.json").read_text())["created"] == kept


def test_the_last_words_of_a_cell_are_its_error(isolated):
    grid = load_grid(written(isolated, axes={"seed": [0]}))
    (cell,) = cells(grid)
    broken = type(cell)(cell.name, cell.values, cell.overrides | {"audited_model.epochs": 0})
    (locations.reports() / "logs").mkdir(parents=True)
    _, words = run_cell("synthetic", broken, locations.reports())
    assert words.startswith("error:") and "audited_model.epochs" in words
