"""The explorer of notebook 06: pure ``select``, pure ``draw``, and a thin shell of widgets.

The shell puts a PNG into an ``ipywidgets.Image``. It never uses ``Output``: notebooks that draw
into one hang now and then when they are executed for a report.
"""

import io
from dataclasses import dataclass, replace

import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mint_utils.activations.recorded import Activations
from mint_utils.choices import not_a_choice
from mint_utils.evidence.metrics import auc, share
from mint_utils.faces import FaceSet
from mint_utils.figures.style import ROLE_COLOURS, axes


@dataclass(frozen=True)
class Material:
    """What the explorer looks at: faces, the audited model's activations, all scores."""

    faces: FaceSet
    activations: Activations
    scores: pd.DataFrame

    @property
    def sides(self) -> tuple[str, str]:
        """The two roles that are compared."""
        has_members = (self.faces.table["role"] == "member").any()
        return ("member" if has_members else "held_out"), "external"


@dataclass(frozen=True)
class Choice:
    """What the reader has chosen. ``member`` and ``external`` are image ids."""

    tap: str
    channel: int
    member: str
    external: str
    threshold: float


@dataclass(frozen=True)
class Selection:
    """What a choice shows: faces (2, s, s, 3), maps (2, h, w), values of all images by role."""

    choice: Choice
    roles: tuple[str, str]
    faces: np.ndarray
    maps: np.ndarray
    values: np.ndarray  # (n,) the channel's pooled value of every image
    role: np.ndarray  # (n,)
    marked: np.ndarray  # (2,) values of the two images
    tpr: float
    fpr: float


def default_choice(material: Material) -> Choice:
    """The tap and channel that part the two sides most on fit persons; the images in the middle."""
    table, (one, other) = material.faces.table, material.sides
    split = "fit" if (table["split"] == "fit").any() else "test"
    rows = np.flatnonzero(table["role"].isin([one, other]) & (table["split"] == split))
    positive = (table["role"] == one).to_numpy()[rows]
    best = (-1.0, "", 0)
    for tap in material.activations.taps:
        values = material.activations.vector(tap)[rows]
        apart = [abs(auc(channel, positive) - 0.5) for channel in values.T]
        best = max(best, (max(apart), tap, int(np.argmax(apart))))
    _, tap, channel = best
    values = material.activations.vector(tap)[:, channel]
    middle = [_middle_image(material, values, role) for role in (one, other)]
    threshold = float(np.median(values[rows]))
    return Choice(tap, channel, *middle, threshold)


