"""Activation differences before any detector: single channels, and images to look at."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from mint_utils.activations.recorded import Activations
from mint_utils.faces import FaceSet

ONE_MODEL = ("audited", "untrained_twin", "pixels")  # targets whose channels mean one thing


def opposite_rows(table: pd.DataFrame, mapped: np.ndarray, each: int = 2) -> list[int]:
    """Rows of ``each`` images of member persons, then as many of externals, all different persons.

    Member images come first where there are any, else held-out ones. Only images whose maps are
    kept (``mapped``, bool, one an image) are taken.

    Taught in notebook 03.
    """
    role = "member" if (table["role"] == "member").any() else "held_out"
    rows = []
    for side in (role, "external"):
        some = table[(table["role"] == side) & mapped].drop_duplicates("identity")
        rows += some.index[:each].tolist()
    return rows


def separation_table(
    targets: Mapping[str, Activations], faces: FaceSet, shuffles: int = 100
) -> pd.DataFrame:
    """How far single channels part member from external images of the fit persons.

    One row a target and tap: ``separation`` is the mean over channels of |AUC - 0.5|, and
    ``by_chance`` what 95 % of ``shuffles`` of the roles over persons stay below. No detector is
    involved and no test image (but where nothing is fitted, all images are test images).

    Taught in notebook 03.
    """
    table = faces.table
    split = "fit" if (table["split"] == "fit").any() else "test"
    roles = ["member" if (table["role"] == "member").any() else "held_out", "external"]
    rows = np.flatnonzero((table["split"] == split) & table["role"].isin(roles))
    positive = (table["role"] != "external").to_numpy()[rows]
    shuffled = _shuffled_over_persons(table["identity"].to_numpy()[rows], positive, shuffles)
    found = []
    for target in (name for name in ONE_MODEL if name in targets):
        activations = targets[target]
        for tap in [*activations.taps, "outcome"]:
            apart = _apart(activations.vector(tap)[rows], np.vstack([positive, shuffled]))
            found.append(
                {
                    "target": target,
                    "tap": tap,
                    "separation": apart[0],
                    "by_chance": float(np.quantile(apart[1:], 0.95)),
                }
            )
    return pd.DataFrame(found)


def _shuffled_over_persons(identity, positive: np.ndarray, shuffles: int) -> np.ndarray:
    """bool (shuffles, n): whole persons exchange their sides."""
    persons, first, code = np.unique(identity, return_index=True, return_inverse=True)
    rng = np.random.default_rng(0)
    return np.array([rng.permutation(positive[first])[code] for _ in range(shuffles)])


def _apart(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Mean |AUC - 0.5| over channels, for each row of ``labels`` (L, n); ranks are taken once."""
    ranks = rankdata(values, axis=0)
    labels = labels.astype(float)
    m, n = labels.sum(1, keepdims=True), (1 - labels).sum(1, keepdims=True)
    area = (labels @ ranks - m * (m + 1) / 2) / (m * n)  # Mann and Whitney's U over m n
    return np.abs(area - 0.5).mean(1)
