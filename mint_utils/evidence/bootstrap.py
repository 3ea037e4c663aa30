"""Intervals over persons: photos of one person are not independent, so persons are drawn.

Persons are resampled within their stratum (member person, external, or images on both sides),
and a person with images on both sides moves whole.
"""

import numpy as np
from scipy.stats import beta, t

from mint_utils.evidence.metrics import SortedScores


def person_weights(
    identity: np.ndarray, positive: np.ndarray, resamples: int = 1000, seed: int = 0
) -> np.ndarray:
    """float32 (resamples, n): how often each image is counted when its persons are resampled.

    The same arguments give the same draws, so several scores of the same images can be compared
    on joint resamples.
    """
    persons, code = np.unique(identity, return_inverse=True)
    has_positive = np.bincount(code, weights=positive, minlength=len(persons)) > 0
    has_negative = np.bincount(code, weights=~positive, minlength=len(persons)) > 0
    rng = np.random.default_rng(seed)
    counts = np.zeros((resamples, len(persons)), np.float32)
    for stratum in (has_positive & ~has_negative, has_negative & ~has_positive,
                    has_positive & has_negative):  # fmt: skip
        members = np.flatnonzero(stratum)
        if len(members):
            even = np.full(len(members), 1 / len(members))
            counts[:, members] = rng.multinomial(len(members), even, size=resamples)
    return counts[:, code]


def interval(values: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """The middle ``level`` of resampled values (NaN resamples left out; NaN if all are)."""
    values = values[np.isfinite(values)]
    if not len(values):
        return np.nan, np.nan
    return tuple(float(v) for v in np.quantile(values, [(1 - level) / 2, (1 + level) / 2]))


def auc_interval(
    point: float, resampled: np.ndarray, positive_persons: int, negative_persons: int
) -> tuple[float, float]:
    """95 % interval of an AUC over m and n persons, from its resamples.

    Resamples of few persons vary too little by a factor of sqrt((p - 1) / p), p = min(m, n),
    which is made good. Near 0 or 1, where less than one person is in the wrong order, resamples
    hardly vary at all: there the interval is at least that of Clopper and Pearson for p disjoint
    pairs of persons, of which a part ``point`` is in the right order ([0.025^(1/p), 1] at 1).
    """
    pairs = max(1, min(positive_persons, negative_persons))
    low, high = interval(resampled)
    widened = np.sqrt(pairs / (pairs - 1)) if pairs > 1 else 1.0
    low, high = point - (point - low) * widened, point + (high - point) * widened
    if pairs * min(point, 1 - point) < 1:
        right = pairs * point
        low = min(low, beta.ppf(0.025, right, pairs - right + 1) if right > 0 else 0.0)
        high = max(high, beta.ppf(0.975, right + 1, pairs - right) if right < pairs else 1.0)
    return float(np.clip(low, 0, 1)), float(np.clip(high, 0, 1))


def auc_over_persons(score, identity, positive, resamples: int, seed: int) -> dict[str, float]:
    """``auc`` with its 95 % interval ``low``, ``high``, and the persons a side, of n images."""
    m, n = (len(np.unique(identity[side])) for side in (positive, ~positive))
    ordered = SortedScores(score, positive)
    point = float(ordered.auc()[0])
    resampled = ordered.auc(person_weights(identity, positive, resamples, seed))
    low, high = auc_interval(point, resampled, m, n)
    return {"auc": point, "low": low, "high": high, "n_positive_ids": m, "n_negative_ids": n}


def one_sided_p(point: float, resampled: np.ndarray, null: float, persons: int) -> float:
    """Bootstrap p-value for "the value is at most ``null``", with ``persons`` on the smaller side.

    Student's t with the resamples' deviation, so that 1,000 resamples can give p-values below
    1/1,000, which many rungs need; widened for few persons as in :func:`auc_interval`. Never below
    0.5 ** persons, the least that so many independent pairs can give.
    """
    values = resampled[np.isfinite(resampled)]
    if not len(values) or persons < 2:
        return np.nan
    spread = values.std(ddof=1) * np.sqrt(persons / (persons - 1))
    if spread == 0:
        reached = 0.0 if point > null else 1.0
    else:
        reached = float(t.sf((point - null) / spread, persons - 1))
    return max(reached, 0.5**persons)
