"""Figures of notebook 03: what the layers put out for a member and an external, side by side."""

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes

from mint_utils.activations.recorded import Activations
from mint_utils.faces import FaceSet
from mint_utils.figures.style import TARGET_COLOURS, TARGET_NAMES, axes


def activation_maps(
    activations: Activations, faces: FaceSet, rows: list[int], channels: int = 3, ax=None
) -> Axes:
    """A mosaic: a row an image (its role written beside it), then ``channels`` maps of every tap.

    Channels are those whose pooled value varies most over all images. Each map is scaled over the
    images shown, so that brightness can be compared down a column.

    Taught in notebook 03.
    """
    ax = axes(ax, 1.0 * (1 + channels * len(activations.taps)) + 1, 1.1 * len(rows) + 0.6)
    size, gap = 64, 8
    columns = [np.stack([faces.pixels(size, [row])[0] for row in rows])]
    labels = ["face"]
    for tap in activations.taps:
        busiest = activations.vector(tap).std(0).argsort()[::-1][:channels]
        maps = activations.maps(tap, np.array(rows)).float().numpy()[:, busiest]
        for place, channel in enumerate(busiest):
            columns.append(_as_pictures(maps[:, place], size))
            labels.append(f"{tap}\n#{channel}")
    step = size + gap
    canvas = np.full((len(rows) * step - gap, len(columns) * step - gap, 3), 255, np.uint8)
    for across, pictures in enumerate(columns):
        for down, picture in enumerate(pictures):
            top, left = down * step, across * step
            canvas[top : top + size, left : left + size] = picture
        ax.text(across * step + size / 2, -4, labels[across], ha="center", va="bottom", fontsize=8)
    for down, row in enumerate(rows):
        role = faces.table["role"][row].replace("_", " ")
        ax.text(-6, down * step + size / 2, role, ha="right", va="center", fontsize=9)
    ax.imshow(canvas, interpolation="none")
    ax.set_axis_off()
    return ax


def _as_pictures(maps: np.ndarray, size: int) -> np.ndarray:
    """(n, h, w) activations as (n, size, size, 3) colours, scaled over all n."""
    low, high = maps.min(), maps.max()
    scaled = (maps - low) / max(high - low, 1e-9)
    rows = np.arange(size) * maps.shape[1] // size
    columns = np.arange(size) * maps.shape[2] // size
    return (colormaps["magma"](scaled[:, rows][:, :, columns])[..., :3] * 255).astype(np.uint8)


def per_tap_separation(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Bars: separation a tap for audited model and twin; ticks: what shuffled roles give.

    Taught in notebook 03.
    """
    table = table[table["target"] != "pixels"]
    ax = axes(ax, 7, 3.2)
    taps, targets = table["tap"].unique(), table["target"].unique()
    width = 0.8 / len(targets)
    for place, target in enumerate(targets):
        some = table[table["target"] == target]
        x = np.arange(len(taps)) + place * width
        ax.bar(x, some["separation"], width * 0.92, color=TARGET_COLOURS[target],
               label=TARGET_NAMES[target])  # fmt: skip
        chance = "95 % of shuffled roles stay below" if place == 0 else None
        reach = width * 0.46
        ax.hlines(some["by_chance"], x - reach, x + reach, color="black", label=chance)
    ax.set_xticks(np.arange(len(taps)) + 0.4 - width / 2, taps)
    ax.set_ylabel("mean |AUC - 0.5| of a channel")
    ax.margins(y=0.25)
    ax.legend(frameon=False, loc="upper left", ncols=3, fontsize=8)
    return ax
