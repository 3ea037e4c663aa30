"""Every method on every target: one long table of scores, nothing read from it yet.

Controls take the same path as the audited model. Every image that a detector was fitted on has
no score; validation persons inside fit have one, because choices are made on them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from mint_utils import one_class
from mint_utils.activations.recorded import Activations
from mint_utils.audited.references import NAME as REFERENCE
from mint_utils.audited.references import unseen_by
from mint_utils.beyond import (
    SIGNALS,
    Unseen,
    beyond_features,
    consistency_features,
    lira,
    rmia,
    unseen_mean,
)
from mint_utils.detectors import Detector
from mint_utils.faces import FaceSet
from mint_utils.one_class import distance_from_strangers
from mint_utils.relabelled import shuffled_over_persons, swapped
from mint_utils.rivals import RIVALS
from mint_utils.scenario import Scenario
from mint_utils.score_table import as_rows
from mint_utils.trials import BEYOND, Trial, detector_samples, trials
from mint_utils.validation import stopping_persons, validation_persons


@dataclass(frozen=True)
class Recording:
    """One model's activations, and the images it may be asked about."""

    name: str
    activations: Activations
    unseen: np.ndarray  # bool, one an image of the face set


def recordings(
    targets: Mapping[str, Activations], faces: FaceSet, scenario: Scenario
) -> dict[str, list[Recording]]:
    """Targets by name; ``reference_twin`` has several models, each blind to some persons."""
    found: dict[str, list[Recording]] = {}
    for name, activations in targets.items():
        if activations.image_ids != faces.table["image_id"].tolist():
            raise ValueError(f"the activations of {name} are not of these images in this order")
        unseen = unseen_by(name, faces.table, scenario)
        target = name.partition(".")[0]
        found.setdefault(target, []).append(Recording(name, activations, unseen))
    return found


def score_images(
    targets: Mapping[str, Activations], faces: FaceSet, scenario: Scenario, models: Path
) -> pd.DataFrame:
    """Score every trial on every target; fitted detectors are saved under ``models``.

    Returns the table with score_table.COLUMNS; ``seed`` is the detector's, ``all`` the mean over
    seeds. ``swapped_halves`` is fitted on the roles that its own training gives the images;
    ``shuffled_labels`` is the audited model with roles exchanged over persons.

    Taught in notebook 04.
    """
    rows = np.flatnonzero(detector_samples(faces, scenario))
    table = faces.table.iloc[rows].reset_index(drop=True)
    found = recordings(targets, faces, scenario)
    references = [(r.activations, r.unseen) for r in found.get(REFERENCE, [])]
    if REFERENCE not in scenario.controls:
        found.pop(REFERENCE, None)
    scoring = Scoring(rows, table, scenario, references, models)
    work = [(name, parts, trial) for name, parts in found.items()
            for trial in trials(parts[0].activations, scenario)]  # fmt: skip
    scored = []
    with tqdm(work, desc="methods", unit="method") as progress:
        for target, parts, trial in progress:
            progress.set_postfix_str(f"{trial.method} on {target} {trial.aad}")
            roles = swapped(table) if target == "swapped_halves" else table
            by_seed = scoring.of_target(trial, parts, roles)
            scored += [as_rows(table, trial, target, seed, v) for seed, v in by_seed.items()]
    scored += _with_shuffled_labels(scoring, found["audited"][0], table, scenario)
    return pd.concat(scored, ignore_index=True)


def _with_shuffled_labels(scoring: "Scoring", audited: Recording, table, scenario) -> list:
    """Detectors fitted on roles that chance gave to persons: they must find nothing."""
    fitted = [t for t in trials(audited.activations, scenario) if t.kind == "mint"]
    shuffled = shuffled_over_persons(table, scenario.seed)
    once = Scoring(scoring.rows, table, scenario, scoring.references, None, seeds=1)
    part = Recording("shuffled_labels", audited.activations, audited.unseen)
    found = []
    for trial in tqdm(fitted, desc="shuffled labels", unit="method"):
        values = once.of_target(trial, [part], shuffled)["all"]
        found.append(as_rows(shuffled, trial, "shuffled_labels", "all", values))
    return found


