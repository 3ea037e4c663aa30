"""Finished reports side by side: what notebook 07 shows."""

import json
from collections.abc import Callable
from html import escape
from urllib.parse import quote

import matplotlib.pyplot as plt
import pandas as pd
from IPython import get_ipython
from IPython.display import HTML, display
from matplotlib.axes import Axes

from mint_utils import locations
from mint_utils.comparing.control_intervals import rungs_of
from mint_utils.comparing.grid_tables import (
    curve_axes,
    finished_grids,
    grid_cells,
    grid_rungs,
    read_grid,
)
from mint_utils.comparing.linked import linked_heat_map, linked_table, report_address
from mint_utils.figures.compare import rungs_heat_map
from mint_utils.figures.cross import by_number_of_sources, model_to_model, source_to_source
from mint_utils.figures.described import description
from mint_utils.figures.grid import (
    BASE,
    change_name,
    rungs_by_axis,
    rungs_by_factor,
    rungs_by_gap,
)

CROSSED = {  # table of a report -> its figure
    "cross_source": source_to_source,
    "number_of_sources": by_number_of_sources,
    "cross_model": model_to_model,
}


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
    """One row a report: scenario, assignment, verdict, sentence.

    Taught in notebook 07.
    """
    rows = []
    for name in finished_reports():
        verdict = json.loads((locations.reports() / name / "verdict.json").read_text())
        rows.append(
            {"scenario": name}
            | {key: verdict[key] for key in ("assignment", "verdict", "sentence")}
        )
    return pd.DataFrame(rows)


def linked_verdicts(table: pd.DataFrame) -> HTML:
    """The verdicts as a table whose rows lead to the reports.

    Taught in notebook 07.
    """
    return linked_table(table, map(report_address, table["scenario"]))


def all_rungs() -> pd.DataFrame:
    """The rungs of every report, with the interval of their best control; ``scenario`` last.

    Taught in notebook 07.
    """
    found = [
        rungs_of(locations.reports() / name).assign(scenario=name) for name in finished_reports()
    ]
    return pd.concat(found, ignore_index=True)


def keep_heat_map(rungs: pd.DataFrame, contrast: str, photos: tuple[int, ...] = (1, 4)) -> HTML:
    """Keep the heat map of a contrast as a figure; gives it with every number a link.

    Taught in notebook 07.
    """
    some = rungs[rungs["k"].isin(photos)]
    keep_figure(f"{contrast}_heat_map", rungs_heat_map, some, contrast, shown=False)
    return linked_heat_map(some, contrast)


def keep_crossed(name: str) -> HTML:
    """Draw and keep the figure of every report that has something in tables/NAME.csv.

    ``name`` is one of CROSSED. Gives the numbers of all, each row leading to its report.

    Taught in notebook 07.
    """
    found = []
    for scenario in finished_reports():
        file = locations.reports() / scenario / "tables" / f"{name}.csv"
        table = pd.read_csv(file) if file.is_file() else pd.DataFrame()
        if table.empty:
            continue
        keep_figure(f"{name}_{scenario}", CROSSED[name], table, title=scenario)
        table.insert(0, "scenario", scenario)
        found.append(table)
    if not found:
        return linked_table(pd.DataFrame(columns=["scenario"]), [])
    table = keep_table(name, pd.concat(found, ignore_index=True))
    return linked_table(table, map(report_address, table["scenario"]))


def keep_grids() -> HTML:
    """Keep tables and figures of every grid; gives the cells of all, each leading to its report.

    A grid along a numeric axis has curves, one for the base and one for each change, another one
    points by factor.

    Taught in notebook 07.
    """
    found, addresses = [], []
    for name in finished_grids():
        grid = read_grid(name)
        if get_ipython() is not None:
            display(HTML(f"<h3>{escape(name)}</h3><p>{escape(grid.question)}</p>"))
        table = keep_table(f"{name}_cells", grid_cells(grid))
        rungs = keep_table(f"{name}_rungs", grid_rungs(grid))
        found.append(table.assign(grid=name))
        addresses += [f"../_grids/{quote(name)}/{quote(cell)}/index.html" for cell in table["cell"]]
        curves = curve_axes(grid, table)
        for contrast in dict.fromkeys(rungs["contrast"]):
            for axis in curves:
                _keep_curves(f"{name}_{contrast}_by_{axis.split('.')[-1]}", rungs, axis, contrast)
            if not curves:
                keep_figure(f"{name}_{contrast}", rungs_by_factor, rungs, contrast)
            if rungs["gap"].notna().any():
                keep_figure(f"{name}_{contrast}_by_gap", rungs_by_gap, rungs, contrast)
    table = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=["cell"])
    return linked_table(table, addresses)


def by_change(rungs: pd.DataFrame, contrast: str) -> list[tuple[str, pd.DataFrame]]:
    """Rungs of single images by what was changed: ``""`` for the base, and each change by name."""
    some = rungs[(rungs["contrast"] == contrast) & (rungs["k"] == 1)]
    names = [change_name(*pair) for pair in zip(some["factor"], some["value"], strict=True)]
    parts = some.groupby(pd.Series(names, some.index, dtype=str), sort=False)
    return [("" if name == BASE else name, part) for name, part in parts]


def _keep_curves(name: str, rungs: pd.DataFrame, axis: str, contrast: str) -> None:
    """A figure for the base and one for each change: a curve goes through one kind of audits."""
    for change, part in by_change(rungs, contrast):
        file = "".join(c if c.isalnum() else "_" for c in "_".join(filter(None, (name, change))))
        keep_figure(file, rungs_by_axis, part, axis, contrast, change)


def keep_table(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """Write reports/_compare/tables/NAME.csv; gives the table back.

    Taught in notebook 07.
    """
    file = locations.reports() / "_compare" / "tables" / f"{name}.csv"
    file.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(file, index=False)
    return table


def keep_figure(
    name: str, draw: Callable[..., Axes], *drawn, title: str = "", shown: bool = True
) -> None:
    """Write ``draw(*drawn)`` as reports/_compare/figures/NAME.png, and show it.

    Whoever cannot see it is told what ``draw`` draws (figures/described.py).

    Taught in notebook 07.
    """
    described = description(draw.__name__)
    figure = draw(*drawn).get_figure(root=True)
    plt.close(figure)  # shown here, with its description, or not at all
    if title:
        figure.suptitle(title, fontsize=11, fontweight="bold")
    file = locations.reports() / "_compare" / "figures" / f"{name}.png"
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=160, bbox_inches="tight", facecolor="white")
    if shown and get_ipython() is not None:
        display(figure, metadata={"image/png": {"alt": described}})
