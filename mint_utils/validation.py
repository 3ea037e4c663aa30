"""Which fit persons are kept out of the fitting: choices and early stopping look at them."""

import numpy as np
import pandas as pd

from mint_utils.chance import chance

VALIDATION = 0.35  # part of the fit persons that is not fitted on


def validation_persons(table: pd.DataFrame, seed: int) -> np.ndarray:
    """bool (n,): images of the fit persons kept out of the fitting, VALIDATION of each side."""
    sides = _sides_by_chance(table[table["split"] == "fit"], seed)
    chosen = [p for side in sides for p in side[: max(1, round(VALIDATION * len(side)))]]
    return table["identity"].isin(chosen).to_numpy()


def stopping_persons(validation: pd.DataFrame, seed: int, detector_seed: int) -> set[str]:
    """The validation persons on whom one detector's fit is stopped: every other one of each side.

    The others come with the next detector seed. Who stopped a fit scores well by that alone, and
    must not choose between what was fitted and what was not. Where a side has one person only,
    all do both.
    """
    sides = _sides_by_chance(validation, seed)
    if min(map(len, sides), default=0) > 1:
        sides = [side[detector_seed % 2 :: 2] for side in sides]
    return set().union(*sides)


def _sides_by_chance(table: pd.DataFrame, seed: int) -> list[list[str]]:
    """The persons of each side in an order that chance gave them."""
    return [
        sorted(side["identity"].unique(), key=lambda p: chance(seed, "validation", p))
        for _, side in table.groupby(table["role"] == "external")
    ]
