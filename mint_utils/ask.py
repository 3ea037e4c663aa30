"""Images of unknown membership, asked of a finished run.

The run's own methods speak, on the run's own model, ranked among the run's calibrate persons.
Nothing is fitted, nothing is chosen, and nothing of the images is kept.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from pydantic import ValidationError

from mint_utils.activations.extract import extract
from mint_utils.activations.recorded import Activations
from mint_utils.albums import SIGNALS, head_of_mean, mean_scores, similarity_and_spread
from mint_utils.answers import ACCESS, COLUMNS, Answer
from mint_utils.asked_images import asked_images, counted, refuse_used, shown_by_test
from mint_utils.audited import reopen
from mint_utils.chance import chance
from mint_utils.detectors import Detector
from mint_utils.evidence.conformal import album_p_value, folder_p_value, image_p_values
from mint_utils.evidence.rungs import scores_of
from mint_utils.faces import FaceSet
from mint_utils.known_images import known_images
from mint_utils.rivals import RIVALS
from mint_utils.scenario import Scenario
from mint_utils.scores import detector_inputs
from mint_utils.trials import Trial, batch_norm_needed, views_needed

# Both ask about a person who has no image on the other side; the first is the paper's.
IMAGES_ASK = ("member_vs_external", "held_out_vs_external")
PERSONS_ASK = ("held_out_vs_external", "member_vs_external")


@dataclass(frozen=True)
class FinishedRun:
    """What a report keeps of a run for asking it."""

    report: Path
    scenario: Scenario

    @property
    def models(self) -> Path:
        return self.report / "models"

    @cached_property
    def rungs(self) -> pd.DataFrame:
        return pd.read_csv(self._kept("tables/rungs.csv"))

    @cached_property
    def calibrate(self) -> pd.DataFrame:
        """Scores to rank among: the long table of score_table.py, externals of calibrate only."""
        table = pd.read_parquet(self._kept("models/calibrate.parquet"))
        return table[(table["target"] == "audited") & (table["split"] == "calibrate")]

    def detector(self, method: str, aad: str, seed: int) -> Detector:
        return Detector.load(self._kept(f"models/audited/{method}-{aad}-{seed}.safetensors"))

    def _kept(self, name: str) -> Path:
        file = self.report / name
        if not file.is_file():
            raise FileNotFoundError(
                f"{file} is missing, so this run cannot be asked: make its report again with "
                f"`mint-study run {self.scenario.name}`"
            )
        return file


def finished_run(report: Path) -> FinishedRun:
    """Open a report. FileNotFoundError, ValueError that say what to do if it cannot be asked."""
    manifest = report / "manifest.json"
    if not manifest.is_file():
        raise FileNotFoundError(
            f"{report} is not a finished report: run `mint-study run {report.name}` first"
        )
    try:
        scenario = Scenario.model_validate(json.loads(manifest.read_text())["scenario"])
    except ValidationError as error:
        raise ValueError(
            f"{report} was made by another version of this study: run `mint-study run "
            f"{report.name}` again"
        ) from error
    run = FinishedRun(report, scenario)
    if not (run.calibrate["role"] == "external").any():
        raise ValueError(
            f"{run.scenario.name} has no calibrate persons to rank anybody among: run it with "
            "`splits` that give some, such as {fit: 0, calibrate: 0.5, test: 0.5}"
        )
    return run


def ask(report: Path, folder: Path, one_person: bool = False) -> Answer:
    """p-values of the aligned images under ``folder``, one each and for all of them together.

    With ``one_person`` they all show the same person and are audited as an album; else they are
    taken to show different persons, and the folder as a whole has a p-value. Raises ValueError or
    FileNotFoundError, saying what to do, where the run cannot answer.
    """
    run = finished_run(report)
    known = known_images(run.models)
    rungs = _image_rungs(run)
    found = asked_images(folder, run.scenario)
    faces, table = found.faces, found.faces.table
    refuse_used(table, known, folder)
    once = counted(table)
    albums = _album_rungs(run, int(once.sum())) if one_person else []
    with TemporaryDirectory() as nowhere:
        images = Asked(run, _recorded(run, faces, Path(nowhere)))
        of_images = [row for rung in rungs for row in _image_rows(images, rung)]
        of_folder = []
        if once.sum() > 1 and not one_person:
            of_folder = [_folder_row(images, rung, once, folder) for rung in rungs]
        of_person = [_album_row(images, rung, once, table, folder) for rung in albums]
    return Answer(
        run=run.scenario.name,
        assignment=run.scenario.assignment,
        left_out=tuple(sorted(set(run.rungs["access"]) - set(ACCESS))),
        path=str(folder),
        one_person=one_person,
        images=pd.DataFrame(of_images, columns=COLUMNS),
        folder=pd.DataFrame(of_folder, columns=COLUMNS),
        person=pd.DataFrame(of_person, columns=COLUMNS),
        skipped=found.skipped,
        copies=int((~once).sum()),
        tested=shown_by_test(table, known, folder),
    )


def _image_rungs(run: FinishedRun) -> list[dict]:
    """The rungs that speak of single images, of one contrast."""
    rungs = run.rungs[run.rungs["access"].isin(list(ACCESS)) & (run.rungs["k"] == 1)]
    for contrast in IMAGES_ASK:
        speaking = rungs[rungs["contrast"] == contrast]
        if len(speaking):
            return speaking.to_dict("records")
    raise ValueError(
        f"{run.scenario.name} does not compare images with externals: it has nothing to say of an "
        "image of unknown membership. Name a scenario that has externals on test"
    )


def _album_rungs(run: FinishedRun, photos: int) -> list[dict]:
    """For each contrast and access the rung of the largest albums that ``photos`` can fill."""
    rungs = run.rungs[run.rungs["access"].isin(list(ACCESS)) & (run.rungs["k"] > 1)]
    rungs = rungs[rungs["contrast"].isin(PERSONS_ASK)]
    sizes = sorted(int(k) for k in rungs["k"].unique())
    if not sizes:
        raise ValueError(
            f"{run.scenario.name} asked nothing about several photos of one person: too few of its "
            "test persons have as many. Ask without --one-person, or run it with more persons"
        )
    rungs = rungs[rungs["k"] <= photos]
    if rungs.empty:
        raise ValueError(
            f"--one-person needs at least {sizes[0]} different photos, {photos} found; this run "
            f"knows albums of {', '.join(map(str, sizes))}. Add photos, or ask without it"
        )
    largest = rungs.loc[rungs.groupby(["contrast", "access"])["k"].idxmax()]
    order = largest["contrast"].map(PERSONS_ASK.index) * 10 + largest["access"].map([*ACCESS].index)
    return largest.loc[order.sort_values().index].to_dict("records")


def _recorded(run: FinishedRun, faces: FaceSet, folder: Path) -> Activations:
    """The images through the run's audited model, as the run did it; the store is in ``folder``."""
    maps = np.full(len(faces), "cnn" in run.scenario.detectors.methods)
    return extract(
        reopen(run.scenario, run.models), faces, target="audited", maps_for=maps,
        views=views_needed(run.scenario), batch_norm=batch_norm_needed(run.scenario), root=folder,
        how=run.scenario.extraction,
    )  # fmt: skip


