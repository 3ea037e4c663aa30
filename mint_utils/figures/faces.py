"""Figures of notebook 01: who is in the audit, and in which role."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from mint_utils.faces import SPLITS, FaceSet
from mint_utils.figures.style import ROLE_COLOURS, axes


def faces_by_role(faces: FaceSet, persons: int = 3, each: int = 5, size: int = 96, ax=None) -> Axes:
    """A mosaic: for each role some persons, a row each, with up to ``each`` of their images."""
    roles = [role for role in ROLE_COLOURS if (faces.table["role"] == role).any()]
    ax = axes(ax, 1.5 * each * len(roles), 1.5 * persons)
    gap = size // 6
    width = len(roles) * (each * size + gap) - gap
    canvas = np.full((persons * size, width, 3), 255, np.uint8)
    for column, role in enumerate(roles):
        left = column * (each * size + gap)
        some = faces.table.index[faces.table["role"] == role].to_series()
        by_person = some.groupby(faces.table["identity"][some]).apply(list)
        for row, rows in enumerate(by_person.iloc[:persons]):
            pixels = faces.pixels(size, rows[:each])
            for place, picture in enumerate(pixels):
                top, start = row * size, left + place * size
                canvas[top : top + size, start : start + size] = picture
        name = role.replace("_", " ")
        ax.text(left, -size / 12, name, color=ROLE_COLOURS[role], weight="bold", va="bottom")
    ax.imshow(canvas, interpolation="none")
    ax.set_axis_off()
    return ax


def images_by_split(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Bars: persons in fit, calibrate and test by role, with image counts written beside them."""
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
