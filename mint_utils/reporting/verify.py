"""Check a report as a third party would: hashes, figures from the scores, the page from both.

What somebody changed and signed anew is found where it no longer follows from the scores; scores
that were changed with all that follows from them are only found by repeating the run.
"""

import json
from pathlib import Path, PurePosixPath

import pandas as pd
from jinja2 import TemplateError
from pandas.testing import assert_frame_equal

from mint_utils.evidence.measure import metrics_table
from mint_utils.evidence.rungs import COLUMNS, ladder
from mint_utils.evidence.subgroups import subgroups
from mint_utils.evidence.thresholds import thresholds
from mint_utils.evidence.verdict import judged, report_verdict
from mint_utils.known_images import FILE as KNOWN_IMAGES
from mint_utils.reporting.inputs import face_digests, sha256
from mint_utils.reporting.report import index_page, page_digest


def differences(report: Path) -> list[str]:
    """Everything in a report that does not match its manifest or its own scores, in words.

    Raises FileNotFoundError if there is no manifest.
    """
    manifest_file = report / "manifest.json"
    if not manifest_file.is_file():
        raise FileNotFoundError(f"{report} is not a finished report: it has no manifest.json")
    manifest = json.loads(manifest_file.read_text())
    return [
        *_changed_files(report, manifest["files"]),
        *_recomputed_differences(report, manifest),
        *_other_inputs(report, manifest.get("inputs") or {}),
        *_another_page(report, manifest),
    ]


def _changed_files(report: Path, files: dict[str, str]) -> list[str]:
    found = []
    for name, expected in files.items():
        file, parts = report / name, PurePosixPath(name)
        if parts.is_absolute() or ".." in parts.parts or file.is_symlink():
            found.append(f"{name}: not a file of this report")
        elif not file.is_file():
            found.append(f"{name}: missing")
        elif sha256(file) != expected:
            found.append(f"{name}: changed since the report was made")
    here = {f.relative_to(report).as_posix() for f in report.rglob("*") if f.is_file()}
    extra = here - set(files) - {"manifest.json"}
    return found + [f"{name}: not in the manifest" for name in sorted(extra)]


def _other_inputs(report: Path, inputs: dict) -> list[str]:
    """Digests of the faces, from those of the images that the report keeps (not where hidden)."""
    known, faces = report / "models" / KNOWN_IMAGES, report / "tables" / "faces.csv"
    if not inputs or not known.is_file():
        return []
    try:
        images = pd.read_parquet(known).merge(_stated(faces)[["image_id", "source"]])
        again = face_digests(images)
    except (OSError, ValueError, KeyError) as error:
        return [f"digests of the faces cannot be read: {error}"]
    if again != inputs["faces"]:
        return [f"manifest.json: the faces are not those of models/{KNOWN_IMAGES}"]
    return []


def _another_page(report: Path, manifest: dict) -> list[str]:
    """index.html written again; only the version that wrote it can tell."""
    page = report / "index.html"
    if manifest.get("page") != page_digest() or not page.is_file():
        return []
    try:
        same = page.read_text("utf-8") == index_page(report)
    except (OSError, ValueError, KeyError, TypeError, TemplateError) as error:
        return [f"index.html cannot be written again: {error}"]
    return [] if same else ["index.html: does not say what tables and verdict.json say"]


def _recomputed_differences(report: Path, manifest: dict) -> list[str]:
    scenario, tables = manifest["scenario"], report / "tables"
    names = ["metrics", "rungs", "thresholds"]
    if "tables/subgroups.csv" in manifest["files"]:  # versions before 0.4 counted no groups
        names += ["subgroups"]
    try:
        scores = pd.read_parquet(tables / "scores.parquet")
        stated = {name: _stated(tables / f"{name}.csv") for name in names}
        faces = _stated(tables / "faces.csv") if "subgroups" in names else None
        verdict = json.loads((report / "verdict.json").read_text())
    except (OSError, ValueError) as error:
        return [f"tables cannot be read: {error}"]
    computed, again = _recomputed(scores, faces, scenario)
    found = []
    for name in names:
        try:
            assert_frame_equal(
                stated[name], computed[name], check_dtype=False, rtol=1e-5, atol=1e-6
            )
        except AssertionError as error:
            words = " ".join(str(error).split())
            found.append(f"{name}.csv is not what scores.parquet gives: {words}")
    return found + [
        f"verdict.json: {key!r} is not what scores.parquet gives: {again[key]!r}"
        for key in ("verdict", "reason", "sentence")
        if verdict.get(key) != again[key]
    ]


def _recomputed(scores: pd.DataFrame, faces: pd.DataFrame | None, scenario: dict):
    """The tables by name, and the verdict, from the scores (and the groups of the faces)."""
    settings = scenario["resamples"], scenario["seed"]
    rungs = ladder(scores, tuple(scenario["rivals"]), *settings)
    rungs = judged(rungs, scenario["assignment"])
    tables = {
        "metrics": metrics_table(scores, scenario["name"], *settings),
        "rungs": rungs[COLUMNS],
        "thresholds": thresholds(scores, rungs, *settings),
    }
    if faces is not None:
        tables["subgroups"] = subgroups(scores, rungs, faces, scenario["seed"])
    return tables, report_verdict(rungs, scenario["assignment"])


def _stated(file: Path) -> pd.DataFrame:
    """A table as text says it: a scenario called "2024" or "NA" keeps its name."""
    kinds = {"seed": str, "scenario": str, "group": str, "image_id": str, "identity": str}
    return pd.read_csv(file, dtype=kinds, keep_default_na=False, na_values=[""])
