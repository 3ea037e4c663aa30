"""Intervals over persons: photos of one person are not independent, so persons are drawn.

Persons are resampled within their stratum (member person, external, or images on both sides),
and a person with images on both sides moves whole.
"""

import numpy as np


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
    """95 % interval of an AUC; at exactly 0 or 1 an exact bound over persons instead of [1, 1].

    An AUC of 1 is min(m, n) disjoint pairs of persons, all in the right order: the
    Clopper-Pearson bound of that many successes out of as many trials.
    """
    bound = 0.025 ** (1 / max(1, min(positive_persons, negative_persons)))
    if point == 1:
        return bound, 1.0
    return (0.0, 1 - bound) if point == 0 else interval(resampled)


def one_sided_p(resampled: np.ndarray, null: float) -> float:
    """Bootstrap p-value for "the value is at most ``null``": never 0, as resamples are finite."""
    values = resampled[np.isfinite(resampled)]
    return float((1 + (values <= null).sum()) / (len(values) + 1)) if len(values) else np.nan
