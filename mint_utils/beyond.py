"""What the audited model shows beyond reference twins that never saw the person.

Some faces are easy for every model. A score calibrated by models that were not trained on the
person asks what is left when that is taken away.
"""

from collections.abc import Callable, Sequence

import numpy as np

from mint_utils.activations.recorded import Activations
from mint_utils.activations.views import CHANGED
from mint_utils.rivals import augmentation_consistency, embedding_norm, view_cosine

Unseen = Sequence[tuple[Activations, np.ndarray]]  # references, each with bool (n,): may be asked

SIGNALS = {  # name -> positive number an image, larger for a likelier member
    "norm": embedding_norm,
    "consistency": lambda activations: (1 + augmentation_consistency(activations)) / 2,
}
NEEDS = {"norm": ("plain",), "consistency": ("plain", *CHANGED)}  # the views of each


def unseen_mean(signal: Callable, references: Unseen) -> np.ndarray:
    """Mean of ``signal(activations)`` (n, ...) over the references that did not see the person.

    Raises ValueError if there is an image that every reference was trained on.
    """
    total, count = 0.0, 0
    for activations, unseen in references:
        values = signal(activations)
        mask = unseen.reshape(-1, *[1] * (values.ndim - 1))
        total, count = total + np.where(mask, values, 0.0), count + mask
    if not np.all(count):
        raise ValueError("some persons were seen by every reference model")
    return total / count


def lira(own: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Offline LiRA (arXiv 2112.03570): how far above models that did not see it, in deviations.

    With few references one deviation is shared by all images (their Sec. VI-A), so the ranking is
    that of the difference.
    """
    gain = own - others
    return gain / max(float(gain.std()), 1e-12)


def rmia(own: np.ndarray, others: np.ndarray, population: np.ndarray) -> np.ndarray:
    """RMIA (arXiv 2312.03262), offline: part of ``population`` whose likelihood ratio is lower.

    ``population`` (bool, n) marks images that are surely not members. The mean rank of ties.
    """
    ratio = own / np.maximum(others, 1e-12)
    known = np.sort(ratio[population])
    below, upto = (np.searchsorted(known, ratio, side) for side in ("left", "right"))
    return (below + upto) / (2 * len(known))


def consistency_features(activations: Activations) -> np.ndarray:
    """(n, (taps + 1) * views + 1): cosines of taps and outcome for every view, and the log norm."""
    cosines = [
        view_cosine(activations, aad, view)
        for aad in (*activations.taps, "outcome")
        for view in CHANGED
    ]
    norm = np.log(np.maximum(embedding_norm(activations), 1e-12))
    return np.stack([*cosines, norm], axis=1).astype(np.float32)


def beyond_features(activations: Activations, references: Unseen) -> np.ndarray:
    """The consistency features, and how much each exceeds that of the references: (n, 2 F)."""
    own = consistency_features(activations)
    others = unseen_mean(consistency_features, references)
    return np.concatenate([own, own - others], axis=1).astype(np.float32)
