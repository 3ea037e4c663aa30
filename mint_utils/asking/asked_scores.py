"""What a finished run's own methods say of other faces, image by image and album by album."""

from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from mint_utils.activations.extract import extract
from mint_utils.activations.recorded import Activations
from mint_utils.albums import SIGNALS, head_of_mean, mean_scores, similarity_and_spread
from mint_utils.asking.finished_run import FinishedRun
from mint_utils.audited import AuditedModel
from mint_utils.chance import chance
from mint_utils.faces import FaceSet
from mint_utils.rivals import RIVALS
from mint_utils.scores import detector_inputs
from mint_utils.trials import Trial, batch_norm_needed, views_needed


class AskedScores:
    """Scores of ``faces`` by a rung's method, oriented as the rung has them.

    ``model`` is the run's audited model; its activations are recorded under ``root``.
    """

    def __init__(self, run: FinishedRun, model: AuditedModel, faces: FaceSet, root: Path):
        self.run, self.model, self.faces, self.root = run, model, faces, root

    @cached_property
    def activations(self) -> Activations:
        """The faces through the audited model, as the run did it."""
        scenario = self.run.scenario
        maps = np.full(len(self.faces), "cnn" in scenario.detectors.methods)
        return extract(
            self.model, self.faces, target="audited", maps_for=maps, views=views_needed(scenario),
            batch_norm=batch_norm_needed(scenario), root=self.root, how=scenario.extraction,
        )  # fmt: skip

    def images(self, rung: dict) -> np.ndarray:
        """float64 (n,): each image by the rung's image method; detectors by the mean of seeds."""
        sign, method, aad = _spoken(rung)
        if method in RIVALS:
            return sign * RIVALS[method].score(self.activations, aad).astype(float)
        trial = Trial(method, "mint", aad, rung["access"])
        inputs = detector_inputs(trial, self.activations, np.arange(len(self.activations)))
        seeds = range(self.run.scenario.detectors.seeds)
        scores = [self.run.detector(method, aad, seed).score(inputs) for seed in seeds]
        return sign * np.mean(scores, axis=0).astype(float)

    def album(self, rung: dict, rows: np.ndarray) -> float:
        """The images ``rows`` as one album."""
        sign, method, _ = _spoken(rung)
        album = pd.DataFrame({"rows": [rows]})
        if method not in SIGNALS:
            return float(mean_scores(self.images(rung), album)[0])
        embedding = self.activations.vector("outcome")
        if method == "head_of_mean":
            return sign * float(head_of_mean(embedding, self.activations.head(), album)[0])
        place = ("similarity", "spread").index(method)
        return sign * float(similarity_and_spread(embedding, album)[0, place])


def first_drawn(table: pd.DataFrame, rows: np.ndarray, k: int, seed: int) -> np.ndarray:
    """The ``k`` of ``rows`` that make an album: their pixels decide by chance, not their names."""
    drawn = sorted(rows, key=lambda row: chance(seed, "asked", table["digest"][row]))
    return np.array(drawn[:k])


def _spoken(rung: dict) -> tuple[int, str, str]:
    """Sign, method and kind of data of a rung's ``method``, as rungs.csv names it."""
    method, _, aad = rung["method"].removesuffix(" (reversed)").partition(" on ")
    return -1 if rung["method"].endswith(" (reversed)") else 1, method, aad
