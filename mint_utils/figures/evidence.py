"""Figures of notebooks 04 and 05: scores, ROC curves with intervals, detectors beside controls."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from mint_utils.evidence.bootstrap import person_weights
from mint_utils.evidence.measure import in_contrast
from mint_utils.evidence.metrics import SortedScores
from mint_utils.figures.style import (
    CONTRAST_NAMES,
    GREY,
    ROLE_COLOURS,
    TARGET_COLOURS,
    TARGET_NAMES,
    axes,
    legend_below,
    method_name,
)


def score_distributions(scores: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Densities of one method's test scores by role; the further apart, the more can be told.

    Taught in notebook 04.
    """
    ax = axes(ax, 6.5, 3)
    test = scores[scores["split"] == "test"]
    palette = {role: colour for role, colour in ROLE_COLOURS.items() if role in set(test["role"])}
    sns.histplot(
        data=test, x="score", hue="role", hue_order=list(palette), palette=palette, bins=50,
        stat="density", common_norm=False, element="step", fill=True, alpha=0.25, ax=ax,
    )  # fmt: skip
    ax.get_legend().set(title=None, frame_on=False)
    for text in ax.get_legend().get_texts():
        text.set_text(text.get_text().replace("_", " "))
    ax.set(xlabel="score (larger: likelier a member)", ylabel="density")
    return ax


def roc_with_interval(
    scores: pd.DataFrame, contrast: str, log: bool = False, resamples: int = 300, ax=None
) -> Axes:
    """Test ROC of one method on each target in ``scores``, with the 95 % band over persons.

    ``log`` puts the false-positive rate on a logarithmic axis, where an accusation is decided.

    Taught in notebook 05.
    """
    ax = axes(ax, 4.6, 4.2)
    compared = in_contrast(scores, contrast)
    negatives = compared[(compared["split"] == "test") & ~compared["positive"]]
    least = 1 / negatives["identity"].nunique()  # a smaller rate cannot be seen
    grid = np.geomspace(least, 1, 200) if log else np.linspace(0, 1, 200)
    for target, rows in compared.groupby("target", sort=False):
        test = rows[rows["split"] == "test"].sort_values("unit")
        positive, identity = test["positive"].to_numpy(), test["identity"].to_numpy()
        ordered = SortedScores(test["score"].to_numpy(), positive)
        weights = person_weights(identity, positive, resamples)
        fpr, tpr = ordered.roc(weights)
        curves = [_steps(x, y, grid) for x, y in zip(fpr, tpr, strict=True)]
        low, high = np.quantile(curves, [0.025, 0.975], axis=0)
        ax.fill_between(grid, low, high, color=TARGET_COLOURS[target], alpha=0.15, linewidth=0)
        (fpr,), (tpr,) = ordered.roc()
        label = f"{TARGET_NAMES[target]}: {ordered.auc()[0]:.2f}"
        ax.plot(grid, _steps(fpr, tpr, grid), color=TARGET_COLOURS[target], label=label)
    ax.plot(grid, grid, ":", color="black", linewidth=1)
    if log:
        ax.set_xscale("log")
    ax.set(xlabel="false-positive rate", ylabel="true-positive rate")
    ax.set(xlim=(grid[0], 1), ylim=(0, 1.01))
    ax.legend(frameon=False, fontsize=8, title="AUC", loc="upper left" if log else "lower right")
    return ax


def _steps(fpr: np.ndarray, tpr: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """The ROC read off at ``grid`` without interpolation: the best TPR with that FPR or less."""
    return tpr[np.searchsorted(fpr, grid, side="right") - 1]


def detectors_beside_controls(metrics: pd.DataFrame, contrast: str, ax: Axes | None = None) -> Axes:
    """AUC of every method with its interval, on the audited model and on what cannot know.

    The grey band is the strongest pixels control: a point inside it may be the dataset.

    Taught in notebook 05.
    """
    some = metrics[
        (metrics["contrast"] == contrast) & (metrics["metric"] == "auc")
        & (metrics["seed"] == "all") & (metrics["unit_kind"] == "image")
    ]  # fmt: skip
    audited = some[some["target"] == "audited"]
    keys = list(zip(audited["method"], audited["aad"], strict=True))
    ax = axes(ax, 7.5, 0.34 * len(keys) + 1.6)
    pixels = some[some["target"] == "pixels"]
    if len(pixels):
        best = pixels.loc[pixels["value"].idxmax()]
        ax.axvspan(best["low"], best["high"], color=GREY, alpha=0.25, linewidth=0,
                   label=f"{TARGET_NAMES['pixels']}: {best['value']:.2f}")  # fmt: skip
    shown = [t for t in ("untrained_twin", "reference_twin", "audited") if t in set(some["target"])]
    for place, target in enumerate(shown):
        rows = some[some["target"] == target]
        rows = rows[[key in keys for key in zip(rows["method"], rows["aad"], strict=True)]]
        y = np.array([keys.index(key) for key in zip(rows["method"], rows["aad"], strict=True)])
        errors = [(rows["value"] - rows["low"]).clip(0), (rows["high"] - rows["value"]).clip(0)]
        ax.errorbar(
            rows["value"], y + 0.2 - 0.2 * place, xerr=errors, fmt="o", markersize=5,
            color=TARGET_COLOURS[target], linewidth=1.4, label=TARGET_NAMES[target],
        )  # fmt: skip
    ax.axvline(0.5, color="black", linestyle=":", linewidth=1)
    ax.set_yticks(range(len(keys)), [method_name(*key) for key in keys])
    ax.set(
        xlabel="AUC with 95 % interval over persons",
        xlim=(min(0.3, some["low"].min() - 0.02), 1.01),
    )
    ax.set_ylim(len(keys) - 0.5, -0.5)
    ax.set_title(CONTRAST_NAMES[contrast].replace("\n", " "))
    legend_below(ax, 3)
    return ax
