"""The figures of notebook 06 as the page shows them: fast, and each with an alternative text."""

import base64
import io
from collections.abc import Callable
from html import escape

from matplotlib import rc_context
from matplotlib.figure import Figure

from mint_utils.explorer.selection import Pictures, Values, in_words
from mint_utils.figures.explorer import channel_roc, channel_values, faces_and_maps

DPI = 120
SIZES = {  # whatever figures were drawn in the notebook before, these have their own
    "font.size": 9, "font.family": "sans-serif", "axes.labelsize": 9, "axes.titlesize": 9,
    "axes.titlelocation": "center", "xtick.labelsize": 9, "ytick.labelsize": 9,
    "xtick.major.size": 3.5, "ytick.major.size": 3.5, "axes.linewidth": 0.8,
}  # fmt: skip


def picture_of_maps(pictures: Pictures) -> str:
    """Faces, maps and their differences, as an <img>."""
    size = (4.4, 1.33 * (1 + len(pictures.maps)) + 0.35)
    alt = (
        f"{pictures.roles[0]} {pictures.titles[0]} and {pictures.roles[1]} {pictures.titles[1]}: "
        f"faces, maps of {pictures.tap} channel {pictures.channel}, and their difference"
    )
    return _image(lambda f: faces_and_maps(pictures, f.add_axes([0.04, 0, 0.95, 1])), size, alt)


def picture_of_values(values: Values) -> str:
    """The distribution over all images, and the ROC under it, as an <img>."""
    return _image(lambda figure: _values_and_roc(values, figure), (4.6, 5.3), in_words(values))


def data_uri(content: bytes, kind: str) -> str:
    """A picture as an address that holds it: ``kind`` is png or jpeg."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _values_and_roc(values: Values, figure: Figure) -> None:
    channel_values(values, figure.add_axes([0.05, 0.6, 0.9, 0.35]))
    channel_roc(values, figure.add_axes([0.2, 0.085, 0.66, 0.37]))


def _image(draw: Callable[[Figure], object], size: tuple[float, float], alt: str) -> str:
    """What ``draw`` puts on a figure of that size in inches; pyplot keeps none open."""
    figure, buffer = Figure(figsize=size), io.BytesIO()
    with rc_context(SIZES):
        draw(figure)
        figure.savefig(buffer, dpi=DPI, facecolor="white", pil_kwargs={"compress_level": 1})
    width, height = (round(DPI * inches) for inches in size)
    return (
        f'<img class="mint-picture" alt="{escape(alt)}" width="{width}" height="{height}" '
        f'decoding="sync" src="{data_uri(buffer.getvalue(), "png")}">'
    )
