"""Which of the faces in several photographs are of the person whom somebody asks about.

Faces are compared by the audited model's embeddings. The person is whoever is in most
photographs, or whom a reference shows; two faces in one photograph are two persons.
"""

import numpy as np
from sklearn.cluster import AgglomerativeClustering

APART = 2.0  # cosine distance of two faces in one photograph: as far as can be


def in_most_photographs(embedding: np.ndarray, photograph: np.ndarray, same: float) -> np.ndarray:
    """bool (n,): faces of the person who is in most photographs, one a photograph at most.

    ``embedding`` (n, d) and ``photograph`` (n,), a number each, go with the faces; faces are
    clustered (average linkage) as long as their mean cosine is at least ``same``. Of clusters in
    equally many photographs the one whose faces are closest together counts. All False if no two
    photographs show one person.
    """
    cosine = cosines(embedding)
    if len(cosine) < 2:
        return np.zeros(len(cosine), bool)
    distance = 1 - cosine
    distance[photograph[:, None] == photograph] = APART
    np.fill_diagonal(distance, 0)
    clusters = AgglomerativeClustering(
        n_clusters=None, metric="precomputed", linkage="average", distance_threshold=1 - same
    ).fit_predict(distance)
    best, chosen = (1, 0.0), np.zeros(len(cosine), bool)
    for cluster in range(clusters.max() + 1):
        inside = np.flatnonzero(clusters == cluster)
        size = len(np.unique(photograph[inside]))
        closeness = cosine[np.ix_(inside, inside)].mean()
        if size > 1 and (size, closeness) > best:
            best, chosen = (size, closeness), clusters == cluster
    return closest(cosine, photograph, chosen, same) if chosen.any() else chosen


def of_reference(
    embedding: np.ndarray, photograph: np.ndarray, reference: np.ndarray, same: float
) -> np.ndarray:
    """bool (n,): in each photograph the face nearest to ``reference`` (d,), if it is near enough.

    Near enough to the reference, or to it and those that are, on average.
    """
    cosine = cosines(np.vstack([embedding, reference]))
    place = np.append(photograph, photograph.max(initial=0) + 1)
    alone = np.arange(len(cosine)) == len(embedding)
    near = closest(cosine, place, alone, same) | alone
    return closest(cosine, place, near, same)[:-1]


def closest(cosine: np.ndarray, photograph: np.ndarray, to: np.ndarray, same: float) -> np.ndarray:
    """bool (n,): in each photograph the face with the largest mean cosine to the faces ``to``.

    Where that is at least ``same``; a face is not compared with itself, nor with another one in
    its own photograph.
    """
    elsewhere = to & (photograph[:, None] != photograph)
    mean = (cosine * elsewhere).sum(axis=1) / np.maximum(elsewhere.sum(axis=1), 1)
    mean = np.where(elsewhere.any(axis=1), mean, np.where(to, np.inf, -np.inf))
    chosen = np.zeros(len(cosine), bool)
    for number in np.unique(photograph):
        here = np.flatnonzero(photograph == number)
        best = here[np.argmax(mean[here])]
        chosen[best] = mean[best] >= same
    return chosen


def cosines(embedding: np.ndarray) -> np.ndarray:
    """(n, n): cosine of each embedding to each."""
    unit = embedding / np.maximum(np.linalg.norm(embedding, axis=1, keepdims=True), 1e-12)
    return unit @ unit.T
