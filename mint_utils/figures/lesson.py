"""The one figure of notebook 00 that no other notebook draws."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from mint_utils.figures.style import ROLE_COLOURS, axes, legend_below


def albums_by_similarity(albums: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """A dot an album, by number of photos; members left, externals right, bars at the medians.

    ``albums`` has ``photos``, ``role`` and ``similarity``.

    Taught in notebook 00.
    """
    ax = axes(ax, 6.4, 3.4)
    sizes = sorted(albums["photos"].unique())
    scatter = np.random.default_rng(0)
    for shift, role in ((-0.17, "member"), (0.17, "external")):
        for place, photos in enumerate(sizes):
            some = albums.loc[(albums["role"] == role) & (albums["photos"] == photos), "similarity"]
            x = place + shift + scatter.uniform(-0.12, 0.12, len(some))
            label = role if place == 0 else None
            ax.scatter(x, some, s=14, color=ROLE_COLOURS[role], alpha=0.6, label=label)
            ends = (place + shift - 0.14, place + shift + 0.14)
            ax.plot(ends, [some.median()] * 2, color="black", linewidth=1.6)
    ax.set_xticks(range(len(sizes)), [f"album of {photos}" for photos in sizes])
    ax.set_ylabel("mean cosine within the album")
    legend_below(ax, 2)
    return ax
