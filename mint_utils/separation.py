"""Activation differences before any detector: single channels, and images to look at."""

import numpy as np
import pandas as pd

from mint_utils.activations.store import Activations
from mint_utils.evidence.metrics import auc
from mint_utils.faces import FaceSet


def opposite_rows(table: pd.DataFrame, each: int = 2) -> list[int]:
    """Rows of ``each`` images of member persons, then as many of externals, all different persons.

    Member images come first where there are any, else held-out ones.
    """
    role = "member" if (table["role"] == "member").any() else "held_out"
    rows = []
    for side in (role, "external"):
        some = table[table["role"] == side].drop_duplicates("identity")
        rows += some.index[:each].tolist()
    return rows


def separation_table(targets: dict[str, Activations], faces: FaceSet) -> pd.DataFrame:
    """How far single channels separate member from external images of the fit persons.

    One row a target and tap: ``separation`` is the mean over channels of |AUC - 0.5|, and
    ``by_chance`` the same after shuffling the roles over persons. No detector, no test image.
    """
    table = faces.table
    fit = table["split"] == "fit" if (table["split"] == "fit").any() else table["split"] == "test"
    has_members = (table["role"] == "member").any()
    rows = np.flatnonzero(fit & ~((table["role"] == "held_out") & has_members))
    positive = (table["role"] != "external").to_numpy()[rows]
    persons, code = np.unique(table["identity"].to_numpy()[rows], return_inverse=True)
    side = np.zeros(len(persons), bool)
    side[code] = positive
    shuffled = np.random.default_rng(0).permutation(side)[code]
    found = []
    for target, activations in targets.items():
        for tap in [*activations.taps, "outcome"]:
            values = activations.vector(tap)[rows]
            found.append(
                {"target": target, "tap": tap, "separation": _separation(values, positive),
                 "by_chance": _separation(values, shuffled)}
            )  # fmt: skip
    return pd.DataFrame(found)


def _separation(values: np.ndarray, positive: np.ndarray) -> float:
    return float(np.mean([abs(auc(channel, positive) - 0.5) for channel in values.T]))
