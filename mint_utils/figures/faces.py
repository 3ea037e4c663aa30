"""Figures of notebook 01: who is in the audit, and in which role."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from mint_utils.faces import SPLITS, FaceSet
from mint_utils.figures.style import ROLE_COLOURS, axes, legend_below


def faces_by_role(faces: FaceSet, persons: int = 3, each: int = 5, size: int = 96, ax=None) -> Axes:
    """A mosaic: for each role some persons, a row each, with up to ``each`` of their images.

    Taught in notebook 01.
    """
    blocks = {role: _rows_by_person(faces, role, persons, each) for role in ROLE_COLOURS}
    blocks = {role: rows for role, rows in blocks.items() if rows}
    widths = [max(map(len, rows)) * size for rows in blocks.values()]
    gap = size // 6
    ax = axes(ax, 1.5 * sum(widths) / size, 1.5 * persons)
    shape = (persons * size, sum(widths) + gap * (len(widths) - 1), 3)
    canvas, left = np.full(shape, 255, np.uint8), 0
    for (role, people), width in zip(blocks.items(), widths, strict=True):
        for down, rows in enumerate(people):
            for across, picture in enumerate(faces.pixels(size, rows)):
                top, start = down * size, left + across * size
                canvas[top : top + size, start : start + size] = picture
        name = role.replace("_", " ")
        ax.text(left, -size / 12, name, color=ROLE_COLOURS[role], weight="bold", va="bottom")
        left += width + gap
    ax.imshow(canvas, interpolation="none")
    ax.set_axis_off()
    return ax


def _rows_by_person(faces: FaceSet, role: str, persons: int, each: int) -> list[list[int]]:
    """Rows of the first ``each`` images of the first ``persons`` persons in a role."""
    some = faces.table[faces.table["role"] == role]
    groups = some.groupby("identity", sort=False).groups
    return [list(rows[:each]) for rows in list(groups.values())[:persons]]


def images_by_split(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Bars: persons in fit, calibrate and test by role, with image counts written beside them.

    Taught in notebook 01.
    """
    ax = axes(ax, 7, 2.6)
    counts = table.groupby(["split", "role"])["identity"].agg(["nunique", "size"])
    roles = [role for role in ROLE_COLOURS if (table["role"] == role).any()]
    height = 0.8 / len(roles)
    for place, split in enumerate(SPLITS):
        for line, role in enumerate(roles):
            if (split, role) not in counts.index:
                continue
            persons, images = counts.loc[(split, role)]
            y = place + line * height
            label = role.replace("_", " ") if place == 0 or len(counts) <= len(roles) else None
            ax.barh(y, persons, height * 0.9, color=ROLE_COLOURS[role], label=label)
            ax.text(persons, y, f" {images:,} images", va="center", fontsize=8)
    ax.set_yticks(np.arange(len(SPLITS)) + 0.4 - height / 2, SPLITS)
    ax.invert_yaxis()
    ax.set_xlabel("persons")
    ax.margins(x=0.15)
    ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return ax


def parity_of_sides(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """A dot a property of the pictures: AUC between the sides, with its interval over persons.

    ``table`` is that of :func:`mint_utils.parity.parity`. What differs is in the warning colour;
    the medians of the member and the external side stand at the right.

    Taught in notebook 01.
    """
    known = table[table["auc"].notna()]
    ax = axes(ax, 7, 0.28 * len(known) + 1.5)
    y, differs = np.arange(len(known)), known["differs"].to_numpy(bool)
    for mask, colour, label in (
        (~differs, ROLE_COLOURS["member"], "no difference shown"),
        (differs, ROLE_COLOURS["external"], "differs"),
    ):
        some = known[mask]
        errors = [(some["auc"] - some["low"]).clip(0), (some["high"] - some["auc"]).clip(0)]
        if len(some):
            ax.errorbar(some["auc"], y[mask], xerr=errors, fmt="o", color=colour, label=label)
    for place, row in enumerate(known.to_dict("records")):
        medians = f"{row['member_side']:.3g} | {row['external_side']:.3g}"
        ax.text(1.05, place, medians, fontsize=8, va="center")
    ax.axvline(0.5, color="black", linestyle=":", linewidth=1)
    ax.set_yticks(y, known["property"])
    ax.set(xlim=(-0.02, 1.02), ylim=(len(known) - 0.5, -0.5))
    ax.set_xlabel("probability that a member-side image has more of it (AUC)")
    ax.text(1.05, -0.7, "medians: member | external side", fontsize=8, va="bottom")
    legend_below(ax, 2)
    return ax
