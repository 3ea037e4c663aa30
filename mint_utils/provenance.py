"""Digests of this package's own code: a result made by other code is another result."""

import hashlib
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent
# These run, show or check a study; they cannot change what a step computes.
RUNNERS = {
    "cli.py", "study.py", "report.py", "verify.py", "check.py", "compare.py", "lesson.py", "ask.py",
    "answers.py", "asked_images.py", "grid.py", "grid_tables.py",
    "new_scenario.py", "visibility.py", "finish.py", "executed.py", "inputs.py", "pdf.py",
    "report_tables.py",
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
