"""Where data, weights, caches and reports lie. The only file that reads ``MINT_DATA``.

Paths resolve from the repository, never from the working directory, so a notebook and the
command line always mean the same files.
"""

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
NOTEBOOKS = REPOSITORY / "notebooks"
SCENARIOS = NOTEBOOKS / "scenarios"
RAW = REPOSITORY / "data" / "raw"


def _redirected(variable: str, default: Path) -> Path:
    named = os.environ.get(variable)
    return (REPOSITORY / Path(named).expanduser()).resolve() if named else default


def cache() -> Path:
    """Folder of trained models, activation stores and finished steps (``MINT_CACHE`` moves it)."""
    return _redirected("MINT_CACHE", REPOSITORY / "data" / "cache")


def reports() -> Path:
    """Folder of finished reports, one subfolder a scenario (``MINT_REPORTS`` moves it).

    Taught in notebook 09.
    """
    return _redirected("MINT_REPORTS", REPOSITORY / "reports")


def data_folders() -> list[Path]:
    """Folders searched for real faces and weights: ``data/raw``, then those of ``MINT_DATA``."""
    named = os.environ.get("MINT_DATA", "").split(os.pathsep)
    return [RAW, *((REPOSITORY / Path(f).expanduser()).resolve() for f in named if f)]


def find(relative: str | Path, what: str) -> Path:
    """First existing ``relative`` under :func:`data_folders` (an absolute path stands for itself).

    Raises FileNotFoundError naming ``what``, every place looked at, and what to do; ValueError for
    a relative path that climbs out of these folders.
    """
    wanted = Path(relative).expanduser()
    if not wanted.is_absolute() and ".." in wanted.parts:
        raise ValueError(
            f"{what}: {str(relative)!r} climbs out of the folders of the data; write an absolute "
            "path where that is meant"
        )
    candidates = [wanted] if wanted.is_absolute() else [f / wanted for f in data_folders()]
    for candidate in candidates:
        if candidate.exists():
            return candidate
    places = "\n  ".join(str(candidate) for candidate in candidates)
    raise FileNotFoundError(
        f"{what} not found. Looked at:\n  {places}\n"
        "Put it under data/raw, or set MINT_DATA to the folder that holds it. "
        "data/README.md says how to get each database."
    )


def is_inside(file: Path, root: Path) -> bool:
    """Whether ``file``, links followed, lies under ``root`` or one of :func:`data_folders`."""
    real = file.resolve()
    return any(real.is_relative_to(folder.resolve()) for folder in (root, *data_folders()))
