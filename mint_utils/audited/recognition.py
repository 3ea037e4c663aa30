"""How well a model recognises persons it never saw: verification AUC and TAR at FAR."""

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score


def verification_pairs(identity: np.ndarray, seed: int, most: int = 20_000):
    """Genuine and impostor pairs of rows, equally many: (first, second, is_genuine).

    All genuine pairs up to ``most``, and as many impostor pairs drawn at random.
    """
    rng = np.random.default_rng(seed)
    first, second = np.triu_indices(len(identity), k=1)
    genuine = identity[first] == identity[second]
    same, other = np.flatnonzero(genuine), np.flatnonzero(~genuine)
    count = min(len(same), len(other), most)
    if count == 0:
        raise ValueError("no genuine pair: every person has a single image")
    chosen = np.concatenate([rng.permutation(same)[:count], rng.permutation(other)[:count]])
    return first[chosen], second[chosen], genuine[chosen]


def pair_cosines(embedding: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Cosine of each pair of rows of ``embedding`` (n, d): (pairs,); 0 where a row is zero."""
    unit = embedding / np.maximum(np.linalg.norm(embedding, axis=1, keepdims=True), 1e-12)
    return np.einsum("nd,nd->n", unit[first], unit[second])


def recognition_quality(
    embedding: np.ndarray, table: pd.DataFrame, seed: int = 0, most_images: int = 2000
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Verification on external persons, whom the model never saw.

    ``embedding`` (n, d) goes with the rows of ``table``. Returns one row of figures (``auc``,
    ``tar_at_1pct_far``, ``tar_at_0.1pct_far``, ``pairs``, ``persons``) and the pairs' cosines
    (``cosine``, ``genuine``). TAR is read off the impostors' quantile, blank below 1/FAR pairs.

    Taught in notebook 02.
    """
    rows = np.flatnonzero(table["role"] == "external")
    rows = np.random.default_rng(seed).permutation(rows)[:most_images]
    identity = table["identity"].to_numpy()[rows]
    first, second, genuine = verification_pairs(identity, seed)
    cosine = pair_cosines(embedding[rows], first, second)
    impostors = cosine[~genuine]
    figures = {"auc": roc_auc_score(genuine, cosine)}
    for name, far in (("tar_at_1pct_far", 0.01), ("tar_at_0.1pct_far", 0.001)):
        enough = len(impostors) >= 1 / far
        threshold = np.quantile(impostors, 1 - far, method="higher")
        figures[name] = float((cosine[genuine] > threshold).mean()) if enough else np.nan
    figures |= {"pairs": len(cosine), "persons": len(np.unique(identity))}
    return pd.DataFrame([figures]), pd.DataFrame({"cosine": cosine, "genuine": genuine})
