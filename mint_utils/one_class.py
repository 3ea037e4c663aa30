"""What can be said with no known member: how unlike strangers an image is.

An auditor who knows of nobody who was trained on, but of persons who surely were not, can still
ask how far an image lies from theirs. Nothing says that members must lie farther: on test they
do or they do not.
"""

import numpy as np
from sklearn.covariance import LedoitWolf
from sklearn.preprocessing import StandardScaler

from mint_utils.activations.recorded import Activations
from mint_utils.beyond import consistency_features

NAME = "one_class"
LOOKS_AT = {"outcome": "outcome", "consistency": "activations"}  # AAD -> access it takes


def distance_from_strangers(
    activations: Activations, aad: str, rows: np.ndarray, strangers: np.ndarray
) -> np.ndarray:
    """float64 (n,): Mahalanobis distance of each image ``rows`` from those marked as strangers.

    ``aad`` is ``outcome`` (the embedding), ``consistency`` (how steady taps and embedding are), or
    ``pixels`` (image statistics); ``strangers`` (bool, n) says which of ``rows`` the mean and the
    covariance (shrunk, Ledoit and Wolf 2004) come from. ValueError if they are fewer than two.
    """
    if strangers.sum() < 2:
        raise ValueError(f"{NAME} knows {strangers.sum()} images of strangers: add externals")
    if aad == "consistency":
        features = consistency_features(activations)[rows]
    else:
        features = activations.vector("outcome", rows=rows)
    scaled = StandardScaler().fit(features[strangers]).transform(features).astype(float)
    return np.sqrt(LedoitWolf().fit(scaled[strangers]).mahalanobis(scaled))
