"""Figures of notebook 09: the faces that were asked about, and where they stand."""

import numpy as np
from matplotlib.axes import Axes

from mint_utils.asking.answers import Answer
from mint_utils.figures.style import ACCESS_COLOURS, ACCESS_NAMES, axes, legend_below


def faces_taken(answer: Answer, size: int = 96, ax: Axes | None = None) -> Axes:
    """The face of each photograph as it was cropped, twelve a row at most.

    Taught in notebook 09.
    """
    faces = answer.faces.pixels(size)
    columns = min(len(faces), 12)
    rows = -(-len(faces) // columns)
    canvas = np.full((rows * size, columns * size, 3), 255, np.uint8)
    for place, face in enumerate(faces):
        top, left = place // columns * size, place % columns * size
        canvas[top : top + size, left : left + size] = face
    ax = axes(ax, 1.1 * columns, 1.1 * rows)
    ax.imshow(canvas, interpolation="none")
    ax.set_axis_off()
    return ax


def among_strangers(answers: dict[str, Answer], ax: Axes | None = None) -> Axes:
    """A dot a photograph and access: the part of strangers that score as high.

    ``answers`` have a row each, by name. Dots at the left are what few strangers reach; the dotted
    line is one of twenty. Hollow dots are of methods that the run could not show to work.

    Taught in notebook 09.
    """
    ax = axes(ax, 7, 1.1 * len(answers) + 1.2)
    levels = list(ACCESS_COLOURS)
    for row, answer in enumerate(answers.values()):
        for access, images in answer.images.groupby("access", sort=False):
            y = row + (levels.index(access) - 1.5) * 0.16
            shown = (images["verdict"] == "membership shown").all()
            ax.plot(
                images["p_value"], np.full(len(images), y), "o", color=ACCESS_COLOURS[access],
                markerfacecolor=ACCESS_COLOURS[access] if shown else "white", alpha=0.8,
                label=None if row else ACCESS_NAMES[access].replace("\n", " "), clip_on=False,
            )  # fmt: skip
    ax.axvline(0.05, color="black", linestyle=":", linewidth=1)
    ax.set_yticks(range(len(answers)), list(answers))
    ax.set(xlim=(0, 1), ylim=(len(answers) - 0.5, -0.5))
    ax.set_xlabel("part of strangers whose photographs score as high")
    legend_below(ax, 3)
    return ax
