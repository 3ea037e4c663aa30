"""The head of aMINT (arXiv 2509.07879), evaluated as it must not be and as it must.

*Flawed*: on the images that the head was fitted on, as the published notebooks do. *Honest*: on
test persons of whom nobody told the head anything. A detector of the same kind that is fitted on
a control stands beside both: where it does as well, the evaluation sees its own fitting.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import torch

from mint_utils.activations.recorded import Activations
from mint_utils.audited.amint import told_to_head
from mint_utils.detectors import Detector
from mint_utils.evidence.bootstrap import auc_interval, person_weights
from mint_utils.evidence.metrics import SortedScores
from mint_utils.faces import FaceSet
from mint_utils.scenario import Scenario
from mint_utils.validation import validation_persons

CONTROLS = ("untrained_twin", "pixels")
COLUMNS = [
    "evaluation", "target", "method", "auc", "low", "high", "accuracy",
    "member_persons", "external_persons",
]  # fmt: skip


def amint_table(
    recorded: Mapping[str, Activations], faces: FaceSet, scenario: Scenario
) -> pd.DataFrame:
    """One row an evaluation and target; empty for a model without a MINT head.

    ``accuracy`` is the balanced one at the head's own threshold, probability one half. Members
    against externals; held-out photos and those set aside are left out.

    Taught in notebook 04.
    """
    if not recorded["audited"].has_mint_head:
        return pd.DataFrame(columns=COLUMNS)
    table = faces.table
    asked = table["role"].isin(["member", "external"]) & ~table["set_aside"]
    parts = {
        "flawed": told_to_head(table, scenario.seed),
        "honest": (asked & (table["split"] == "test")).to_numpy(),
    }
    scores = {("audited", "amint"): recorded["audited"].vector("mint")[:, 0]}
    for target in CONTROLS:
        if target in recorded:
            scores[target, "vanilla"] = _fitted_likewise(recorded[target], table, scenario)
    return pd.DataFrame(
        {"evaluation": name, "target": target, "method": method}
        | _measured(score[part], table[part], scenario)
        for name, part in parts.items()
        for (target, method), score in scores.items()
    )


def _fitted_likewise(activations: Activations, table: pd.DataFrame, scenario: Scenario):
    """Scores of Vanilla MINT on all taps together, fitted on what the head was fitted on."""
    blind = activations.target == "pixels"
    names = ["outcome"] if blind else activations.taps
    vectors = np.concatenate([activations.vector(name) for name in names], axis=1)
    told = told_to_head(table, scenario.seed)
    known = table["role"].isin(["member", "external"]) & ~table["set_aside"]
    stopping = validation_persons(table, scenario.seed) & known.to_numpy()
    rows = np.flatnonzero(told | stopping)
    detector = Detector("vanilla", scenario.seed * 1000, scenario.detectors.epochs)
    is_member = (table["role"] == "member").to_numpy()[rows]
    detector.fit([torch.from_numpy(vectors[rows])], is_member, stopping[rows])
    return detector.score([torch.from_numpy(vectors)])


def _measured(score: np.ndarray, some: pd.DataFrame, scenario: Scenario) -> dict:
    positive, identity = (some["role"] == "member").to_numpy(), some["identity"].to_numpy()
    weights = person_weights(identity, positive, scenario.resamples, scenario.seed)
    ordered = SortedScores(score, positive)
    point = float(ordered.auc()[0])
    m, n = (len(np.unique(identity[side])) for side in (positive, ~positive))
    low, high = auc_interval(point, ordered.auc(weights), m, n)
    right = [(score[positive] > 0).mean(), (score[~positive] <= 0).mean()]
    return {
        "auc": point, "low": low, "high": high, "accuracy": float(np.mean(right)),
        "member_persons": m, "external_persons": n,
    }  # fmt: skip
