"""What a finished report holds, loaded in one line each.

    scores("synthetic")                  # every score, a table
    detectors("synthetic")               # the fitted MINT models by METHOD-AAD-SEED
    activations("synthetic")["audited"]  # what the taps gave, by target

A report is named like its scenario, or by its folder.
"""

import json
from pathlib import Path

import pandas as pd
from pydantic import ValidationError

from mint_utils import locations
from mint_utils.activations.recorded import Activations
from mint_utils.choices import not_a_choice
from mint_utils.detectors import Detector
from mint_utils.run import store_folders
from mint_utils.scenario import Scenario
from mint_utils.scenario_file import scenario_path


def report_names() -> list[str]:
    """The reports that are finished, by name; those of grids are not among them."""
    return sorted(file.parent.name for file in locations.reports().glob("[!._]*/manifest.json"))


def report_of(name: str | Path) -> Path:
    """The finished report of a scenario's name or .yml file, or the report that ``name`` itself is.

    Raises FileNotFoundError that says what to run and which reports there are, ScenarioError if
    nothing is called so.
    """
    path = Path(name)
    is_file = path.suffix in (".yml", ".yaml")
    stem = path.stem if is_file else str(name)
    for folder in (path, locations.reports() / stem):
        if (folder / "manifest.json").is_file():
            return folder
    if path.is_dir():
        folder = path
    elif not folder.is_dir():
        scenario_path(str(name))  # names the nearest one if there is no such scenario at all
    here, run = ", ".join(report_names()) or "none yet", name if is_file else folder.name
    raise FileNotFoundError(
        f"{folder} is not a finished report: run `mint-study run {run}` first. Finished: {here}"
    )


def scores(name: str | Path) -> pd.DataFrame:
    """Every score of a report, the long table of score_table.COLUMNS.

    Taught in notebook 07.
    """
    return pd.read_parquet(_kept(report_of(name), "tables/scores.parquet"))


def detectors(name: str | Path, target: str = "audited") -> dict[str, Detector]:
    """The detectors fitted on a target's activations, ready to score, by ``METHOD-AAD-SEED``.

    Raises ValueError naming the targets that have some. Shown in notebook 07, 7.8.
    """
    models = report_of(name) / "models"
    targets = sorted({file.parent.name for file in models.glob("*/*.safetensors")})
    if not targets:
        raise ValueError(f"{models} holds no detectors: this run fitted none, see its scenario")
    if target not in targets:
        raise ValueError(not_a_choice("target", target, targets))
    files = sorted((models / target).glob("*.safetensors"))
    return {file.stem: Detector.load(file) for file in files}


def activations(name: str | Path) -> dict[str, Activations]:
    """The activations of a report's run by target, from the cache where notebook 03 left them.

    Raises FileNotFoundError if the cache no longer has them: they are too large for a report. Shown
    in notebook 07, 7.8.
    """
    report = report_of(name)
    try:
        return {target: Activations(folder) for target, folder in stores_of(report).items()}
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"the activations of {report} are not in {locations.cache()}: run "
            f"`mint-study run {report.name}` again, with --fresh if that finds all done"
        ) from error


def stores_of(report: Path) -> dict[str, Path]:
    """Where the activations of a report's run lie or lay, by target."""
    return store_folders(pd.read_csv(_kept(report, "tables/stores.csv"), dtype=str))


def scenario_of(report: Path) -> Scenario:
    """The scenario of a finished report. ValueError if another version of the study made it."""
    manifest = json.loads((report / "manifest.json").read_text())
    try:
        return Scenario.model_validate(manifest["scenario"])
    except ValidationError as error:
        raise ValueError(
            f"{report} was made by another version of this study: run `mint-study run "
            f"{report.name}` again"
        ) from error


def _kept(report: Path, name: str) -> Path:
    if not (report / name).is_file():
        raise FileNotFoundError(
            f"{report / name} is missing: make the report again with `mint-study run {report.name}`"
        )
    return report / name
