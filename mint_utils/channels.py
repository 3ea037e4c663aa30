"""Which channel of one model answers to which channel of another of the same architecture?

Training orders the channels of a layer by chance, so what was learned of channel 7 of one model
says nothing of channel 7 of another. Channels that react alike to the same images are matched:
the assignment with the largest sum of absolute correlations (Li et al., arXiv 1511.07543).
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import linear_sum_assignment


@dataclass(frozen=True)
class Translation:
    """Vectors (n, C) of one model, in the order, direction and units of another's channels."""

    order: np.ndarray  # (C,) the channel that stands for each of the other model's
    sign: np.ndarray  # (C,) -1 where the two fall when the other rises
    own: tuple[np.ndarray, np.ndarray]  # mean and deviation of the model's channels, (C,) each
    wanted: tuple[np.ndarray, np.ndarray]  # of the other model's

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        mean, deviation = self.own
        standard = ((vectors - mean) / deviation)[:, self.order] * self.sign
        return (standard * self.wanted[1] + self.wanted[0]).astype(np.float32)


def unmatched(tap: str, vectors: np.ndarray, wanted: np.ndarray) -> Translation:
    """Channels as they come; units alone are changed, so that only the order is in question.

    ``vectors`` (n, C) are one model's and ``wanted`` the other's, of the same n images. Raises
    ValueError naming the tap and both shapes where they do not fit.
    """
    if vectors.shape != wanted.shape:
        raise ValueError(
            f"tap {tap}: {vectors.shape[1]} channels of {len(vectors)} images cannot be matched "
            f"with {wanted.shape[1]} of {len(wanted)}, shapes {vectors.shape} and {wanted.shape}. "
            "Both models need the same architecture and the same images"
        )
    channels = vectors.shape[1]
    return Translation(np.arange(channels), np.ones(channels), _units(vectors), _units(wanted))


def matched(tap: str, vectors: np.ndarray, wanted: np.ndarray) -> Translation:
    """Channels that react alike to the same images, each taken once; else as :func:`unmatched`."""
    as_they_come = unmatched(tap, vectors, wanted)
    alike = _standard(wanted).T @ _standard(vectors) / len(vectors)
    _, order = linear_sum_assignment(np.abs(alike), maximize=True)
    sign = np.where(alike[np.arange(len(order)), order] < 0, -1.0, 1.0)
    return replace(as_they_come, order=order, sign=sign)


def agreement(translation: Translation, vectors: np.ndarray, wanted: np.ndarray) -> float:
    """Mean correlation of the channels with those they stand for, on images (n, C) of both."""
    translated = _standard(translation(vectors))
    return float((translated * _standard(wanted)).mean())


def _units(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return vectors.mean(0), np.maximum(vectors.std(0), 1e-6)


def _standard(vectors: np.ndarray) -> np.ndarray:
    mean, deviation = _units(vectors)
    return (vectors - mean) / deviation
