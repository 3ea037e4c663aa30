"""What the audits of a grid say together: one table of cells, one of their rungs."""

import json
from pathlib import Path

import pandas as pd

from mint_utils import locations
from mint_utils.comparing.control_intervals import rungs_of
from mint_utils.grid import Grid, cells, folder_of


def finished_grids() -> list[str]:
    """Names of the grids of which some cell has a report."""
    found = (locations.reports() / "_grids").glob("*/*/verdict.json")
    return sorted({file.parents[1].name for file in found})


def read_grid(name: str) -> Grid:
    """The grid that was run under reports/_grids/NAME."""
    return Grid.model_validate_json(
        (locations.reports() / "_grids" / name / "grid.json").read_text()
    )


def grid_cells(grid: Grid) -> pd.DataFrame:
    """One row a finished cell: ``cell``, ``factor`` and ``value`` where one is changed, a column
    for each axis, ``verdict``, ``recognition`` (verification AUC of persons never seen), ``tar``
    (their TAR at FAR 1 %), ``gap``. A variant is the value of the factor ``variant``.

    ``gap`` is the generalisation gap: how much closer an image that was trained on lies to its
    person's class centre (cosine) than another photo of that person; NaN without class centres.
    """
    rows = []
    for cell in cells(grid):
        report = folder_of(grid) / cell.name
        if not (report / "verdict.json").is_file():
            continue
        factor = next((key for key in cell.values if key in (*grid.factors, "variant")), "")
        rows.append(
            {"cell": cell.name, "factor": factor, "value": cell.values.get(factor, "")}
            | {axis: cell.values[axis] for axis in grid.axes}
            | {"verdict": json.loads((report / "verdict.json").read_text())["verdict"]}
            | {"recognition": _recognition(report, "auc")}
            | {"tar": _recognition(report, "tar_at_1pct_far"), "gap": _gap(report)}
        )
    return pd.DataFrame(rows)


def grid_rungs(grid: Grid) -> pd.DataFrame:
    """:func:`rungs_of` every finished cell beside the columns of :func:`grid_cells`."""
    table = grid_cells(grid).rename(columns={"verdict": "report_verdict"})
    found = []
    for _, row in table.iterrows():
        found.append(rungs_of(folder_of(grid) / row["cell"]).assign(**row.to_dict()))
    return pd.concat(found, ignore_index=True) if found else table


def curve_axes(grid: Grid, table: pd.DataFrame) -> list[str]:
    """The axes that a curve can be drawn along: numbers, more than one, and not seeds."""
    numeric = [axis for axis in grid.axes if pd.api.types.is_numeric_dtype(table[axis])]
    return [axis for axis in numeric if axis != "seed" and table[axis].nunique() > 1]


def _recognition(report: Path, figure: str) -> float:
    file = report / "tables" / "recognition.csv"
    return float(pd.read_csv(file)[figure].iloc[0]) if file.is_file() else float("nan")


def _gap(report: Path) -> float:
    scores = pd.read_parquet(report / "tables" / "scores.parquet")
    own = scores[(scores["method"] == "head_named") & (scores["target"] == "audited")]
    own = own[(own["split"] == "test") & (own["unit_kind"] == "image")]
    by_role = own.groupby("role")["score"].mean()
    return float(by_role.get("member", float("nan")) - by_role.get("held_out", float("nan")))
