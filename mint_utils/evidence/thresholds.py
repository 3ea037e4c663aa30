"""A test, not a score: what a threshold promised on calibrate persons does on test.

For every rung and nominal false-positive rate: the rate that was reached, with its upper bound,
the members found, and how far a "yes" could be trusted at three priors.
"""

import numpy as np
import pandas as pd
from scipy.stats import beta
from tqdm import tqdm

from mint_utils.evidence.bootstrap import interval, person_weights
from mint_utils.evidence.conformal import image_p_values
from mint_utils.evidence.metrics import share
from mint_utils.evidence.rungs import scores_of

NOMINAL = (0.01, 0.05, 0.10)
PRIORS = {"ppv_at_1pct": 0.01, "ppv_at_10pct": 0.10, "ppv_at_50pct": 0.50}  # of being a member
COLUMNS = [
    "access", "unit_kind", "k", "contrast", "method", "nominal_fpr", "fpr", "fpr_upper", "tpr",
    "tpr_low", "tpr_high", *PRIORS, "calibrate_persons", "note",
]  # fmt: skip


def thresholds(scores: pd.DataFrame, rungs: pd.DataFrame, resamples: int, seed: int):
    """DataFrame of COLUMNS, one row a rung and nominal rate; externals are the negatives.

    A positive is called where its conformal p-value is at most the nominal rate. Blank, with a
    note, where calibrate has too few external persons to reach the rate at all. PPV uses the upper
    bound of the false-positive rate. member_vs_held_out has no externals and is left out.

    Taught in notebook 05.
    """
    rows = []
    asked = rungs[rungs["contrast"] != "member_vs_held_out"].to_dict("records")
    for rung in tqdm(asked, desc="thresholds", unit="rung"):
        own = scores_of(scores, rung)
        own = own[own["target"] == "audited"]
        known = own[(own["split"] == "calibrate") & (own["role"] == "external")]
        test = own[own["split"] == "test"].sort_values("unit")
        p_value = image_p_values(
            test["score"].to_numpy(), known["score"].to_numpy(), known["identity"].to_numpy()
        )
        weights = person_weights(
            test["identity"].to_numpy(), test["positive"].to_numpy(), resamples, seed
        )
        about = {key: rung[key] for key in ("access", "unit_kind", "k", "contrast", "method")}
        persons = known["identity"].nunique()
        rows += [
            about | {"nominal_fpr": rate, "calibrate_persons": persons}
            | _reached(p_value, test, weights, rate, persons)
            for rate in NOMINAL
        ]  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS)


def _reached(p_value, test: pd.DataFrame, weights, rate: float, persons: int) -> dict:
    if persons < 1 / rate - 1:
        least = "no external persons" if persons == 0 else f"the smallest p is 1/{persons + 1}"
        return {"note": f"cannot be called: {least}"}
    positive = test["positive"].to_numpy()
    called = p_value <= rate
    fpr = float(share(called[~positive])[0])
    people = test.loc[~positive, "identity"].nunique()
    upper = upper_bound(fpr, share(called[~positive], weights[:, ~positive]), people)
    tpr = float(share(called[positive])[0])
    low, high = interval(share(called[positive], weights[:, positive]))
    trusted = {name: ppv(prior, tpr, upper) for name, prior in PRIORS.items()}
    found = {"fpr": fpr, "fpr_upper": upper, "tpr": tpr, "tpr_low": low, "tpr_high": high}
    return found | trusted | {"note": np.nan}


def upper_bound(fpr: float, resampled: np.ndarray, persons: int) -> float:
    """One-sided 95 % bound of a false-positive rate, from its resamples over ``persons``.

    Resamples of no false alarm are all 0: never below what as many persons could hide.
    """
    hidden = float(beta.ppf(0.95, fpr * persons + 1, persons - fpr * persons)) if fpr < 1 else 1.0
    return max(interval(resampled, level=0.90)[1], hidden)


def ppv(prior: float, tpr: float, fpr_upper: float) -> float:
    """Of those called members, the part that is one, where a part ``prior`` of all asked is.

    With the upper bound of the false-positive rate it errs on the side of the accused. NaN if
    nobody can be called.
    """
    called = prior * tpr + (1 - prior) * fpr_upper
    return prior * tpr / called if called else np.nan
