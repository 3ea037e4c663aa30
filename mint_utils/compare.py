"""Finished reports side by side: what notebook 07 shows."""

import json

import pandas as pd
from matplotlib.axes import Axes

from mint_utils import locations


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
