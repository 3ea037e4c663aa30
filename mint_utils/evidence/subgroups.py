"""Whom does a wrong "member" hit? False-positive rates of groups of strangers.

The threshold is the report's own, set on all calibrate persons so that 5 % of strangers would be
called members. A rate that is higher in one group than in the others is harm to that group.
"""

import numpy as np
import pandas as pd
from scipy.stats import beta

from mint_utils.evidence.bootstrap import interval
from mint_utils.evidence.conformal import image_p_values
from mint_utils.evidence.rungs import scores_of

NOMINAL = 0.05
SMALL = 20  # persons; of fewer the interval says little, and so does the rate
RESAMPLES = 1000
COLUMNS = ["group", "n_persons", "n_images", "method", "access", "fpr", "low", "high", "small"]
CONTRASTS = ("member_vs_external", "held_out_vs_external")


def subgroups(
    scores: pd.DataFrame, rungs: pd.DataFrame, faces: pd.DataFrame, seed: int
) -> pd.DataFrame:
    """COLUMNS, one row a group and access: test externals' images called members at NOMINAL.

    ``faces`` has ``image_id`` and ``group``; images without one are left out, and the table is
    empty where there is none. Each rung of single images speaks by its own method (of the paper's
    contrast, where there is one). Persons count once, however many images there are of each;
    ``low`` and ``high`` are the 95 % interval over persons. ``fpr`` is blank where calibrate has
    too few external persons to call anybody.

    Taught in notebook 05.
    """
    group = _groups(faces)
    rows = []
    for rung in _image_rungs(rungs) if len(group) else ():
        own = scores_of(scores, rung)
        own = own[(own["target"] == "audited") & (own["role"] == "external")]
        known, test = own[own["split"] == "calibrate"], own[own["split"] == "test"]
        p_value = image_p_values(
            test["score"].to_numpy(), known["score"].to_numpy(), known["identity"].to_numpy()
        )
        callable_ = known["identity"].nunique() >= 1 / NOMINAL - 1
        called = np.where(callable_, p_value <= NOMINAL, np.nan)
        asked = test.assign(called=called, group=test["unit"].map(group)).dropna(subset="group")
        about = {"method": rung["method"], "access": rung["access"]}
        rows += [
            {"group": name, "n_images": len(images)} | about | _rate(images, seed)
            for name, images in asked.groupby("group")
        ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _groups(faces: pd.DataFrame) -> pd.Series:
    """The group of each image that has one, as text, by image id."""
    if "group" not in faces:
        return pd.Series(dtype=str)
    told = faces.dropna(subset="group").set_index("image_id")["group"].astype(str)
    return told[told != ""]


def _image_rungs(rungs: pd.DataFrame) -> list[dict]:
    for contrast in CONTRASTS:
        some = rungs[(rungs["contrast"] == contrast) & (rungs["k"] == 1)]
        if len(some):
            return some.to_dict("records")
    return []


def _rate(images: pd.DataFrame, seed: int) -> dict:
    """Mean over persons of the part of their images that is called, with an interval over persons.

    At least as wide as Clopper and Pearson's for as many persons of whom that part is called:
    resamples of no false alarm are all 0.
    """
    share = images.groupby("identity")["called"].mean().to_numpy(float)
    persons, fpr = len(share), float(share.mean())
    found = {"n_persons": persons, "fpr": fpr, "small": persons < SMALL}
    if np.isnan(fpr):
        return found | {"low": np.nan, "high": np.nan}
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(persons, np.full(persons, 1 / persons), size=RESAMPLES) @ share
    low, high = interval(drawn / persons)
    wrong = persons * fpr
    low = min(low, beta.ppf(0.025, wrong, persons - wrong + 1) if wrong > 0 else 0.0)
    high = max(high, beta.ppf(0.975, wrong + 1, persons - wrong) if wrong < persons else 1.0)
    return found | {"low": float(low), "high": float(high)}
