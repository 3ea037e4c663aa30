"""Leave one external source out: is a stranger from elsewhere called a member?

A detector that learned what *this* database of externals looks like calls everybody a member who
looks different. Fit it without one source of externals, set its threshold without it, and count
how many of that source's persons it accuses.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from tqdm import tqdm

from mint_utils.activations.recorded import Activations
from mint_utils.evidence.bootstrap import interval, person_weights
from mint_utils.evidence.conformal import image_p_values
from mint_utils.evidence.metrics import share
from mint_utils.faces import FaceSet
from mint_utils.scenario import Scenario
from mint_utils.scores import Scoring, recordings
from mint_utils.trials import detector_samples, trials

NOMINAL = 0.05
ASKED = {("vanilla", "combination"), ("cnn", "combination"), ("vanilla", "pixels")}
COLUMNS = [
    "source", "target", "method", "aad", "persons", "images", "nominal_fpr", "fpr", "low", "high",
    "note",
]  # fmt: skip


def source_out(
    targets: Mapping[str, Activations], faces: FaceSet, scenario: Scenario
) -> pd.DataFrame:
    """The false-positive rate on each source of externals when it was never seen in fitting.

    One row a source, target and method; empty where there is one source only, or nothing is fitted.

    Taught in notebook 04.
    """
    table = faces.table
    sources = table.loc[table["role"] == "external", "source"].unique()
    if len(sources) < 2 or not scenario.detectors.fitted:
        return pd.DataFrame(columns=COLUMNS)
    rows = np.flatnonzero(detector_samples(faces, scenario))
    sampled = table.iloc[rows].reset_index(drop=True)
    scoring = Scoring(rows, sampled, scenario, (), None, seeds=1)
    found = recordings(targets, faces, scenario)
    work = [
        (source, target, trial)
        for source in sources
        for target in ("audited", "pixels")
        if target in found
        for trial in trials(found[target][0].activations, scenario)
        if (trial.method, trial.aad) in ASKED
    ]
    said = []
    for source, target, trial in tqdm(work, desc="a source left out", unit="fit"):
        about = {"source": source, "target": target, "method": trial.method, "aad": trial.aad}
        unseen = ((sampled["source"] == source) & (sampled["role"] == "external")).to_numpy()
        roles = sampled.assign(split=np.where(unseen, "test", sampled["split"]))
        try:
            score = scoring.of_model(trial, found[target][0], roles)["all"]
        except ValueError as error:  # too few persons are left to fit on
            said.append(about | {"note": str(error)})
            continue
        said.append(about | _accused(score, roles, unseen, scenario))
    return pd.DataFrame(said, columns=COLUMNS)


def _accused(score, roles: pd.DataFrame, unseen: np.ndarray, scenario: Scenario) -> dict:
    identity = roles["identity"].to_numpy()
    counted = {"persons": len(np.unique(identity[unseen])), "images": int(unseen.sum())}
    known = ((roles["split"] == "calibrate") & (roles["role"] == "external")).to_numpy()
    if len(np.unique(identity[known])) < 1 / NOMINAL - 1:
        few = len(np.unique(identity[known]))
        return counted | {"note": f"{few} calibrate externals are left: too few for 5 %"}
    called = image_p_values(score[unseen], score[known], identity[known]) <= NOMINAL
    weights = person_weights(
        identity[unseen], np.ones(len(called), bool), scenario.resamples, scenario.seed
    )
    low, high = interval(share(called, weights))
    reached = {"fpr": float(share(called)[0]), "low": low, "high": high}
    return counted | reached | {"nominal_fpr": NOMINAL, "note": ""}
