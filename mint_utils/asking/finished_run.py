"""What a report keeps of a finished run: enough to ask it about images of unknown membership."""

import json
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

from mint_utils import one_class
from mint_utils.detectors import Detector
from mint_utils.device import describe_device
from mint_utils.evidence.rungs import scores_of
from mint_utils.hidden import HIDDEN
from mint_utils.reporting.finished import report_of, scenario_of
from mint_utils.scenario import Scenario


@dataclass(frozen=True)
class FinishedRun:
    """A report, its scenario, and the tables and detectors that answer questions."""

    report: Path
    scenario: Scenario

    @property
    def models(self) -> Path:
        return self.report / "models"

    @cached_property
    def rungs(self) -> pd.DataFrame:
        """rungs.csv, without those that need the strangers of fit, whom a report does not keep."""
        return self._all_rungs[~self._needs_strangers]

    @property
    def needed(self) -> set[str]:
        """What the rungs need: access levels, and one_class where a rung is of it."""
        return {*self._all_rungs["access"]} | (
            {one_class.NAME} if any(self._needs_strangers) else set()
        )

    @cached_property
    def _all_rungs(self) -> pd.DataFrame:
        return pd.read_csv(self._kept("tables/rungs.csv"))

    @property
    def _needs_strangers(self) -> pd.Series:
        return self._all_rungs["method"].str.startswith(one_class.NAME)

    @cached_property
    def faces(self) -> pd.DataFrame:
        """Every image of the run: image_id, identity, source, role, split."""
        return pd.read_csv(self._kept("tables/faces.csv"), keep_default_na=False)

    @cached_property
    def calibrate(self) -> pd.DataFrame:
        """Scores to rank among: the long table of score_table.py, externals of calibrate only."""
        table = pd.read_parquet(self._kept("models/calibrate.parquet"))
        return table[(table["target"] == "audited") & (table["split"] == "calibrate")]

    def detector(self, method: str, aad: str, seed: int) -> Detector:
        return Detector.load(self._kept(f"models/audited/{method}-{aad}-{seed}.safetensors"))

    def ranked_among(self, rung: dict) -> tuple[np.ndarray, np.ndarray]:
        """Scores and persons of the calibrate externals that the rung compares."""
        scores = scores_of(self.calibrate, rung)
        externals = scores[scores["role"] == "external"]
        return externals["score"].to_numpy(), externals["identity"].to_numpy()

    def _kept(self, name: str) -> Path:
        file = self.report / name
        if not file.is_file():
            again = f"`mint-study run {self.scenario.name}`"
            if self.scenario.report.faces == HIDDEN:
                again += " -o report.faces=shown: this one hides faces, and keeps no models"
            raise FileNotFoundError(
                f"{file} is missing, so this run cannot be asked: make its report again, {again}"
            )
        return file


def finished_run(report: Path) -> FinishedRun:
    """Open a report. FileNotFoundError, ValueError that say what to do if it cannot be asked."""
    if not (report / "manifest.json").is_file():
        raise FileNotFoundError(
            f"{report} is not a finished report: run `mint-study run {report.name}` first"
        )
    run = FinishedRun(report, scenario_of(report))
    if not (run.calibrate["role"] == "external").any():
        raise ValueError(
            f"{run.scenario.name} has no calibrate persons to rank anybody among: run it with "
            "`splits` that give some, such as {fit: 0, calibrate: 0.5, test: 0.5}"
        )
    return run


def open_finished(name: str) -> FinishedRun:
    """:func:`finished_run` of a scenario's name, saying what it is: scenario, verdict, device.

    Taught in notebook 09.
    """
    run = finished_run(report_of(name))
    verdict = json.loads((run.report / "verdict.json").read_text())["verdict"]
    persons = run.calibrate.loc[run.calibrate["role"] == "external", "identity"].nunique()
    print(
        f"scenario {run.scenario.name}, seed {run.scenario.seed}, verdict {verdict!r}, "
        f"{persons} strangers to rank among; {describe_device()}, torch {version('torch')}"
    )
    return run