@dataclass(frozen=True)
class Scoring:
    """How images ``rows`` (with the rows of ``table``) are scored in this scenario."""

    rows: np.ndarray
    table: pd.DataFrame
    scenario: Scenario
    references: Unseen
    models: Path | None  # where fitted detectors go, if they are kept
    seeds: int | None = None

    def of_target(self, trial: Trial, parts: list[Recording], roles: pd.DataFrame) -> dict:
        """Scores (n,) by seed under the roles of ``roles``, over all models of a target.

        Models differ in the scale of their scores, so each is standardised on the images of
        validation persons (all images where nothing is fitted) before they are averaged.
        """
        if len(parts) == 1 and parts[0].unseen.all():
            return self.of_model(trial, parts[0], roles)
        held = self._validation(roles) if (roles["split"] == "fit").any() else roles.index >= 0
        stacked: dict[str, list[np.ndarray]] = {}
        for part in parts:
            for seed, score in self.of_model(trial, part, roles).items():
                known = score[held & np.isfinite(score)]
                if not len(known):  # such as the class of a person that no reference has
                    continue
                spread = max(float(known.std()), 1e-12)
                stacked.setdefault(seed, []).append((score - known.mean()) / spread)
        return {seed: _mean_of_known(np.array(scores)) for seed, scores in stacked.items()}

    def of_model(self, trial: Trial, part: Recording, roles: pd.DataFrame) -> dict:
        """Scores (n,) by seed of one model; NaN for images it was fitted on or may not be asked."""
        asked = part.unseen[self.rows]
        fit = (roles["split"] == "fit").to_numpy()
        held = self._validation(roles)
        told = asked & (~fit | held)
        if trial.kind == "rival":
            strangers = fit & asked & ~held & (roles["role"] == "external") & ~roles["set_aside"]
            score = self._rival(trial, part.activations, strangers.to_numpy()).astype(float)
            return {"all": np.where(told, score, np.nan)}
        inputs = detector_inputs(trial, part.activations, self.rows, self.references)
        by_seed = {}
        for seed in range(self.seeds or self.scenario.detectors.seeds):
            detector, stopping = self.fitted(trial, part, roles, inputs, seed)
            if self.models is not None:
                file = f"{trial.method}-{trial.aad}-{seed}.safetensors"
                detector.save(self.models / part.name / file)
            by_seed[str(seed)] = np.where(told & ~stopping, detector.score(inputs), np.nan)
        return by_seed | {"all": _mean_of_known(np.array(list(by_seed.values())))}

    def fitted(self, trial: Trial, part: Recording, roles: pd.DataFrame, inputs, seed: int):
        """A detector of one seed on ``inputs``, and the images (bool) whose scores it has spoilt.

        These stopped its fit; none are where too few persons are left to choose by.
        """
        fit, held = (roles["split"] == "fit").to_numpy(), self._validation(roles)
        # Held-out photos and set-aside externals answer questions later; nothing is fitted on them.
        usable = fit & part.unseen[self.rows] & (roles["role"] != "held_out") & ~roles["set_aside"]
        fitting = np.flatnonzero(usable)
        is_member = (roles["role"] == "member").to_numpy()
        stopped_on = stopping_persons(roles[usable & held], self.scenario.seed, seed)
        stopping = held & roles["identity"].isin(stopped_on).to_numpy()
        some = fitting[~held[fitting] | stopping[fitting]]
        settings = self.scenario.detectors
        detector = Detector(trial.method, self.scenario.seed * 1000 + seed, settings.epochs)
        taken = [x[torch.from_numpy(some)] for x in inputs]
        detector.fit(taken, is_member[some], stopping[some])
        both = not (usable & held & ~stopping).any()  # too few persons to tell them apart
        return detector, stopping & (not both)

    def _validation(self, roles: pd.DataFrame) -> np.ndarray:
        return validation_persons(roles, self.scenario.seed)

    def _rival(self, trial: Trial, activations: Activations, strangers: np.ndarray) -> np.ndarray:
        if trial.method == one_class.NAME:
            return distance_from_strangers(activations, trial.aad, self.rows, strangers)
        rule, _, name = trial.method.partition("_")
        if rule not in BEYOND:
            aad = "outcome" if trial.aad == "pixels" else trial.aad
            return RIVALS[trial.method].score(activations, aad)[self.rows]
        own = SIGNALS[name](activations)[self.rows]
        others = unseen_mean(SIGNALS[name], self.references)[self.rows]
        if rule == "lira":
            return lira(own, others)
        # Surely no members: externals of fit, or all images where nothing is fitted.
        strangers = (self.table["split"] == "fit") & (self.table["role"] == "external")
        population = strangers.to_numpy() if strangers.any() else np.ones(len(own), bool)
        return rmia(own, others, population)


def _mean_of_known(scores: np.ndarray) -> np.ndarray:
    """Mean over models (first axis) of the scores that are there; NaN where none is."""
    known = np.isfinite(scores)
    count = known.sum(0)
    return np.where(count > 0, np.where(known, scores, 0).sum(0) / np.maximum(count, 1), np.nan)


def detector_inputs(
    trial: Trial, activations: Activations, rows: np.ndarray, references: Unseen = ()
) -> list[torch.Tensor]:
    """The tensors a detector takes for ``rows``: vectors for Vanilla MINT, maps for CNN MINT,
    steadiness per tap and view for calibrated MINT, filters' gradients for gradient MINT.
    """
    if trial.method == "calibrated":
        beyond = trial.aad == "beyond_twins"
        features = (
            beyond_features(activations, references)
            if beyond
            else consistency_features(activations)
        )
        return [torch.from_numpy(features[rows])]
    if trial.method == "gradient":
        parts = [activations.vector(name, trial.aad, rows) for name in activations.filters]
        return [torch.from_numpy(np.concatenate(parts, axis=1))]
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
    return torch.from_numpy(activations.vector(name, rows=rows))
