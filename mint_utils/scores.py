"""Every method on every target: one scores table. Controls take the same path as the audit.

Fitted on member and external images of the fit persons, less a validation part of those persons
that decides early stopping and, later, which tap and method represent an access level. Scores are
kept for the validation persons (split ``fit``), for calibrate and for test, whatever the method;
never for an image that a detector was fitted on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from mint_utils.activations.store import Activations
from mint_utils.detectors import Detector
from mint_utils.evidence.conformal import image_p_values
from mint_utils.evidence.metrics import auc
from mint_utils.faces import FaceSet, chance
from mint_utils.rivals import RIVALS
from mint_utils.scenario import Scenario

COLUMNS = [
    "unit", "unit_kind", "identity", "n_images", "split", "role", "method", "kind", "target",
    "aad", "access", "seed", "score", "p_value",
]  # fmt: skip
VALIDATION = 0.35  # part of the fit persons that is not fitted on


@dataclass(frozen=True)
class Trial:
    """One method on one kind of auxiliary auditable data."""

    method: str
    kind: str  # mint or rival
    aad: str  # a tap, outcome, combination, head or pixels
    access: str


def trials(activations: Activations, scenario: Scenario) -> list[Trial]:
    """What can be tried on a target: the rows of the paper's Tables 1 and 4, and the rivals.

    The ``pixels`` target has no layers: Vanilla MINT takes its image statistics, CNN MINT the
    picture itself.
    """
    found = []
    for method in scenario.detectors.methods:
        if activations.target == "pixels":
            found.append(Trial(method, "mint", "pixels", "none"))
            continue
        found += [Trial(method, "mint", tap, "activations") for tap in activations.taps]
        if method == "vanilla":
            found.append(Trial(method, "mint", "outcome", "outcome"))
            if activations.has_head:
                found.append(Trial(method, "mint", "head", "head_blind"))
        found.append(Trial(method, "mint", "combination", "activations"))
    for rival in scenario.rivals:
        _, aad, access = RIVALS[rival]
        if activations.target == "pixels":
            # A picture and its mirror image have the same statistics: consistency is rounding.
            if aad == "outcome" and rival != "flip_consistency":
                found.append(Trial(rival, "rival", "pixels", "none"))
        elif aad != "head" or activations.has_head:
            found.append(Trial(rival, "rival", aad, access))
    return found


def trial_table(targets: Mapping[str, Activations], scenario: Scenario) -> pd.DataFrame:
    """The trials of every target, a row each, for people to read."""
    return pd.DataFrame(
        {"target": target} | vars(trial)
        for target, activations in targets.items()
        for trial in trials(activations, scenario)
    )


def validation_choice(scores: pd.DataFrame, target: str) -> pd.DataFrame:
    """Scores of the method and AAD that does best on the validation persons inside fit.

    Where nothing was fitted, the first method of that target.
    """
    images = scores[(scores["target"] == target) & (scores["seed"] == "all")]
    groups = [rows for _, rows in images.groupby(["method", "aad"], sort=False)]
    return max(groups, key=_validation_auc) if groups else images


def _validation_auc(rows: pd.DataFrame) -> float:
    fit = rows[(rows["split"] == "fit") & rows["role"].isin(["member", "external"])]
    reached = auc(fit["score"].to_numpy(), (fit["role"] == "member").to_numpy()) if len(fit) else 0
    return np.nan_to_num(reached)


def detector_inputs(trial: Trial, activations: Activations, rows: np.ndarray) -> list[torch.Tensor]:
    """The tensors a detector takes for ``rows``: vectors for Vanilla MINT, maps for CNN MINT."""
    if trial.method == "cnn":
        taps = activations.taps if trial.aad in ("combination", "pixels") else [trial.aad]
        maps = [activations.maps(tap, rows) for tap in taps]
        outcome = [_vector(activations, "outcome", rows)] if trial.aad == "combination" else []
        return maps + outcome
    if trial.aad == "combination":
        names = [*activations.taps, "outcome"]
        return [torch.cat([_vector(activations, name, rows) for name in names], 1)]
    return [_vector(activations, "outcome" if trial.aad == "pixels" else trial.aad, rows)]


def _vector(activations: Activations, name: str, rows: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(activations.vector(name)[rows])


def detector_samples(faces: FaceSet, scenario: Scenario) -> np.ndarray:
    """bool (n,): the images that detectors are fitted on and tested with, at most ``samples``."""
    draw = np.array([chance(scenario.seed, "detector sample", i) for i in faces.table["image_id"]])
    return draw.argsort().argsort() < scenario.detectors.samples


def validation_persons(table: pd.DataFrame, seed: int) -> np.ndarray:
    """bool (n,): images of the fit persons kept out of the fitting, VALIDATION of each side."""
    chosen: set[str] = set()
    fit = table[table["split"] == "fit"]
    for _, side in fit.groupby(fit["role"] == "external"):
        persons = sorted(side["identity"].unique(), key=lambda p: chance(seed, "validation", p))
        chosen |= set(persons[: max(1, round(VALIDATION * len(persons)))])
    return table["identity"].isin(chosen).to_numpy()


def score_all(
    targets: Mapping[str, Activations], faces: FaceSet, scenario: Scenario, models: Path
) -> pd.DataFrame:
    """Score every trial on every target; fitted detectors are saved under ``models``.

    Returns the table with COLUMNS; ``seed`` is the detector's, ``all`` the mean over seeds.
    """
    work = [(a, trial) for a in targets.values() for trial in trials(a, scenario)]
    for name, activations in targets.items():
        if activations.image_ids != faces.table["image_id"].tolist():
            raise ValueError(f"the activations of {name} are not of these images in this order")
    rows = np.flatnonzero(detector_samples(faces, scenario))
    table = faces.table.iloc[rows].reset_index(drop=True)
    scored = []
    with tqdm(work, desc="methods", unit="method") as progress:
        for activations, trial in progress:
            progress.set_postfix_str(f"{trial.method} on {activations.target} {trial.aad}")
            by_seed = _scores_of(trial, activations, rows, table, scenario, models)
            scored += [_as_rows(table, trial, activations.target, s, v) for s, v in by_seed.items()]
    scores = pd.concat(scored, ignore_index=True)[COLUMNS]
    models.mkdir(parents=True, exist_ok=True)
    # What a new image's score has to be ranked among, kept beside the detectors.
    scores[scores["split"] == "calibrate"].to_parquet(models / "calibrate.parquet", index=False)
    return scores


def _scores_of(trial, activations, rows, table, scenario: Scenario, models: Path) -> dict:
    """Scores of all ``rows`` by seed; NaN where the image was fitted on."""
    held = validation_persons(table, scenario.seed)
    fit = (table["split"] == "fit").to_numpy()
    if trial.kind == "rival":  # chosen on the same persons as detectors, though nothing was fitted
        score = RIVALS[trial.method][0](activations)[rows].astype(float)
        return {"all": np.where(fit & ~held, np.nan, score)}
    # Held-out photos and set-aside externals answer questions later; nothing is fitted on them.
    usable = fit & (table["role"] != "held_out").to_numpy() & ~table["set_aside"].to_numpy()
    fitting = np.flatnonzero(usable)
    inputs = detector_inputs(trial, activations, rows)
    is_member = (table["role"] == "member").to_numpy()
    by_seed = {}
    for seed in range(scenario.detectors.seeds):
        detector = Detector(trial.method, scenario.seed * 1000 + seed, scenario.detectors.epochs)
        some = torch.from_numpy(fitting)
        detector.fit([x[some] for x in inputs], is_member[fitting], held[fitting])
        file = f"{trial.method}-{trial.aad}-{seed}.safetensors"
        detector.save(models / activations.target / file)
        by_seed[str(seed)] = np.where(fit & ~held, np.nan, detector.score(inputs))
    return by_seed | {"all": np.mean(list(by_seed.values()), axis=0)}


def _as_rows(table, trial: Trial, target: str, seed: str, score: np.ndarray) -> pd.DataFrame:
    kept = np.isfinite(score)
    if not kept[(table["split"] != "fit").to_numpy()].all():
        raise FloatingPointError(f"{trial.method} on {target} {trial.aad} gave scores that are NaN")
    known = (table["split"] == "calibrate") & (table["role"] == "external")
    p_value = image_p_values(score, score[known], table["identity"][known].to_numpy())
    rows = table[["image_id", "identity", "split", "role"]].rename(columns={"image_id": "unit"})
    rows = rows.assign(
        unit_kind="image", n_images=1, method=trial.method, kind=trial.kind, target=target,
        aad=trial.aad, access=trial.access, seed=seed, score=score,
        p_value=np.where(table["split"] == "test", p_value, np.nan),
    )  # fmt: skip
    return rows[kept]
