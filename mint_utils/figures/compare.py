"""Figures of notebook 07: several reports side by side."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from mint_utils.figures.heat import MARKS, column_of, columns_of, heat_map
from mint_utils.figures.style import (
    ACCESS_COLOURS,
    ACCESS_NAMES,
    CONTRAST_NAMES,
    GREY,
    axes,
    legend_below,
)


def rungs_heat_map(rungs: pd.DataFrame, contrast: str, ax: Axes | None = None) -> Axes:
    """AUC of every rung, a row a scenario; below it the interval, then MARKS and best control."""
    some = rungs[rungs["contrast"] == contrast]
    cells = some.assign(
        row=some["scenario"],
        column=[column_of(*key) for key in zip(some["access"], some["k"], strict=True)],
        words=[
            f"{MARKS[verdict]} control {value:.2f}"
            for verdict, value in zip(some["verdict"], some["control_auc"], strict=True)
        ],
    )
    columns = [column_of(*key) for key in columns_of(some)]
    ax = heat_map(cells, list(dict.fromkeys(some["scenario"])), columns, ax)
    ax.set_title(CONTRAST_NAMES[contrast].replace("\n", " "))
    marks = "    ".join(f"{mark} {verdict}" for verdict, mark in MARKS.items())
    ax.annotate(marks, (0, 0), (0, -52), "axes fraction", "offset points", fontsize=8, va="top")
    return ax


def rungs_by_scenario(
    rungs: pd.DataFrame, contrast: str, k: int = 1, ax: Axes | None = None
) -> Axes:
    """AUC of every rung with its interval, a row a scenario; grey diamonds: best controls.

    ``k`` is the number of photos of one person; 1 stands for single images.

    Taught in notebook 07.
    """
    some = rungs[(rungs["contrast"] == contrast) & (rungs["k"] == k)]
    scenarios = list(dict.fromkeys(some["scenario"]))
    ax = axes(ax, 7, 0.9 * max(1, len(scenarios)) + 1.6)
    levels = [access for access in ACCESS_COLOURS if access in set(some["access"])]
    step = 0.7 / max(1, len(levels))
    for place, access in enumerate(levels):
        rows = some[some["access"] == access]
        y = np.array([scenarios.index(name) for name in rows["scenario"]])
        y = y + (place - (len(levels) - 1) / 2) * step
        errors = [(rows["auc"] - rows["low"]).clip(0), (rows["high"] - rows["auc"]).clip(0)]
        ax.errorbar(rows["auc"], y, xerr=errors, fmt="o", color=ACCESS_COLOURS[access],
                    label=ACCESS_NAMES[access].replace("\n", " "))  # fmt: skip
        label = "best control of the rung" if place == 0 else None
        ax.plot(rows["control_auc"], y, "D", color=GREY, markersize=5, label=label)
    ax.axvline(0.5, color="black", linestyle=":", linewidth=1)
    ax.set_yticks(range(len(scenarios)), scenarios)
    ax.set(xlabel="AUC with 95 % interval over persons", xlim=(0.2, 1.02))
    ax.set_ylim(len(scenarios) - 0.4, -0.6)
    ax.set_title(CONTRAST_NAMES[contrast].replace("\n", " "))
    legend_below(ax, 2)
    return ax
