"""The figure of a grid of defences: what each costs, and what it hides."""

import pandas as pd
from matplotlib.axes import Axes

from mint_utils.comparing.defences import UNDEFENDED
from mint_utils.figures.style import ACCESS_COLOURS, ACCESS_NAMES, axes, panels

QUESTIONS = {
    "member_vs_held_out": "Was this image used?\nmember images against other photos of the person",
    "held_out_vs_external": "Was this person used?\nunseen photos of members against strangers",
}


def recognition_against_membership(table: pd.DataFrame) -> Axes:
    """A panel a question, of single photos; see :func:`defences_of`.

    A good defence lies low and far to the right.

    Taught in notebook 08.
    """
    table = table[table["k"] == 1]
    asked = [contrast for contrast in QUESTIONS if contrast in set(table["contrast"])]
    figure, row = panels(len(asked), 5.6, 4.8, beside=0.8)
    for contrast, ax in zip(asked, row, strict=True):
        defences_of(table[table["contrast"] == contrast], ax)
        ax.set_title(QUESTIONS[contrast], fontsize=10)
    row[0].set_ylabel("membership: AUC, intervals over persons")
    handles, labels = row[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=8.5)
    return row[0]


def defences_of(some: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """A point a defence: what is recognised (TAR at FAR 1 %) and what is betrayed (AUC).

    The undefended model is the filled point. Grey band: from the weakest to the strongest best
    control; a defence whose interval reaches into it may hide everything.
    """
    ax = axes(ax, 5.6, 4.6)
    ax.axhspan(some["control_low"].min(), some["control_high"].max(), color="#999999", alpha=0.25,
               linewidth=1.5, label="best controls: what no membership explains")  # fmt: skip
    ax.axhline(0.5, color="black", linestyle=":", linewidth=1)
    access = some["access"].iloc[0]
    colour, seen_with = ACCESS_COLOURS[access], ACCESS_NAMES[access].replace("\n", " ")
    for full, part in some.groupby(some["defence"] == UNDEFENDED):
        errors = [(part["auc"] - part["low"]).clip(0), (part["high"] - part["auc"]).clip(0)]
        ax.errorbar(
            part["tar"], part["auc"], yerr=errors, fmt="o", color=colour, markersize=8,
            linewidth=1.2, markerfacecolor=colour if full else "white", markeredgewidth=1.8,
            label=f"{UNDEFENDED if full else 'with a defence'} (seen with {seen_with})",
        )  # fmt: skip
    _name_points(ax, some)
    ax.set(xlabel="recognition of persons never seen: TAR at FAR 1 %", xlim=(0, 1))
    ax.set_ylim(min(0.3, some["low"].min() - 0.02), 1.04)
    return ax


def _name_points(ax: Axes, some: pd.DataFrame, apart: float = 0.055) -> None:
    """Names right of their points; those near the right edge in a column beside the panel."""
    crowded = some["tar"] > 0.6
    for column, part in ((True, some[crowded]), (False, some[~crowded])):
        above = 1.04
        for row in part.sort_values("auc", ascending=False).itertuples():
            y = min(row.auc, above - apart) if column or abs(row.auc - above) < apart else row.auc
            above = y
            ax.annotate(
                row.defence, (row.tar, row.auc), xytext=(1.04 if column else row.tar + 0.03, y),
                ha="left", va="center", fontsize=8.5, annotation_clip=False,
                arrowprops={"arrowstyle": "-", "color": "#999999", "linewidth": 0.6, "shrinkB": 5},
            )  # fmt: skip
