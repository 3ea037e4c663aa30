"""Digests of this package's own code: a result made by other code is another result."""

import hashlib
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent
# These run, show or check a study; they cannot change what a step computes.
RUNNERS = {
    "arguments.py", "check.py", "cli.py", "grid.py", "lesson.py", "new_scenario.py",
    "report_commands.py", "study.py",
    "asking", "comparing", "pages", "reporting", "serving.py", "shell.py",
}  # fmt: skip


@cache
def code_digest(*parts: str) -> str:
    """SHA-256 (hex) of the named Python files of the package, and of those in named folders.

    Without parts: of all that can change a result, that is everything but RUNNERS.
    """
    roots = [PACKAGE / part for part in parts] or [PACKAGE]
    files = sorted(f for root in roots for f in ([root] if root.is_file() else root.rglob("*.py")))
    kept = [file for file in files if not RUNNERS & {*file.relative_to(PACKAGE).parts}]
    return hashlib.sha256(b"".join(file.read_bytes() for file in kept)).hexdigest()
