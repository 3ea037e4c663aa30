"""Finished reports side by side: what notebook 07 shows."""

import json

import pandas as pd
from matplotlib.axes import Axes

from mint_utils import locations
from mint_utils.figures.grid import rungs_by_factor, rungs_by_gap
from mint_utils.grid_tables import finished_grids, grid_cells, grid_rungs, read_grid


def finished_reports() -> list[str]:
    """Names of the scenarios that have a report. FileNotFoundError if none has."""
    names = sorted(
        file.parent.name
        for file in locations.reports().glob("*/verdict.json")
        if not file.parent.name.startswith((".", "_")) and not file.parent.name.endswith(".failed")
    )
    if not names:
        raise FileNotFoundError("no finished report yet: run `mint-study run synthetic` first")
    return names


def verdicts() -> pd.DataFrame:
    """One row a report: scenario, assignment, verdict, sentence."""
    rows = []
    for name in finished_reports():
        verdict = json.loads((locations.reports() / name / "verdict.json").read_text())
        rows.append(
            {"scenario": name}
            | {key: verdict[key] for key in ("assignment", "verdict", "sentence")}
        )
    return pd.DataFrame(rows)


def all_rungs() -> pd.DataFrame:
    """rungs.csv of every report, with the scenario's name first."""
    return pd.concat(
        [
            pd.read_csv(locations.reports() / name / "tables" / "rungs.csv").assign(scenario=name)
            for name in finished_reports()
        ],
        ignore_index=True,
    )


def keep_grids() -> pd.DataFrame:
    """Keep tables and figures of every grid; gives the cells of all, empty if there is no grid.

    A cell's report is under reports/_grids/GRID/CELL.
    """
    found = []
    for name in finished_grids():
        grid = read_grid(name)
        found.append(keep_table(f"{name}_cells", grid_cells(grid)).assign(grid=name))
        rungs = keep_table(f"{name}_rungs", grid_rungs(grid))
        for contrast in dict.fromkeys(rungs["contrast"]):
            keep_figure(f"{name}_{contrast}", rungs_by_factor(rungs, contrast))
            if rungs["gap"].notna().any():
                keep_figure(f"{name}_{contrast}_by_gap", rungs_by_gap(rungs, contrast))
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=["grid", "cell"])


def keep_table(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """Write reports/_compare/tables/NAME.csv; gives the table back."""
    file = locations.reports() / "_compare" / "tables" / f"{name}.csv"
    file.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(file, index=False)
    return table


def keep_figure(name: str, axes: Axes) -> None:
    """Write reports/_compare/figures/NAME.png."""
    file = locations.reports() / "_compare" / "figures" / f"{name}.png"
    file.parent.mkdir(parents=True, exist_ok=True)
    axes.get_figure(root=True).savefig(file, dpi=160, bbox_inches="tight", facecolor="white")
