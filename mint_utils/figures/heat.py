"""A heat map of AUCs: one colour scale for all, and in every cell the number with its interval."""

from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize

from mint_utils.evidence.verdict import CANNOT, EXPLAINED, NONE, SHOWN
from mint_utils.figures.style import ACCESS_COLOURS, ACCESS_NAMES, axes

# White is chance; the darker the blue, the surer a member scores higher, the darker the red, lower.
COLOURS = LinearSegmentedColormap.from_list(
    "auc", ["#B2440A", "#F6D5C2", "white", "#C4DDEF", "#00568F"]
)
MARKS = {SHOWN: "●", EXPLAINED: "◐", NONE: "○", CANNOT: "?"}  # a rung's verdict in one sign
CELL = (0.92, 0.52)  # inches


def shade(auc: float) -> tuple[str, str]:
    """Background and ink for an AUC, as #rrggbb."""
    colour = COLOURS(Normalize(0, 1)(auc))
    light = np.dot(colour[:3], [0.299, 0.587, 0.114])
    as_hex = "#" + "".join(f"{round(255 * part):02x}" for part in colour[:3])
    return as_hex, "#1c2126" if light > 0.55 else "#ffffff"


def interval_words(low: float, high: float) -> str:
    return f"{low:.2f}–{high:.2f}"


def heat_map(
    cells: pd.DataFrame, rows: list[str], columns: list[str], ax: Axes | None = None
) -> Axes:
    """``cells`` has row, column, auc, low, high, and ``words`` where a third line is wanted.

    Rows and columns are drawn in the order given; a pair without a cell stays blank.
    """
    ax = axes(ax, CELL[0] * len(columns) + 1.6, CELL[1] * len(rows) + 0.9)
    for _, cell in cells[np.isfinite(cells["auc"].astype(float))].iterrows():
        y, x = rows.index(cell["row"]), columns.index(cell["column"])
        background, ink = shade(cell["auc"])
        ax.fill_between([x - 0.49, x + 0.49], y - 0.48, y + 0.48, color=background, linewidth=0)
        words = cell.get("words", "")
        up = 0.24 if words else 0.13
        ax.text(x, y - up, f"{cell['auc']:.2f}", color=ink, ha="center", va="center", fontsize=9.5)
        ax.text(x, y - up + 0.33, interval_words(cell["low"], cell["high"]), color=ink,
                ha="center", va="center", fontsize=6.5)  # fmt: skip
        if words:
            ax.text(x, y + 0.35, words, color=ink, ha="center", va="center", fontsize=6.5)
    ax.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(rows) - 0.5, -0.5))
    ax.set_xticks(range(len(columns)), columns, fontsize=8)
    ax.set_yticks(range(len(rows)), rows, fontsize=8)
    ax.tick_params(length=0)
    for side in ax.spines.values():
        side.set_visible(False)
    return ax


def column_of(access: str, k: int) -> str:
    """What a column of the heat map is called: level of access and number of photos."""
    photos = "one photo" if k == 1 else f"album of {k}"
    return f"{fill(ACCESS_NAMES[access], 13)}\n{photos}"


def columns_of(rungs: pd.DataFrame) -> list[tuple[str, int]]:
    """Levels of access and numbers of photos that are there, from least to most."""
    there = set(zip(rungs["access"], rungs["k"], strict=True))
    return [(a, k) for a in ACCESS_COLOURS for k in sorted({k for b, k in there if b == a})]
