"""Colours and axes that all figures share.

The palette is Okabe and Ito's, with a darker grey: theirs is that of their pink to somebody who
sees no green. tests/test_style.py measures every pair as colour-blind eyes see it.
"""

import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

GREY = "#666666"  # what is compared with: pixels, the best control, impostors
ROLE_COLOURS = {
    "member": "#0072B2",
    "held_out": "#56B4E9",
    "external": "#D55E00",
}
TARGET_COLOURS = {
    "audited": "#0072B2",
    "untrained_twin": "#E69F00",
    "reference_twin": "#CC79A7",
    "pixels": GREY,
    "swapped_halves": "#D55E00",
    "shuffled_labels": "#000000",
}
TARGET_NAMES = {
    "audited": "audited model",
    "untrained_twin": "untrained twin (control)",
    "reference_twin": "reference twins (control)",
    "pixels": "pixels, no model (control)",
    "swapped_halves": "trained on the other half",
    "shuffled_labels": "shuffled labels",
}
ACCESS_NAMES = {
    "outcome": "embeddings",
    "activations": "activations",
    "twin": "reference models",
    "head_blind": "class centres\n(no names)",
    "head_named": "class centres\nwith names",
}
ACCESS_COLOURS = {
    "outcome": "#56B4E9",
    "activations": "#0072B2",
    "twin": "#CC79A7",
    "head_blind": "#009E73",
    "head_named": "#D55E00",
}
CONTRAST_NAMES = {
    "member_vs_external": "member images against\npersons never seen",
    "member_vs_held_out": "member images against\nother photos of the same persons",
    "held_out_vs_external": "unseen photos of member persons\nagainst persons never seen",
}
METHOD_NAMES = {
    "vanilla": "Vanilla MINT",
    "cnn": "CNN MINT",
    "calibrated": "calibrated MINT",
    "gradient": "gradient MINT",
    "embedding_norm": "embedding norm",
    "one_class": "distance from strangers",
    "flip_consistency": "flip consistency",
    "head_max": "largest head cosine",
    "head_margin": "head margin",
    "head_entropy": "head entropy",
    "augmentation_consistency": "augmentation consistency",
    "batch_norm_distance": "closeness to batch norm",
    "head_views": "head cosine over views",
    "head_named": "own head cosine",
    "amint": "aMINT head",
    "head_of_mean": "head cosine of the mean",
    "lira_norm": "LiRA on the norm",
    "lira_consistency": "LiRA on consistency",
    "rmia_norm": "RMIA on the norm",
    "rmia_consistency": "RMIA on consistency",
    "similarity": "similarity within",
    "spread": "spread within",
    "lira_similarity": "LiRA on similarity",
    "lira_spread": "LiRA on spread",
}
SEVERAL = (
    "vanilla",
    "cnn",
    "calibrated",
    "gradient",
    "one_class",
    "augmentation_consistency",
)  # of several kinds of data


def axes(ax: Axes | None, width: float = 7, height: float = 4) -> Axes:
    """``ax``, or new axes of that size in inches, in the study's style."""
    if ax is None:
        sns.set_theme(context="notebook", style="ticks", font_scale=0.9)
        plt.rcParams |= {"figure.dpi": 110, "axes.titlelocation": "left", "axes.titlesize": 11}
        ax = plt.subplots(figsize=(width, height), layout="constrained")[1]
    sns.despine(ax=ax)
    return ax


def panels(count: int, width: float, height: float, beside: float = 1.2) -> tuple[Figure, list]:
    """A figure and ``count`` axes in a row, each ``width`` inches wide, with one vertical axis.

    ``beside`` is the room for its labels, in inches.
    """
    plt.close(axes(None, 1, 1).get_figure(root=True))  # sets the style
    figure, row = plt.subplots(
        1, count, figsize=(beside + width * count, height), sharey=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    return figure, list(row[0])


def legend_below(ax: Axes, columns: int) -> None:
    """A legend half an inch under the axis, whatever the height of the axes."""
    down = ScaledTranslation(0, -0.55, ax.get_figure(root=True).dpi_scale_trans)
    ax.legend(
        frameon=False, fontsize=8, loc="upper left", ncols=columns, borderaxespad=0,
        bbox_to_anchor=(0, 0), bbox_transform=ax.transAxes + down,
    )  # fmt: skip


def method_name(method: str, aad: str) -> str:
    """``Vanilla MINT, stage3``; rivals have one kind of data and need no second word."""
    name = METHOD_NAMES.get(method, method)
    return f"{name}, {aad.replace('_', ' ')}" if method in SEVERAL else name
