"""Figures of notebook 06: what one channel shows for two persons, and for everybody."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from mint_utils.figures.style import ROLE_COLOURS, TARGET_NAMES, axes

if TYPE_CHECKING:  # the explorer draws with these figures and must be able to import them first
    from mint_utils.explorer.selection import Pictures, Values

CELL, GAP = 96, 10  # pixels
DIFFERENCE = LinearSegmentedColormap.from_list(
    "difference", [ROLE_COLOURS["external"], "#FFFFFF", ROLE_COLOURS["member"]]
)


def faces_and_maps(pictures: Pictures, ax: Axes | None = None) -> Axes:
    """A mosaic: faces above, then a row a target with both maps and their difference.

    Both maps of a row share one scale. In the third column blue is where the member's is stronger,
    orange where the external's is.

    Taught in notebook 06.
    """
    rows = 1 + len(pictures.maps)
    ax = axes(ax, 4.4, 1.35 * rows + 0.5)
    step = CELL + GAP
    canvas = np.full((rows * step - GAP, 3 * step - GAP, 3), 255, np.uint8)
    for across, (role, title) in enumerate(zip(pictures.roles, pictures.titles, strict=True)):
        _put(canvas, 0, across, _together(pictures.faces[across]))
        middle, colour = across * step + CELL / 2, ROLE_COLOURS[role]
        ax.text(middle, -18, _words(role), ha="center", fontsize=10, color=colour, weight="bold")
        ax.text(middle, -5, _short(title), ha="center", fontsize=7, color="#444444")
    legend = f"{pictures.tap}\n#{pictures.channel}\n\ndifference\nbeneath"
    ax.text(2 * step + CELL / 2, CELL / 2, legend, ha="center", va="center", fontsize=10)
    for down, (target, maps) in enumerate(pictures.maps.items(), start=1):
        middle = down * step + CELL / 2
        name = TARGET_NAMES.get(target, _words(target)).replace(" (", "\n(")
        ax.text(-8, middle, name, ha="right", va="center", fontsize=8, rotation=90, ma="center")
        if isinstance(maps, str):
            ax.text(0, middle, _wrapped(maps), va="center", fontsize=8, color="#444444")
            continue
        low, high = maps.min(), maps.max()
        for across, one in enumerate((*maps, maps[0] - maps[1])):
            if across < 2:
                colours = colormaps["magma"]((one - low) / max(high - low, 1e-9))
            else:
                colours = DIFFERENCE(0.5 + one / (2 * max(np.abs(one).max(), 1e-9)))
            _put(canvas, down, across, _enlarged((colours[..., :3] * 255).astype(np.uint8)))
    ax.imshow(canvas, interpolation="none")
    ax.set(xlim=(-32, 3 * step - GAP), ylim=(rows * step - GAP, -32))
    ax.set_axis_off()
    return ax


def channel_values(values: Values, ax: Axes | None = None) -> Axes:
    """The channel over all images of both sides, those shown marked, and the threshold.

    Taught in notebook 06.
    """
    ax = axes(ax, 4.4, 2.6)
    both = np.isin(values.role, values.roles)
    bins = np.histogram_bin_edges(values.values[both], 40)
    for side in values.roles:
        heights, _ = np.histogram(values.values[values.role == side], bins, density=True)
        colour = ROLE_COLOURS[side]
        ax.stairs(heights, bins, fill=True, alpha=0.35, color=colour)  # one patch: hist has 40
        ax.stairs(heights, bins, color=colour, label=_words(side))
    top = ax.get_ylim()[1] * 1.12
    for height, (side, marked) in enumerate(zip(values.roles, values.marked, strict=True)):
        colour, at = ROLE_COLOURS[side], top * (0.97 - 0.05 * height)
        mean = float(np.mean(marked))
        ax.vlines(mean, 0, at, color=colour, linestyle=":", linewidth=1.2)
        ax.plot(marked, np.full(len(marked), at), "|", color=colour, markersize=7)
        ax.plot(mean, at, "v", color=colour, markersize=7, clip_on=False)
    ax.axvline(values.threshold, color="black", linewidth=1.5)
    ends = ax.get_xlim()
    called = (values.threshold, ends[1]) if values.members_above else (ends[0], values.threshold)
    ax.axvspan(*called, color="black", alpha=0.06, linewidth=0)
    ax.set(xlim=ends, ylim=(0, top), xlabel="pooled value of the channel", yticks=[])
    ax.locator_params(axis="x", nbins=6)
    ax.set_title(f"{values.tap} #{values.channel}: all images, triangles: those shown", fontsize=9)
    ax.legend(frameon=False, fontsize=8, loc="center right")
    return ax


def channel_roc(values: Values, ax: Axes | None = None) -> Axes:
    """The ROC of the channel on test images, with the threshold's point on it.

    Taught in notebook 06.
    """
    ax = axes(ax, 3.2, 2.8)
    ax.plot([0, 1], [0, 1], color="#999999", linewidth=0.8, linestyle="--")
    ax.plot(*values.roc, color="#0072B2", linewidth=1.5, drawstyle="steps-post")
    ax.hlines(values.tpr, values.fpr, values.fpr_upper, color="black", linewidth=1)
    ax.plot(values.fpr, values.tpr, "o", color="black", markersize=7)
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal", xticks=[0, 0.5, 1])
    ax.set(yticks=[0, 0.5, 1], xlabel="false-positive rate", ylabel="true-positive rate")
    ax.set_title(f"test images, AUC {values.auc:.2f}", fontsize=9)
    return ax


def embedding_scatter(points: np.ndarray, role: np.ndarray, ax: Axes | None = None) -> Axes:
    """Every image at its place (n, 2) on the map of embeddings, coloured by role.

    Taught in notebook 06.
    """
    ax = axes(ax, 5.5, 4.2)
    size = np.clip(12_000 / max(len(points), 1), 2, 16)
    for name, colour in ROLE_COLOURS.items():
        some = points[role == name]
        if len(some):
            ax.scatter(*some.T, s=size, color=colour, alpha=0.35, linewidths=0, label=_words(name))
    ax.set(xticks=[], yticks=[])
    legend = ax.legend(frameon=False, fontsize=8, loc="upper right", markerscale=2)
    for handle in legend.legend_handles:
        handle.set_alpha(1)
    return ax


def _words(name: str) -> str:
    return name.replace("_", " ")


def _short(title: str) -> str:
    return title if len(title) <= 22 else f"{title[:11]}…{title[-10:]}"


def _wrapped(text: str, width: int = 46) -> str:
    return "\n".join(textwrap.wrap(text, width, break_long_words=True))


def _put(canvas: np.ndarray, down: int, across: int, picture: np.ndarray) -> None:
    top, left = down * (CELL + GAP), across * (CELL + GAP)
    canvas[top : top + CELL, left : left + CELL] = picture


def _together(faces: list) -> np.ndarray:
    """One face, or up to four in quarters; grey where there is no photograph."""
    blank = np.full((CELL, CELL, 3), 215, np.uint8)
    whole = [blank if face is None else face for face in faces]
    if len(whole) == 1:
        return whole[0]
    quarters = [face[::2, ::2] for face in whole[:4]] + [blank[::2, ::2]] * (4 - len(whole[:4]))
    return np.vstack([np.hstack(quarters[:2]), np.hstack(quarters[2:])])


def _enlarged(map_: np.ndarray) -> np.ndarray:
    """(h, w, 3) with every cell of the map as a flat square."""
    rows, columns = (np.arange(CELL) * side // CELL for side in map_.shape[:2])
    return map_[rows][:, columns]
