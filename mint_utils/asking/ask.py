"""Images of unknown membership, asked of a finished run.

The run's own methods speak, on the run's own model, ranked among the run's calibrate persons or
among strangers whom somebody names. Nothing is fitted, nothing is chosen, nothing is kept.
"""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from mint_utils import one_class
from mint_utils.asking.answers import COLUMNS, Answer
from mint_utils.asking.asked_images import (
    Asked,
    asked_images,
    counted,
    holds_photographs,
    refuse_used,
    shown_by_test,
)
from mint_utils.asking.asked_photographs import asked_photographs
from mint_utils.asking.asked_scores import AskedScores, first_drawn
from mint_utils.asking.calibrate_faces import CalibrateFaces
from mint_utils.asking.finished_run import FinishedRun, finished_run
from mint_utils.asking.photo_quality import quality
from mint_utils.asking.questions import ACCESS, IMAGES_ASK, PERSONS_ASK
from mint_utils.asking.strangers import Strangers, strangers_in
from mint_utils.audited import AuditedModel, reopen
from mint_utils.evidence.conformal import album_p_value, folder_p_value, image_p_values
from mint_utils.known_images import known_images
from mint_utils.sources import UnreadableImage


def ask(
    report: Path,
    folder: Path,
    one_person: bool = False,
    photos: bool | None = None,
    reference: Path | None = None,
    strangers: Path | None = None,
) -> Answer:
    """p-values of the images under ``folder``, one each and for all of them together.

    With ``one_person`` they all show the same person and are audited as an album; else they are
    taken to show different persons, and the folder as a whole has a p-value. ``photos`` says
    whether faces have to be found and cropped first (None: see for yourself). ``reference`` is a
    photograph of the person who is meant. ``strangers`` has a folder a person, of persons whom the
    model never saw, photographed as those asked about: these are ranked among them. Raises
    ValueError or FileNotFoundError, saying what to do, where the run cannot answer.

    Taught in notebook 09.
    """
    _refuse_together(reference, strangers)
    run = finished_run(report)
    known = known_images(run.models)
    rungs = _image_rungs(run)  # a run that cannot answer says so before anything is read
    model, calibrate = reopen(run.scenario, run.models), _calibrate_faces(run)
    if photos is None:
        photos = reference is not None or _holds_photographs(folder, run, calibrate)
    reader = Reader(run, model, calibrate, photos)
    asked = reader.asked(folder, one_person, reference)
    table = asked.faces.table
    refuse_used(table, known, folder)
    with TemporaryDirectory() as nowhere:
        scores = AskedScores(run, model, asked.faces, Path(nowhere) / "asked")
        among = run
        if strangers:
            among = _named_strangers(strangers, folder, reader, one_person, Path(nowhere))
            among.refuse(table, known)
        said = _said(scores, among, rungs, folder, one_person, reference is not None)
    return Answer(
        **said,
        run=run.scenario.name,
        assignment=run.scenario.assignment,
        left_out=tuple(sorted(run.needed - set(ACCESS))),
        path=str(folder),
        one_person=one_person,
        skipped=asked.skipped,
        others=asked.others,
        copies=int((~counted(table)).sum()),
        tested=shown_by_test(table, known, folder),
        faces=asked.faces,
        quality=quality(asked, calibrate),
        photos=photos,
        usual=calibrate.usual if calibrate else "",
        strangers=among.persons if strangers else 0,
        strangers_left_out=among.left_out if strangers else (),
    )


def _refuse_together(reference: Path | None, strangers: Path | None) -> None:
    if reference is not None and strangers is not None:
        raise ValueError(
            "--reference takes faces for being like one photograph, and strangers' faces cannot be "
            "taken so: their albums would be less alike by that alone. With --strangers say "
            "--one-person"
        )


def _said(
    scores: AskedScores, among, rungs: list[dict], folder: Path, one_person: bool, one_meant: bool
) -> dict:
    """Rows of an answer about ``images``, the ``folder`` and the ``person``; COLUMNS.

    A folder is spoken of where its photographs are not all of one person.
    """
    run, once = scores.run, counted(scores.faces.table)
    several = once.sum() > 1 and not one_person and not one_meant
    albums = _album_rungs(run, int(once.sum())) if one_person else []
    albums = _largest(among.with_enough(albums) if among is not run else albums)
    said = {
        "images": [row for rung in rungs for row in _image_rows(scores, rung, among)],
        "folder": [_folder_row(scores, r, once, folder, among) for r in rungs if several],
        "person": [_album_row(scores, r, once, folder, among) for r in albums],
    }
    return {about: pd.DataFrame(rows, columns=COLUMNS) for about, rows in said.items()}


def _named_strangers(
    strangers: Path, folder: Path, reader: "Reader", one_person: bool, root: Path
) -> Strangers:
    """Their faces, read as those of ``folder``, and their scores by the run's own methods."""
    faces, left_out = strangers_in(
        strangers, folder, lambda person: reader.asked(person, one_person)
    )
    scores = AskedScores(reader.run, reader.model, faces, root / "strangers")
    return Strangers(strangers, scores, left_out)


