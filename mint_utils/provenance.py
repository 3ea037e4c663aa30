"""Digests of this package's own code: a result made by other code is another result."""

import hashlib
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent
# These run, show or check a study; they cannot change what a step computes.
RUNNERS = {
    "answer_notes.py", "answer_page.py", "answers.py", "arguments.py", "ask.py",
    "asked_images.py", "asked_photographs.py", "asked_scores.py", "calibrate_faces.py",
    "check.py", "cli.py", "compare.py", "defences.py", "drawn_photographs.py", "executed.py",
    "finish.py", "finished.py", "finished_run.py", "grid.py", "grid_tables.py", "inputs.py",
    "lesson.py", "new_scenario.py", "pdf.py", "photo_quality.py", "photographs.py",
    "questions.py", "report.py", "report_tables.py", "scenario_errors.py", "serving.py",
    "shell.py", "strangers.py", "study.py", "verify.py", "visibility.py", "whose_face.py",
}  # fmt: skip


@cache
def code_digest(*parts: str) -> str:
    """SHA-256 (hex) of the named Python files of the package, and of those in named folders.

    Without parts: of all that can change a result, that is everything but RUNNERS.
    """
    roots = [PACKAGE / part for part in parts] or [PACKAGE]
    files = sorted(f for root in roots for f in ([root] if root.is_file() else root.rglob("*.py")))
    kept = [file for file in files if file.name not in RUNNERS and "pages" not in file.parts]
    return hashlib.sha256(b"".join(file.read_bytes() for file in kept)).hexdigest()
