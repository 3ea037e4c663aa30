"""Which channels tell the sides apart, and which of them only seem to.

A network has hundreds of channels: some part any two groups of persons by chance. So every channel
is tested, and the p-values are corrected for having looked at all of them.
"""

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control, ttest_ind

FALSE_DISCOVERIES = 0.05  # the part of the discoveries that may be false


def person_means(values: np.ndarray, identity: np.ndarray) -> pd.DataFrame:
    """The mean of each channel over each person's images: persons, not images, are drawn."""
    return pd.DataFrame(values).groupby(np.asarray(identity)).mean()


def effects(values: np.ndarray, identity: np.ndarray, positive: np.ndarray) -> pd.DataFrame:
    """``channel``, ``effect`` (Cohen's d over persons) and ``p`` (Welch's t, two-sided).

    ``values`` is (n, C), ``positive`` (bool, n) the side that counts upwards. A channel that is
    the same for everybody has effect 0 and p 1; so has any with fewer than two persons on a side.
    """
    one, other = (
        person_means(values[side], identity[side]).to_numpy(float)
        for side in (positive, ~positive)
    )  # fmt: skip
    if min(len(one), len(other)) < 2:
        effect, p = np.zeros(values.shape[1]), np.ones(values.shape[1])
    else:
        spread = np.sqrt((one.var(0, ddof=1) + other.var(0, ddof=1)) / 2)
        with np.errstate(invalid="ignore", divide="ignore"):
            effect = np.where(spread > 0, (one.mean(0) - other.mean(0)) / spread, 0.0)
            p = ttest_ind(one, other, equal_var=False).pvalue
    return pd.DataFrame(
        {"channel": np.arange(len(effect)), "effect": effect, "p": np.nan_to_num(p, nan=1.0)}
    )


def ranked(by_tap: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The tests of all taps, ``tap`` first, largest effect first, with ``q`` and ``discovery``.

    q is corrected over every channel of every tap by Benjamini and Yekutieli, whose bound on false
    discoveries holds however the channels depend on one another.
    """
    table = pd.concat([tests.assign(tap=tap) for tap, tests in by_tap.items()], ignore_index=True)
    table["q"] = false_discovery_control(table["p"], method="by")
    table["discovery"] = table["q"] <= FALSE_DISCOVERIES
    order = table["effect"].abs().sort_values(ascending=False, kind="stable").index
    return table.loc[order, ["tap", "channel", "effect", "p", "q", "discovery"]].reset_index(
        drop=True
    )
