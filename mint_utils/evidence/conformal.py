"""Conformal p-values: how unusual would this score be for a person the model never saw?

Every calibrate person counts once, however many photos there are of them, because photos of one
person resemble each other: pooling images raises more false alarms than it promises.
"""

import numpy as np


def image_p_values(
    score: np.ndarray, calibrate_score: np.ndarray, calibrate_identity: np.ndarray
) -> np.ndarray:
    """p = (1 + sum_j (1/n_j) sum_i [s_ji >= s]) / (m + 1) over m external calibrate persons.

    The smallest p that can be reached is 1 / (m + 1); NaN everywhere if m is 0, and where
    the score is NaN.
    """
    if np.isnan(calibrate_score).any():
        raise ValueError("calibrate scores that are not numbers rank nothing")
    if not len(calibrate_score):
        return np.full(len(score), np.nan)
    persons, code, images = np.unique(calibrate_identity, return_inverse=True, return_counts=True)
    order = np.argsort(calibrate_score)
    weight = (1 / images[code])[order]
    # From each sorted score upwards; rounded so that thirds of persons add up to whole ones.
    at_or_above = np.r_[np.cumsum(weight[::-1])[::-1], 0.0].round(12)
    first = np.searchsorted(calibrate_score[order], score, side="left")
    return np.where(np.isnan(score), np.nan, (1 + at_or_above[first]) / (len(persons) + 1))