def _calibrate_faces(run: FinishedRun) -> CalibrateFaces | None:
    """The run's own faces, None if they are not on this machine any more."""
    calibrate = CalibrateFaces(run)
    try:
        return calibrate if calibrate.images else None
    except (FileNotFoundError, UnreadableImage):
        return None


def _holds_photographs(folder: Path, run: FinishedRun, calibrate: CalibrateFaces | None) -> bool:
    return calibrate is not None and holds_photographs(folder, run.scenario, calibrate)


@dataclass(frozen=True)
class Reader:
    """Reads folders for one question: aligned images, or faces found in photographs."""

    run: FinishedRun
    model: AuditedModel
    calibrate: CalibrateFaces | None
    photos: bool

    def asked(self, folder: Path, one_person: bool, reference: Path | None = None) -> Asked:
        if not self.photos and reference is not None:
            raise ValueError(
                "--reference says whose face to take in a photograph; aligned images show one each"
            )
        if not self.photos:
            return asked_images(folder, self.run.scenario)
        if self.calibrate is None:
            raise FileNotFoundError(
                f"the faces of {self.run.scenario.name} are not here, so it cannot be told how to "
                "crop photographs like them: set MINT_DATA to their folder, or ask with --aligned "
                "about images that are cropped already"
            )
        return asked_photographs(folder, self.calibrate, self.model, one_person, reference)


def _image_rungs(run: FinishedRun) -> list[dict]:
    """The rungs that speak of single images, of one contrast."""
    rungs = run.rungs[run.rungs["access"].isin(list(ACCESS)) & (run.rungs["k"] == 1)]
    for contrast in IMAGES_ASK:
        speaking = rungs[rungs["contrast"] == contrast]
        if len(speaking):
            return speaking.to_dict("records")
    raise ValueError(
        f"{run.scenario.name} does not compare images with externals{_but_strangers(run)}: it has "
        "nothing to say of an image of unknown membership. Name a scenario that has externals on "
        "test, and methods beside one_class"
    )


def _but_strangers(run: FinishedRun) -> str:
    if one_class.NAME not in run.needed:
        return ""
    return " but by how far from strangers they are, and those a report does not keep"


def _album_rungs(run: FinishedRun, photos: int) -> list[dict]:
    """The rungs about a person whose albums ``photos`` can fill."""
    rungs = run.rungs[run.rungs["access"].isin(list(ACCESS)) & (run.rungs["k"] > 1)]
    rungs = rungs[rungs["contrast"].isin(PERSONS_ASK)]
    sizes = sorted(int(k) for k in rungs["k"].unique())
    if not sizes:
        raise ValueError(
            f"{run.scenario.name} asked nothing about several photos of one person"
            f"{_but_strangers(run)}: too few of its test persons have as many, or it has no other "
            "method. Ask without --one-person, or run it with more persons or methods"
        )
    rungs = rungs[rungs["k"] <= photos]
    if rungs.empty:
        raise ValueError(
            f"--one-person needs at least {sizes[0]} different photos, {photos} found; this run "
            f"knows albums of {', '.join(map(str, sizes))}. Add photos, or ask without it"
        )
    return rungs.to_dict("records")


def _largest(albums: list[dict]) -> list[dict]:
    """Of each question and access the rung of the largest albums, in the order they are asked."""
    if not albums:
        return []
    rungs = pd.DataFrame(albums)
    largest = rungs.loc[rungs.groupby(["contrast", "access"])["k"].idxmax()]
    order = largest["contrast"].map(PERSONS_ASK.index) * 10 + largest["access"].map([*ACCESS].index)
    return largest.loc[order.sort_values().index].to_dict("records")


def _image_rows(asked: AskedScores, rung: dict, among: FinishedRun | Strangers) -> list[dict]:
    scores, known = asked.images(rung), among.ranked_among(rung)
    p_values = image_p_values(scores, *known)
    units = zip(asked.faces.table["image_id"], scores, p_values, strict=True)
    return [_row(rung, "image", unit, 1, score, p, known) for unit, score, p in units]


def _folder_row(asked: AskedScores, rung: dict, once: np.ndarray, folder: Path, among) -> dict:
    scores, known = asked.images(rung)[once], among.ranked_among(rung)
    p = folder_p_value(scores, *known, seed=asked.run.scenario.seed)
    return _row(rung, "folder", str(folder), len(scores), scores.mean(), p, known)


def _album_row(asked: AskedScores, rung: dict, once: np.ndarray, folder: Path, among) -> dict:
    rows = first_drawn(asked.faces.table, np.flatnonzero(once), rung["k"], asked.run.scenario.seed)
    score, known = asked.album(rung, rows), among.ranked_among(rung)
    return _row(rung, "album", str(folder), rung["k"], score, album_p_value(score, *known), known)


def _row(rung: dict, kind: str, unit: str, photos: int, score: float, p: float, known) -> dict:
    persons = len(np.unique(known[1]))
    return {
        "unit_kind": kind, "unit": unit, "photos": photos, "access": rung["access"],
        "contrast": rung["contrast"], "method": rung["method"], "score": score, "p_value": p,
        "smallest_p": 1 / (persons + 1), "persons": persons, "verdict": rung["verdict"],
    }  # fmt: skip