class Asked:
    """The asked images' scores by a rung's method, oriented as the rung has them."""

    def __init__(self, run: FinishedRun, activations: Activations):
        self.run, self.activations = run, activations

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

    def ranked_among(self, rung: dict) -> tuple[np.ndarray, np.ndarray]:
        """Scores and persons of the calibrate externals that the rung compares."""
        scores = scores_of(self.run.calibrate, rung)
        externals = scores[scores["role"] == "external"]
        return externals["score"].to_numpy(), externals["identity"].to_numpy()


def _spoken(rung: dict) -> tuple[int, str, str]:
    """Sign, method and kind of data of a rung's ``method``, as rungs.csv names it."""
    method, _, aad = rung["method"].removesuffix(" (reversed)").partition(" on ")
    return -1 if rung["method"].endswith(" (reversed)") else 1, method, aad


def _image_rows(images: Asked, rung: dict) -> list[dict]:
    scores, known = images.images(rung), images.ranked_among(rung)
    p_values = image_p_values(scores, *known)
    units = zip(images.activations.image_ids, scores, p_values, strict=True)
    return [_row(rung, "image", unit, 1, score, p, known) for unit, score, p in units]


def _folder_row(images: Asked, rung: dict, once: np.ndarray, folder: Path) -> dict:
    scores, known = images.images(rung)[once], images.ranked_among(rung)
    p = folder_p_value(scores, *known, seed=images.run.scenario.seed)
    return _row(rung, "folder", str(folder), len(scores), scores.mean(), p, known)


def _album_row(images: Asked, rung: dict, once: np.ndarray, table: pd.DataFrame, folder) -> dict:
    """Which photos make the album depends on their pixels, not on their names."""
    seed = images.run.scenario.seed
    drawn = sorted(
        np.flatnonzero(once), key=lambda row: chance(seed, "asked", table["digest"][row])
    )
    rows, known = np.array(drawn[: rung["k"]]), images.ranked_among(rung)
    score = images.album(rung, rows)
    return _row(rung, "album", str(folder), rung["k"], score, album_p_value(score, *known), known)


def _row(rung: dict, kind: str, unit: str, photos: int, score: float, p: float, known) -> dict:
    persons = len(np.unique(known[1]))
    return {
        "unit_kind": kind, "unit": unit, "photos": photos, "access": rung["access"],
        "contrast": rung["contrast"], "method": rung["method"], "score": score, "p_value": p,
        "smallest_p": 1 / (persons + 1), "persons": persons, "verdict": rung["verdict"],
    }  # fmt: skip
