"""Swapped halves: a second model, trained on the externals instead of the members.

What a method says of the pictures it says through both models; what it says of the training turns
round. So the scores of A must be higher for A's members, those of B lower, and their difference
should part them best.
"""

import numpy as np
import pandas as pd
from tqdm import tqdm

from mint_utils.evidence.bootstrap import auc_interval, person_weights
from mint_utils.evidence.measure import contrasts_of, in_contrast, units_of
from mint_utils.evidence.metrics import SortedScores

KEYS = ["method", "kind", "aad", "access"]
SCORES = ("a", "b", "difference")


def swapped_table(scores: pd.DataFrame, resamples: int, seed: int) -> pd.DataFrame:
    """One row a method, unit and contrast: AUC against A's roles of A's scores (``auc_a``), of
    B's (``auc_b``) and of their difference, each with ``_low`` and ``_high``; test persons only.

    Both are standardised over the test units before they are subtracted. Of single images the
    externals' set-aside quarter counts although B did not train on it, which holds B back a little;
    albums are matched. Empty without a swapped model.

    Taught in notebook 05.
    """
    both = scores[scores["target"].isin(["audited", "swapped_halves"]) & (scores["seed"] == "all")]
    rows = []
    units_there = units_of(both[both["split"] == "test"])
    swapped = "swapped_halves" in set(both["target"])
    for unit_kind, k, units in tqdm(
        units_there, desc="both halves", unit="size", disable=not swapped
    ):
        for contrast in contrasts_of(units):
            for keys, some in in_contrast(units, contrast).groupby(KEYS, sort=False):
                about = {"contrast": contrast, "unit_kind": unit_kind, "k": k}
                measured = _turned_round(some, resamples, seed)
                if measured:
                    rows.append(about | dict(zip(KEYS, keys, strict=True)) | measured)
    return pd.DataFrame(rows)


def _turned_round(some: pd.DataFrame, resamples: int, seed: int) -> dict:
    wide = some.pivot(index="unit", columns="target", values="score")
    if set(wide.columns) != {"audited", "swapped_halves"} or wide.isna().any(axis=None):
        return {}
    about = some.drop_duplicates("unit").set_index("unit").loc[wide.index]
    positive, identity = about["positive"].to_numpy(), about["identity"].to_numpy()
    if positive.all() or not positive.any():
        return {}
    a, b = (_standardised(wide[name].to_numpy()) for name in ("audited", "swapped_halves"))
    weights = person_weights(identity, positive, resamples, seed)
    sides = [len(np.unique(identity[side])) for side in (positive, ~positive)]
    found = {}
    for name, score in zip(SCORES, (a, b, a - b), strict=True):
        ordered = SortedScores(score, positive)
        point = float(ordered.auc()[0])
        low, high = auc_interval(point, ordered.auc(weights), *sides)
        found |= {f"auc_{name}": point, f"{name}_low": low, f"{name}_high": high}
    return found


def _standardised(score: np.ndarray) -> np.ndarray:
    return (score - score.mean()) / max(float(score.std()), 1e-12)
