"""Check a report as a third party would: hashes of all files, all figures from the scores."""

import hashlib
import json
from pathlib import Path

import pandas as pd
from pandas.testing import assert_frame_equal

from mint_utils.evidence.measure import metrics_table
from mint_utils.evidence.rungs import COLUMNS, ladder
from mint_utils.evidence.thresholds import thresholds
from mint_utils.evidence.verdict import judged, report_verdict


def differences(report: Path) -> list[str]:
    """Everything in a report that does not match its manifest or its own scores, in words.

    Raises FileNotFoundError if there is no manifest.
    """
    manifest_file = report / "manifest.json"
    if not manifest_file.is_file():
        raise FileNotFoundError(f"{report} is not a finished report: it has no manifest.json")
    manifest = json.loads(manifest_file.read_text())
    found = []
    for name, expected in manifest["files"].items():
        file = report / name
        if not file.is_file():
            found.append(f"{name}: missing")
        elif hashlib.sha256(file.read_bytes()).hexdigest() != expected:
            found.append(f"{name}: changed since the report was made")
    here = {str(f.relative_to(report)) for f in report.rglob("*") if f.is_file()}
    extra = here - set(manifest["files"]) - {"manifest.json"}
    found += [f"{name}: not in the manifest" for name in sorted(extra)]
    return found + _recomputed_differences(report, manifest["scenario"])


def _recomputed_differences(report: Path, scenario: dict) -> list[str]:
    try:
        scores = pd.read_parquet(report / "tables" / "scores.parquet")
        metrics, rungs, called = (
            _stated(report / "tables" / f"{n}.csv") for n in ("metrics", "rungs", "thresholds")
        )
        verdict = json.loads((report / "verdict.json").read_text())
    except (OSError, ValueError) as error:
        return [f"tables cannot be read: {error}"]
    settings = scenario["resamples"], scenario["seed"]
    judged_again = judged(
        ladder(scores, tuple(scenario["rivals"]), *settings), scenario["assignment"]
    )
    again = report_verdict(judged_again, scenario["assignment"])
    found = []
    for name, stated, computed in (
        ("metrics.csv", metrics, metrics_table(scores, scenario["name"], *settings)),
        ("rungs.csv", rungs, judged_again[COLUMNS]),
        ("thresholds.csv", called, thresholds(scores, judged_again, *settings)),
    ):
        try:
            assert_frame_equal(stated, computed, check_dtype=False, rtol=1e-5, atol=1e-6)
        except AssertionError as error:
            found.append(f"{name} is not what scores.parquet gives: {' '.join(str(error).split())}")
    found += [
        f"verdict.json: {key!r} is not what scores.parquet gives: {again[key]!r}"
        for key in ("verdict", "reason", "sentence")
        if verdict[key] != again[key]
    ]
    return found


def _stated(file: Path) -> pd.DataFrame:
    """A table as text says it: a scenario called "2024" or "NA" keeps its name."""
    kinds = {"seed": str, "scenario": str}
    return pd.read_csv(file, dtype=kinds, keep_default_na=False, na_values=[""])
