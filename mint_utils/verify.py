"""Check a report as a third party would: hashes of all files, metrics recomputed from scores."""

import hashlib
import json
from pathlib import Path

import pandas as pd
from pandas.testing import assert_frame_equal

from mint_utils.evidence.measure import metrics_table


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
    return found + _metric_differences(report, manifest["scenario"])


def _metric_differences(report: Path, scenario: dict) -> list[str]:
    try:
        scores = pd.read_parquet(report / "tables" / "scores.parquet")
        stated = pd.read_csv(report / "tables" / "metrics.csv", dtype={"seed": str})
    except (OSError, ValueError) as error:
        return [f"tables cannot be read: {error}"]
    again = metrics_table(scores, scenario["name"], scenario["resamples"], scenario["seed"])
    try:
        assert_frame_equal(stated, again, check_dtype=False, rtol=1e-5, atol=1e-6)
    except AssertionError as error:
        return [f"metrics.csv is not what scores.parquet gives: {' '.join(str(error).split())}"]
    return []
