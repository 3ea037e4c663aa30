"""The access ladder: what each level of access and each number of photos buys."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from mint_utils.evidence.verdict import SHOWN
from mint_utils.figures.style import (
    ACCESS_COLOURS,
    ACCESS_NAMES,
    CONTRAST_NAMES,
    GREY,
    axes,
    panels,
)

CONTROL, HOLLOW = "best control of the rung", "hollow: membership is not shown"


def access_ladder(rungs: pd.DataFrame) -> Axes:
    """A panel a contrast; see :func:`contrast_ladder`. One legend for all.

    Taught in notebook 05.
    """
    contrasts = list(dict.fromkeys(rungs["contrast"])) or ["member_vs_external"]
    figure, row = panels(len(contrasts), 3.4, 4.6)
    for contrast, ax in zip(contrasts, row, strict=True):
        contrast_ladder(rungs, contrast, ax)
    row[0].set_ylabel("AUC with 95 % interval over persons")
    found: dict[str, object] = {}
    for ax in row:
        found |= dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    in_order = sorted(found, key=lambda label: label in (CONTROL, HOLLOW))
    figure.legend(
        [found[label] for label in in_order],
        in_order,
        loc="outside lower center",
        ncols=4,
        frameon=False,
        fontsize=8,
    )
    return row[0]


def contrast_ladder(rungs: pd.DataFrame, contrast: str, ax: Axes | None = None) -> Axes:
    """AUC by number of photos, a colour a level of access; grey diamonds: the best control of each.

    A full point is a rung at which membership is shown, a hollow one is not.
    """
    ax = axes(ax, 4.4, 4.2)
    some = rungs[rungs["contrast"] == contrast]
    sizes = sorted(some["k"].unique())
    levels = [access for access in ACCESS_COLOURS if access in set(some["access"])]
    step = 0.72 / max(1, len(levels))
    for place, access in enumerate(levels):
        rows = some[some["access"] == access].sort_values("k")
        x = np.array([sizes.index(k) for k in rows["k"]]) + (place - (len(levels) - 1) / 2) * step
        colour = ACCESS_COLOURS[access]
        errors = [(rows["auc"] - rows["low"]).clip(0), (rows["high"] - rows["auc"]).clip(0)]
        ax.errorbar(x, rows["auc"], yerr=errors, fmt="none", color=colour, linewidth=1.4)
        shown = (rows["verdict"] == SHOWN).to_numpy()
        face = [colour if full else "white" for full in shown]
        ax.scatter(x, rows["auc"], s=42, c=face, edgecolors=colour, linewidths=1.6, zorder=3)
        ax.plot([], [], "o", color=colour, label=ACCESS_NAMES[access].replace("\n", " "))
        ax.plot(x, rows["control_auc"], "D", color=GREY, markersize=4, zorder=2,
                label=CONTROL)  # fmt: skip
    ax.plot([], [], "o", markerfacecolor="white", color="black", label=HOLLOW)
    ax.axhline(0.5, color="black", linestyle=":", linewidth=1)
    words = ["one photo" if k == 1 else f"album\nof {k}" for k in sizes]
    ax.set_xticks(range(len(sizes)), words, fontsize=8.5)
    ax.set_ylim(min(0.3, some["low"].min() - 0.02) if len(some) else 0.3, 1.02)
    ax.set_title(CONTRAST_NAMES[contrast], fontsize=10)
    return ax
