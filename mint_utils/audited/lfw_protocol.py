"""The LFW verification protocol (Huang et al. 2007): 6,000 pairs in ten folds of disjoint persons.

Its accuracy is what face models publish, so it tells whether one was opened as it was meant to be.
"""

import numpy as np
import pandas as pd

from mint_utils.activations.extract import embeddings
from mint_utils.audited.model import AuditedModel
from mint_utils.audited.recognition import pair_cosines
from mint_utils.faces import FaceSet
from mint_utils.sources.lfw import LfwSource

HOW_TO_GET_IT = (
    "no pairs.txt in {folders}: put the list of the 6,000 pairs there, from the LFW site "
    "(View 2, pairs.txt)"
)


def lfw_pairs(source: LfwSource) -> pd.DataFrame:
    """The pairs of pairs.txt, in or beside the source's folder: ``fold, first, second, genuine``.

    ``first`` and ``second`` are image_ids. FileNotFoundError that says how to get the list,
    ValueError if it is not one.
    """
    folders = (source.root, source.root.parent)
    file = next((f / "pairs.txt" for f in folders if (f / "pairs.txt").is_file()), None)
    if file is None:
        raise FileNotFoundError(HOW_TO_GET_IT.format(folders=" or ".join(map(str, folders))))
    try:
        header, *lines = file.read_text().splitlines()
        folds, each = map(int, header.split())
        rows = [_pair(line.split(), source.group) for line in lines if line.strip()]
    except ValueError as error:
        raise ValueError(f"{file} is not the LFW list of pairs: {error}") from error
    if len(rows) != folds * 2 * each:
        raise ValueError(f"{file} has {len(rows)} pairs, and says {folds} x 2 x {each}")
    pairs = pd.DataFrame(rows, columns=["first", "second", "genuine"])
    pairs.insert(0, "fold", np.repeat(np.arange(folds), 2 * each))
    return pairs


def _pair(words: list[str], group: str) -> tuple[str, str, bool]:
    """``Ann 1 4`` are two pictures of one person, ``Ann 1 Bob 2`` of two."""
    if len(words) not in (3, 4):
        raise ValueError(f"cannot read {' '.join(words)!r}")
    first, second = words[0], words[-2] if len(words) == 4 else words[0]
    ids = [
        f"{group}/{person}/{person}_{int(number):04d}.jpg"
        for person, number in ((first, words[1]), (second, words[-1]))
    ]
    return ids[0], ids[1], len(words) == 3


def lfw_accuracy(model: AuditedModel, source: LfwSource, pairs: pd.DataFrame) -> np.ndarray:
    """Accuracy in each fold, (folds,), of cosines thresholded as the other folds are best.

    No flipped copies are averaged. Raises ValueError naming the first image that is not here.
    """
    needed = np.unique(pairs[["first", "second"]])
    missing = sorted(set(needed) - set(source.images()["image_id"]))
    if missing:
        raise ValueError(f"{len(missing)} images of the pairs are not here, such as {missing[0]}")
    table = pd.DataFrame({"image_id": needed, "source": source.group})
    embedded = embeddings(model, FaceSet(table, {source.group: source}))
    first, second = (np.searchsorted(needed, pairs[side]) for side in ("first", "second"))
    cosine = pair_cosines(embedded, first, second)
    return fold_accuracies(cosine, pairs["genuine"].to_numpy(), pairs["fold"].to_numpy())


def fold_accuracies(cosine: np.ndarray, genuine: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Accuracy (folds,) of each fold with the threshold that is best in all the others."""
    accuracies = []
    for number in np.unique(fold):
        here = fold == number
        threshold = best_threshold(cosine[~here], genuine[~here])
        accuracies.append(((cosine[here] > threshold) == genuine[here]).mean())
    return np.array(accuracies)


def best_threshold(cosine: np.ndarray, genuine: np.ndarray) -> float:
    """Midway between the neighbours that part genuine and impostor pairs with fewest errors."""
    order = np.argsort(cosine)
    same = genuine[order]
    below = np.concatenate([[0], np.cumsum(same)])  # genuine pairs under each cut are errors,
    above = (~same).sum() - np.concatenate([[0], np.cumsum(~same)])  # and impostors over it
    bounds = np.concatenate([[-np.inf], cosine[order], [np.inf]])
    parted = np.diff(bounds) > 0  # no threshold is between equals
    cut = int(np.where(parted, below + above, len(cosine) + 1).argmin())
    return float(np.clip(bounds[cut : cut + 2], cosine.min() - 1, cosine.max() + 1).mean())
