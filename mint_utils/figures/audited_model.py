"""Figures of notebook 02: how the model learned, and how well it recognises strangers."""

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from mint_utils.figures.style import GREY, axes


def training_loss(losses: list[float], ax: Axes | None = None) -> Axes:
    """The loss an epoch; where it flattens the model has fitted its members.

    Taught in notebook 02.
    """
    ax = axes(ax, 5, 3)
    ax.plot(range(1, len(losses) + 1), losses, color="#0072B2", linewidth=2)
    ax.set(xlabel="epoch", ylabel="training loss", ylim=(0, None))
    return ax


def verification_cosines(pairs: pd.DataFrame, figures: pd.DataFrame, ax=None) -> Axes:
    """Cosines of genuine and impostor pairs of persons the model never saw.

    Taught in notebook 02.
    """
    ax = axes(ax, 6, 3)
    kind = pairs["genuine"].map({True: "genuine (same person)", False: "impostor"})
    sns.histplot(
        x=pairs["cosine"], hue=kind, bins=60, element="step", stat="density", common_norm=False,
        palette={"genuine (same person)": "#009E73", "impostor": GREY}, ax=ax,
    )  # fmt: skip
    ax.get_legend().set(title=None, frame_on=False)
    ax.set(xlabel="cosine of the two embeddings", ylabel="density")
    ax.set_title(f"verification AUC {figures['auc'][0]:.3f} on {figures['persons'][0]:.0f} persons")
    return ax
