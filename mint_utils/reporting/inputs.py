"""SHA-256 of what a run was made from, so that a third party knows they have the same.

Of faces one digest a source, over the digests of its images in order. An image's digest is that of
its pixels as they were read (shape, then bytes), as models/known_images.parquet has it.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from mint_utils import locations
from mint_utils.hidden import HIDDEN
from mint_utils.run import Run, files_named
from mint_utils.scenario_file import scenario_path


def inputs_of(run: Run, name: str) -> dict:
    """``scenario`` (its file's digest), ``faces`` (by source), ``weights`` (by file)."""
    scenario = run.scenario
    models = [scenario.audited_model, getattr(scenario.references, "model", None)]
    weights = [file for model in models for file in files_named(model)]
    hashes = {file: sha256(locations.find(file, f"weights {file!r}")) for file in weights}
    inputs = {"faces": face_digests(run.table("face_set")), "weights": hashes}
    if scenario.report.faces != HIDDEN:
        return {"scenario": sha256(scenario_path(name))} | inputs
    # A hash of the file would confirm a guess of the names in it.
    numbered = {f"file {place}": sha for place, sha in enumerate(hashes.values(), start=1)}
    return inputs | {"weights": numbered}


def face_digests(images: pd.DataFrame) -> dict[str, dict]:
    """``images`` and ``sha256`` of each source; ``images`` has the columns source and digest."""
    return {
        source: {"images": len(some), "sha256": digest_of_all(some["digest"])}
        for source, some in images.groupby("source")
    }


def digest_of_all(digests: Iterable[str]) -> str:
    """SHA-256 of the digests, in order, a line each."""
    return hashlib.sha256("\n".join(sorted(digests)).encode()).hexdigest()


def sha256(file: Path) -> str:
    """SHA-256 (hex) of a file, read piece by piece: weights may be large."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