def _middle_image(material: Material, values: np.ndarray, role: str) -> str:
    rows = np.flatnonzero((material.faces.table["role"] == role) & material.activations.mapped)
    return material.faces.table["image_id"][rows[np.argsort(values[rows])[len(rows) // 2]]]


def select(material: Material, choice: Choice) -> Selection:
    """Look a choice up. ValueError for a tap, channel or image that is not there."""
    table, sides = material.faces.table, material.sides
    all_values = material.activations.vector(choice.tap)
    if not 0 <= choice.channel < all_values.shape[1]:
        raise ValueError(f"{choice.tap} has channels 0 to {all_values.shape[1] - 1}")
    ids = table["image_id"].tolist()
    for image in (choice.member, choice.external):
        if image not in ids:
            raise ValueError(not_a_choice("image", image, ids[:20]))
    rows = [ids.index(choice.member), ids.index(choice.external)]
    values, role = all_values[:, choice.channel], table["role"].to_numpy()
    maps = material.activations.maps(choice.tap, np.array(rows))[:, choice.channel].float().numpy()
    # On test only, and as a detector would call it: the side that is higher on average.
    test = (table["split"] == "test").to_numpy()
    positive, negative = (test & (role == side) for side in sides)
    above = values >= choice.threshold
    if values[positive].mean() < values[negative].mean():
        above = ~above
    return Selection(
        choice, sides, material.faces.pixels(96, rows), maps, values, role, values[rows],
        float(share(above[positive])[0]), float(share(above[negative])[0]),
    )  # fmt: skip


def draw(selection: Selection) -> Figure:
    """Two faces, their maps, the channel's values over all images, the threshold and its cost."""
    figure = plt.figure(figsize=(10, 3.6), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=[1.15, 1])
    cells = left.subplots(2, 2)
    low, high = selection.maps.min(), selection.maps.max()
    for row, role in enumerate(selection.roles):
        cells[row, 0].imshow(selection.faces[row])
        cells[row, 0].set_title(role.replace("_", " "), color=ROLE_COLOURS[role], fontsize=10)
        cells[row, 1].imshow(selection.maps[row], cmap="magma", vmin=low, vmax=high)
        cells[row, 1].set_title(f"{selection.choice.tap} #{selection.choice.channel}", fontsize=10)
        for cell in cells[row]:
            cell.set_axis_off()
    ax = axes(right.subplots())
    bins = np.linspace(selection.values.min(), selection.values.max(), 40)
    for side, value in zip(selection.roles, selection.marked, strict=True):
        some = selection.values[selection.role == side]
        colour = ROLE_COLOURS[side]
        ax.hist(some, bins, density=True, alpha=0.35, color=colour, label=side.replace("_", " "))
        ax.axvline(value, color=colour, linestyle=":", linewidth=1.5)
    ax.axvline(selection.choice.threshold, color="black", linewidth=1.5)
    ax.set(xlabel="pooled value of the channel", ylabel="density")
    ax.set_title(f"threshold: TPR {selection.tpr:.0%}, FPR {selection.fpr:.0%} on test")
    ax.legend(frameon=False, fontsize=8)
    return figure


def as_png(figure: Figure) -> bytes:
    """The figure as PNG bytes; closes it."""
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=100, facecolor="white")
    plt.close(figure)
    return buffer.getvalue()


def explore(material: Material) -> widgets.Widget:
    """Sliders and menus beside the picture they change."""
    choice = default_choice(material)
    table = material.faces.table[material.activations.mapped]
    images = [table.loc[table["role"] == side, "image_id"].tolist() for side in material.sides]
    channels = material.activations.vector(choice.tap).shape[1]
    values = material.activations.vector(choice.tap)[:, choice.channel]
    tap = widgets.Dropdown(options=material.activations.taps, value=choice.tap, description="tap")
    channel = widgets.IntSlider(choice.channel, 0, channels - 1, description="channel")
    member = widgets.Dropdown(options=images[0], value=choice.member, description="member")
    external = widgets.Dropdown(options=images[1], value=choice.external, description="external")
    threshold = widgets.FloatSlider(
        choice.threshold, min=values.min(), max=values.max(), step=float(np.ptp(values)) / 200,
        description="threshold", readout_format=".3f", continuous_update=False,
    )  # fmt: skip
    picture = widgets.Image(format="png", value=as_png(draw(select(material, choice))))

    def refit_sliders(_change) -> None:
        """Another tap or channel has another range."""
        channel.max = material.activations.vector(tap.value).shape[1] - 1
        values = material.activations.vector(tap.value)[:, channel.value]
        low, high = float(values.min()), float(values.max())
        with threshold.hold_sync():  # widen, move, narrow: no step on the way is refused or shown
            threshold.min, threshold.max = min(threshold.min, low), max(threshold.max, high)
            threshold.value = float(np.median(values))
            threshold.min, threshold.max = low, high

    def redraw(_change) -> None:
        now = replace(
            choice, tap=tap.value, channel=channel.value, member=member.value,
            external=external.value, threshold=threshold.value,
        )  # fmt: skip
        picture.value = as_png(draw(select(material, now)))

    for control in (tap, channel):
        control.observe(refit_sliders, "value")
    for control in (tap, channel, member, external, threshold):
        control.observe(redraw, "value")
    controls = widgets.VBox([tap, channel, member, external, threshold])
    controls.layout.flex = "0 0 310px"  # the picture gives way, never the controls
    picture.layout = widgets.Layout(flex="1 1 0", min_width="0", object_fit="contain")
    return widgets.HBox([controls, picture])
