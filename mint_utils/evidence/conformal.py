"""Conformal p-values: how unusual would this score be for a person the model never saw?

Every calibrate person counts once, however many photos there are of them, because photos of one
person resemble each other: pooling images raises more false alarms than it promises. For the same
reason several photos of one person are scored as one album and never by combining their p-values.
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


def album_p_value(
    score: float, calibrate_score: np.ndarray, calibrate_identity: np.ndarray
) -> float:
    """p of an album among one album of as many photos for each external calibrate person.

    Raises ValueError if a person has more than one.
    """
    if len(np.unique(calibrate_identity)) < len(calibrate_identity):
        raise ValueError("an album is ranked among one album a person")
    return float(image_p_values(np.array([score]), calibrate_score, calibrate_identity)[0])


def folder_p_value(
    score: np.ndarray,
    calibrate_score: np.ndarray,
    calibrate_identity: np.ndarray,
    resamples: int = 10_000,
    seed: int = 0,
) -> float:
    """p of the mean score of photos of n different persons, among m external calibrate persons.

    The n photos and one photo, drawn anew, of every calibrate person are shuffled together, and p
    is how often n of the n + m have as high a mean. Sets drawn from the calibrate persons alone
    would ignore the chance that made those m what they are: in a trial with m of 20 and 48 they
    accused 12 to 14 % of strangers' folders at a nominal 5 % for n = m / 2, and 20 % for n = m;
    shuffling accused 1 to 5 %, for n up to 2 m. It works for n above m too, and for one photo it
    is its own p-value. Not below 1 / (m + 1): m persons cannot show anything to be rarer. NaN if
    there are no photos or m is 0.
    """
    if np.isnan(calibrate_score).any() or np.isnan(score).any():
        raise ValueError("scores that are not numbers rank nothing")
    if not len(score) or not len(calibrate_score):
        return np.nan
    persons, code, images = np.unique(calibrate_identity, return_inverse=True, return_counts=True)
    by_person = calibrate_score[np.argsort(code, kind="stable")].astype(float)
    first = np.cumsum(images) - images
    rng, own = np.random.default_rng(seed), np.asarray(score, float)
    wanted = own.sum() - 1e-9 * np.abs(own).sum()  # the same photos in another order are as high
    reached = sum(
        rng.permutation(np.r_[own, by_person[first + rng.integers(images)]])[: len(own)].sum()
        >= wanted
        for _ in range(resamples)
    )
    return max((1 + reached) / (1 + resamples), 1 / (len(persons) + 1))
