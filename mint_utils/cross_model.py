"""From one model to another: does a detector that was fitted on one tell the members of the other?

Both models have the same architecture and look at the same images, but were trained on different
persons, so each gives the images roles of its own. Persons are in the same split for both: whoever
is tested was never fitted on. Channels are matched on images that neither model was trained on.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from mint_utils.activations.recorded import Activations
from mint_utils.audited.references import NAME as REFERENCE
from mint_utils.audited.references import halves
from mint_utils.channels import Translation, agreement, matched, unmatched
from mint_utils.evidence.bootstrap import auc_over_persons
from mint_utils.faces import FaceSet
from mint_utils.relabelled import swapped, with_member_persons
from mint_utils.scenario import Scenario, TrainedIResNet
from mint_utils.scores import Recording, Scoring, detector_inputs
from mint_utils.trials import Trial, detector_samples, trials

WAYS = {"unmatched": unmatched, "matched": matched}
CONTROLS = ("untrained_twin", "pixels")  # one network for both: its channels need no matching
FEWEST = 8  # images by which channels can be matched at all
COLUMNS = [
    "fitted_on", "tested_on", "network", "channels", "method", "aad", "access", "auc", "low",
    "high", "n_positive_ids", "n_negative_ids", "agreement", "note",
]  # fmt: skip


def cross_model(
    targets: Mapping[str, Activations], faces: FaceSet, scenario: Scenario
) -> pd.DataFrame:
    """AUC on each model's members and externals of detectors fitted on another; COLUMNS.

    One row a pair of models, ``network`` and kind of data. ``channels`` is ``own`` (fitted and
    tested on the same model), ``unmatched``, ``matched``, or ``none`` where the data has no
    channels to match (the head's summary, how steady the layers are). ``agreement`` is the mean
    correlation of paired channels on calibrate persons. Where ``network`` is a control, it takes
    the place of both models and the roles alone are exchanged. ``note`` says why a tap was
    refused. CNN MINT is left out. Empty where the study trained one model only.

    Taught in notebook 04.
    """
    rows = np.flatnonzero(detector_samples(faces, scenario))
    roles = {
        name: table.iloc[rows].reset_index(drop=True)
        for name, table in roles_by_model(targets, faces, scenario).items()
    }
    others = [name for name in roles if name != "audited"]
    if not others or not scenario.detectors.methods:
        return pd.DataFrame(columns=COLUMNS)
    transfer = _Transfer(targets, roles, rows, scenario)
    work = [(name, name) for name in roles]
    work += [pair for name in others for pair in (("audited", name), (name, "audited"))]
    said = []
    for first, second in tqdm(work, desc="from model to model", unit="pair"):
        said += [*transfer.between(first, second), *transfer.by_controls(first, second)]
    return pd.DataFrame(said, columns=COLUMNS)


def roles_by_model(
    targets: Mapping[str, Activations], faces: FaceSet, scenario: Scenario
) -> dict[str, pd.DataFrame]:
    """The table of images as each trained model has its roles; models that the study trained."""
    spec, table = scenario.audited_model, faces.table
    if not isinstance(spec, TrainedIResNet) or spec.trained_on:
        return {}
    found = {"audited": table}
    if "swapped_halves" in targets:
        found["swapped_halves"] = swapped(table)
    for number, seen in enumerate(halves(table, scenario)):
        if f"{REFERENCE}.{number}" in targets:
            member_person = table["identity"].isin(seen)
            found[f"{REFERENCE}.{number}"] = with_member_persons(table, member_person)
    return found


class _Transfer:
    """Detectors of one model on the activations of another."""

    def __init__(self, targets, roles: dict[str, pd.DataFrame], rows, scenario: Scenario):
        self.targets, self.roles, self.rows, self.scenario = targets, roles, rows, scenario
        self.known: dict[tuple, object] = {}  # detectors, which several pairs need

    def between(self, first: str, second: str) -> Iterator[dict]:
        """Rows of a pair of models; of the same model twice, what it reaches by itself."""
        for trial in self._trials(first):
            about = {"fitted_on": first, "tested_on": second, "network": second}
            ways = ("own",) if first == second else WAYS if _has_channels(trial) else ("none",)
            for way in ways:
                yield about | {"channels": way} | self._row(trial, first, second, way)

    def by_controls(self, first: str, second: str) -> Iterator[dict]:
        """The same exchange of roles on networks that cannot know of either training."""
        for control in (name for name in CONTROLS if name in self.targets):
            for trial in self._trials(control):
                score = self._detector(trial, control, first).score(self._inputs(trial, control))
                about = {"fitted_on": first, "tested_on": second, "network": control}
                yield about | {"channels": "own"} | _of(trial) | self._told(score, second)

    def _trials(self, name: str) -> list[Trial]:
        return [
            trial
            for trial in trials(self.targets[name], self.scenario)
            if trial.kind == "mint" and trial.method != "cnn" and trial.aad != "beyond_twins"
        ]

    def _row(self, trial: Trial, first: str, second: str, way: str) -> dict:
        try:
            translations = self._translations(trial, first, second, way) if way in WAYS else {}
            inputs = self._inputs(trial, second, translations)
            score = self._detector(trial, first, first).score(inputs)
        except ValueError as error:  # taps that do not fit
            return _of(trial) | {"note": str(error)}
        alike = {"agreement": self._agreement(translations, first, second)} if translations else {}
        return _of(trial) | self._told(score, second) | alike

    def _inputs(
        self, trial: Trial, name: str, translations: Mapping[str, Translation] | None = None
    ):
        activations = self.targets[name]
        if not translations:
            return detector_inputs(trial, activations, self.rows)
        parts = [t(activations.vector(aad, rows=self.rows)) for aad, t in translations.items()]
        return [torch.from_numpy(np.concatenate(parts, axis=1))]

    def _detector(self, trial: Trial, network: str, model: str):
        """Fitted on what ``network`` shows of the images under the roles of ``model``."""
        key = (trial, network, model)
        if key not in self.known:
            roles = self.roles[model]
            scoring = Scoring(self.rows, roles, self.scenario, (), None, seeds=1)
            everybody = np.ones(len(self.targets[network]), bool)
            part = Recording(network, self.targets[network], everybody)
            inputs = self._inputs(trial, network)
            self.known[key], _ = scoring.fitted(trial, part, roles, inputs, 0)
        return self.known[key]

    def _translations(self, trial: Trial, first: str, second: str, way: str) -> dict:
        """What brings the second model's vectors into the first one's channels, by tap."""
        images = self._trained_on_by_neither(first, second, "fit")
        if len(images) < FEWEST:
            raise ValueError(
                f"channels cannot be matched: {len(images)} images of fit that neither model was "
                f"trained on, {FEWEST} are needed: raise roles.held_out_images"
            )
        taps = self.targets[first].taps
        return {
            aad: WAYS[way](aad, *self._vectors(aad, images, first, second))
            for aad in ([*taps, "outcome"] if trial.aad == "combination" else [trial.aad])
        }

    def _agreement(self, translations: dict, first: str, second: str) -> float:
        images = self._trained_on_by_neither(first, second, "calibrate")
        found = [
            agreement(translation, *self._vectors(aad, images, first, second))
            for aad, translation in translations.items()
        ]
        return float(np.mean(found))

    def _vectors(self, aad: str, images: np.ndarray, first: str, second: str):
        return (self.targets[name].vector(aad, rows=images) for name in (second, first))

    def _trained_on_by_neither(self, first: str, second: str, split: str) -> np.ndarray:
        one, other = self.roles[first], self.roles[second]
        neither = (one["role"] != "member") & (other["role"] != "member")
        return self.rows[(neither & (one["split"] == split)).to_numpy()]

    def _told(self, score: np.ndarray, model: str) -> dict:
        """AUC of test images by the roles of ``model``."""
        roles = self.roles[model]
        asked = (roles["split"] == "test") & roles["role"].isin(["member", "external"])
        test, scenario = roles[asked], self.scenario
        positive = (test["role"] == "member").to_numpy()
        return auc_over_persons(
            score[asked.to_numpy()], test["identity"].to_numpy(), positive, scenario.resamples,
            scenario.seed,
        )  # fmt: skip


def _has_channels(trial: Trial) -> bool:
    return trial.method == "vanilla" and trial.aad != "head"


def _of(trial: Trial) -> dict:
    return {"method": trial.method, "aad": trial.aad, "access": trial.access, "note": ""}
