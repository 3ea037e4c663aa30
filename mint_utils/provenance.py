"""Digests of this package's own code: a result made by other code is another result."""

import hashlib
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent
# These run, show or check a study; they cannot change what a step computes.
RUNNERS = {"cli.py", "study.py", "report.py", "verify.py", "check.py", "compare.py", "lesson.py"}


@cache
def code_digest(*folders: str) -> str:
    """SHA-256 (hex) of the Python files in the named folders of the package.

    Without folders: of all that can change a result, that is everything but RUNNERS.
    """
    roots = [PACKAGE / folder for folder in folders] or [PACKAGE]
    files = sorted(file for root in roots for file in root.rglob("*.py"))
    kept = [file for file in files if file.name not in RUNNERS and "pages" not in file.parts]
    return hashlib.sha256(b"".join(file.read_bytes() for file in kept)).hexdigest()
