"""Albums: k photos of one person, audited together.

Photos of a person whom a model knows lie closer together than those of a stranger, and what is
accidental in one photo averages out over several. Both sides are matched in size: a person's
album is drawn from the part that was (or would have been) trained on, ``main``, or from the
part that was kept away, ``aside``, which is as large for externals as for member persons.
"""

import numpy as np
import pandas as pd
import torch
from torch.nn import functional as F

from mint_utils.chance import chance
from mint_utils.faces import CONTRASTS
from mint_utils.rivals import largest_cosine

PARTS = {"member": "main", "held_out": "aside"}  # role counted positive or negative -> its part
SIGNALS = ("similarity", "spread", "head_of_mean")  # of an album as a whole, first one first


def draw_albums(table: pd.DataFrame, sizes: tuple[int, ...], seed: int) -> pd.DataFrame:
    """One album of each size for every person and part that has as many photos.

    ``table`` has the columns of a face set. Returns ``unit``, ``identity``, ``role``, ``split``,
    ``n_images`` and ``rows`` (their places in ``table``). A smaller album is part of the larger.
    """
    aside = (table["role"] == "held_out") | table["set_aside"]
    # Where nobody divided the externals' photos, all of them were kept away: both parts are all.
    whole = (table["role"] == "external") & ~table["set_aside"].any()
    found = []
    for part, photos in (("main", ~aside), ("aside", aside | whole)):
        for identity, some in table[photos].groupby("identity", sort=False):
            drawn = sorted(
                some.index, key=lambda row: chance(seed, "album", table["image_id"][row])
            )
            first = table.loc[drawn[0]]
            found += [
                {"unit": f"{identity}/{part}-{k}", "identity": identity, "role": first["role"],
                 "split": first["split"], "n_images": k, "rows": np.array(drawn[:k])}
                for k in sizes if len(drawn) >= k
            ]  # fmt: skip
    columns = ["unit", "identity", "role", "split", "n_images", "rows"]
    return pd.DataFrame(found, columns=columns)


def of_contrast(units: pd.Series, contrast: str) -> np.ndarray:
    """bool (n,): albums that a contrast compares; externals' from the part that matches."""
    positive, negative = CONTRASTS[contrast]
    parts = {PARTS[role] for role in (positive, negative) if role in PARTS}
    return units.str.extract(r"/(main|aside)-\d+$")[0].isin(parts).to_numpy()


def similarity_and_spread(embedding: np.ndarray, albums: pd.DataFrame) -> np.ndarray:
    """(albums, 2): mean pairwise cosine, and minus the standard deviation of these cosines.

    The spread of an album of two, which has one cosine, is 0. ``embedding`` (n, d) has the rows
    that the albums point to.
    """
    unit = F.normalize(torch.from_numpy(embedding)).numpy()
    found = np.zeros((len(albums), 2), np.float32)
    for place, rows in enumerate(albums["rows"]):
        cosines = (unit[rows] @ unit[rows].T)[np.triu_indices(len(rows), 1)]
        found[place] = cosines.mean(), -cosines.std()
    return found


def head_of_mean(embedding: np.ndarray, head: torch.Tensor, albums: pd.DataFrame) -> np.ndarray:
    """(albums,): largest cosine of an album's mean embedding to a class centre."""
    unit = F.normalize(torch.from_numpy(embedding))
    means = torch.stack([unit[torch.from_numpy(rows)].mean(0) for rows in albums["rows"]])
    return largest_cosine(means, head)


def mean_scores(score: np.ndarray, albums: pd.DataFrame) -> np.ndarray:
    """(albums,): mean of the image scores (n,); NaN where an image has none."""
    return np.array([score[rows].mean() for rows in albums["rows"]])
