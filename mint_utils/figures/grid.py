"""Figures of a grid of audits: membership against a factor, and against the generalisation gap."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from mint_utils.figures.style import (
    ACCESS_COLOURS,
    ACCESS_NAMES,
    CONTRAST_NAMES,
    axes,
    legend_below,
    panels,
)

BASE = "as in the base"


def rungs_by_factor(rungs: pd.DataFrame, contrast: str, k: int = 1, ax: Axes | None = None) -> Axes:
    """AUC of every audit with its interval, a row a changed factor, a colour a level of access.

    Audits that differ in other axes only, such as the seed, stand in the same row.

    Taught in notebook 08.
    """
    some = rungs[(rungs["contrast"] == contrast) & (rungs["k"] == k)]
    named = [
        change_name(factor, value)
        for factor, value in zip(some["factor"], some["value"], strict=True)
    ]
    some = some.assign(row=named)
    rows = list(dict.fromkeys(some["row"]))
    ax = axes(ax, 7, 0.62 * max(1, len(rows)) + 1.6)
    levels = [access for access in ACCESS_COLOURS if access in set(some["access"])]
    for place, access in enumerate(levels):
        part = some[some["access"] == access]
        turn = part.groupby("row").cumcount() * 0.06
        at = (place - (len(levels) - 1) / 2) * 0.7 / max(1, len(levels))
        y = np.array([rows.index(row) for row in part["row"]]) + at + turn
        _points(ax, part["auc"], y, part, access, "x")
    ax.axvline(0.5, color="black", linestyle=":", linewidth=1)
    ax.set_yticks(range(len(rows)), rows)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set(xlabel="AUC with 95 % interval over persons", xlim=(0.2, 1.02))
    ax.set_title(CONTRAST_NAMES[contrast].replace("\n", " "))
    legend_below(ax, 2)
    return ax


def rungs_by_gap(rungs: pd.DataFrame, contrast: str, k: int = 1, ax: Axes | None = None) -> Axes:
    """AUC of every audit against how much closer it holds what it was trained on (cosine).

    Taught in notebook 08.
    """
    some = rungs[(rungs["contrast"] == contrast) & (rungs["k"] == k) & rungs["gap"].notna()]
    ax = axes(ax, 5.6, 4.4)
    for access in [access for access in ACCESS_COLOURS if access in set(some["access"])]:
        part = some[some["access"] == access]
        _points(ax, part["gap"], part["auc"], part, access, "y")
    ax.axhline(0.5, color="black", linestyle=":", linewidth=1)
    ax.set(xlabel="generalisation gap (cosine to the own class centre)", ylim=(0.2, 1.02))
    ax.set_ylabel("AUC with 95 % interval over persons")
    ax.set_title(CONTRAST_NAMES[contrast].replace("\n", " "))
    legend_below(ax, 2)
    return ax


def rungs_by_axis(
    rungs: pd.DataFrame, axis: str, contrast: str, change: str = "", k: int = 1
) -> Axes:
    """AUC along a numeric axis of the grid, a panel a level of access, best controls in grey.

    ``change`` says what is special about these audits, if anything is. Audits that differ in other
    axes, such as the seed, stand at the same place.
    """
    some = rungs[(rungs["contrast"] == contrast) & (rungs["k"] == k)].sort_values(axis)
    levels = [access for access in ACCESS_COLOURS if access in set(some["access"])]
    wide = some[axis].min() > 0 and some[axis].max() >= 5 * some[axis].min()
    figure, row = panels(len(levels), 3.1, 3.9)
    for access, ax in zip(levels, row, strict=True):
        axes(ax)
        part = some[some["access"] == access]
        mean = part.groupby(axis)["auc"].mean()
        ax.plot(mean.index, mean, color=ACCESS_COLOURS[access], linewidth=1)
        _points(ax, part[axis], part["auc"], part, access, "y")
        named = {"auc": "control_auc", "low": "control_low", "high": "control_high"}
        control = part[list(named.values())].set_axis(list(named), axis=1)
        beside = part[axis] * 1.04 if wide else part[axis] + 0.02 * np.ptp(some[axis])
        ax.errorbar(beside, control["auc"], yerr=_errors(control), fmt="D", markersize=4,
                    color="#999999", linewidth=1, label="best control of the rung")  # fmt: skip
        ax.axhline(0.5, color="black", linestyle=":", linewidth=1)
        ax.set(xscale="log" if wide else "linear", xlabel=axis.split(".")[-1])
        ax.set_xticks(mean.index, [f"{value:,g}" for value in mean.index])
        ax.minorticks_off()
        ax.set_title(ACCESS_NAMES[access].replace("\n", " "), fontsize=10)
    words = CONTRAST_NAMES[contrast].replace("\n", " ")
    figure.suptitle(f"{change}: {words}" if change else words, fontsize=11)
    row[0].set_ylim(min(0.3, some[["low", "control_low"]].min(axis=None) - 0.02), 1.02)
    row[0].set_ylabel("AUC with 95 % interval over persons")
    handles, labels = row[0].get_legend_handles_labels()
    figure.legend(handles[-1:], labels[-1:], loc="outside lower center", frameon=False, fontsize=8)
    return row[0]


def _errors(part: pd.DataFrame) -> list[pd.Series]:
    return [(part["auc"] - part["low"]).clip(0), (part["high"] - part["auc"]).clip(0)]


def _points(ax: Axes, x, y, part: pd.DataFrame, access: str, along: str) -> None:
    bars = {f"{along}err": _errors(part)}
    ax.errorbar(x, y, fmt="o", color=ACCESS_COLOURS[access], markersize=5, linewidth=1,
                label=ACCESS_NAMES[access].replace("\n", " "), **bars)  # fmt: skip


def change_name(factor: str, value: object) -> str:
    """What a changed factor or variant of a grid is called in figures."""
    if not isinstance(factor, str) or not factor:
        return BASE
    if factor == "variant":
        return str(value)
    return f"{factor.split('.')[-1].replace('_', ' ')}: {value}"
