"""Run the ordered notebooks of a scenario and leave a report: strict, atomic, resumable.

Each notebook is executed by papermill into its step's folder; a step that is done is not done
again. A report appears under reports/NAME only when all steps are done; a failed notebook is kept
under reports/NAME.failed.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import papermill
from filelock import FileLock, Timeout
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError

from mint_utils import locations
from mint_utils.compare import finished_reports
from mint_utils.device import describe_device
from mint_utils.grid_tables import finished_grids
from mint_utils.provenance import code_digest
from mint_utils.report import notebook_html, write_index
from mint_utils.run import PACKAGES, STEPS, Run
from mint_utils.scenario_file import load_scenario, portable_name

CELL_SECONDS = 12 * 3600  # a cell that takes longer hangs
KEPT = 3  # finished variants of a step that stay in the cache


class StudyFailed(RuntimeError):
    """A notebook raised; the message is its error, and says where the notebook is."""


def run_study(name: str, overrides: dict | None = None, cell_seconds: int = CELL_SECONDS) -> Path:
    """Run what is not done yet of a scenario's notebooks; returns the report's folder.

    Raises StudyFailed with the notebook's own error; finished steps are kept.
    """
    name = portable_name(name)
    run = Run("06_explorer", load_scenario(name, overrides))
    with _alone(run.scenario.name):
        return _run_steps(run, name, overrides or {}, cell_seconds)


@contextmanager
def _alone(scenario: str):
    """Wait until no other process runs this scenario; two would write the same folders."""
    file = locations.cache() / "steps" / f"{scenario}.lock"
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(file)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        print(f"{scenario} is being run by another process: waiting for it", file=sys.stderr)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _run_steps(run: Run, name: str, overrides: dict, cell_seconds: int) -> Path:
    failed = locations.reports() / f"{run.scenario.name}.failed"
    for number, step in enumerate(STEPS, start=1):
        folder, source = run.folder_of(step), locations.NOTEBOOKS / f"{step}.ipynb"
        says = f"[{number}/{len(STEPS)}] {step}"
        if _is_done(folder, source):
            print(f"{says}: done before", file=sys.stderr)
            continue
        print(says, file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        started = time.monotonic()
        try:
            execute(source, folder / source.name, name, overrides, cell_seconds)
        except StudyFailed as error:
            shutil.rmtree(failed, ignore_errors=True)
            shutil.copytree(folder, failed)
            raise StudyFailed(f"{step}: {error}\nThe notebook up to there: {failed}") from error
        done = {"source": _sha256(source), "seconds": round(time.monotonic() - started, 1)}
        (folder / "done.json").write_text(json.dumps(done))
        _forget_old_variants(folder, step)
    shutil.rmtree(failed, ignore_errors=True)
    return _assemble(run)


def execute(source: Path, target: Path, scenario: str, overrides: dict, cell_seconds: int) -> None:
    """Execute one notebook with exactly the two parameters; one retry if the kernel hangs or dies.

    Raises ValueError if the notebook's parameters cell has others, StudyFailed if a cell raises.
    """
    parameters = {"scenario": scenario, "overrides": overrides}
    declared = set(papermill.inspect_notebook(str(source)))
    if declared != set(parameters):
        wanted = sorted(parameters)
        raise ValueError(f"{source.name} declares parameters {sorted(declared)}, not {wanted}")
    for attempt in (1, 2):
        try:
            papermill.execute_notebook(
                str(source), str(target), parameters, progress_bar=False, stderr_file=sys.stderr,
                cwd=str(locations.NOTEBOOKS), execution_timeout=cell_seconds, start_timeout=180,
                extra_arguments=["--IPKernelApp.log_level=40"],
            )  # fmt: skip
            return
        except PapermillExecutionError as error:
            raise StudyFailed(f"{error.ename}: {error.evalue}") from error
        except (CellTimeoutError, DeadKernelError, RuntimeError) as error:
            if attempt == 2:
                raise StudyFailed(f"the notebook's kernel hung or died twice: {error}") from error
            print(f"{source.name}: {type(error).__name__}, trying once more", file=sys.stderr)


def run_compare(cell_seconds: int = CELL_SECONDS) -> list[Path]:
    """Notebook 07 over every finished report, and 08 over the grid ``factors`` where it was run.

    Returns the pages, in reports/_compare.
    """
    finished_reports()  # says what to do if there is none
    steps = ["07_compare", *(["08_when_is_membership_visible"] * ("factors" in finished_grids()))]
    folder = locations.reports() / "_compare"
    folder.mkdir(parents=True, exist_ok=True)
    pages = []
    for step in steps:
        unfinished = folder / f".{step}.ipynb"
        execute(locations.NOTEBOOKS / f"{step}.ipynb", unfinished, "synthetic", {}, cell_seconds)
        pages.append(folder / f"{step}.html")
        notebook_html(
            unfinished.replace(folder / f"{step}.ipynb"), pages[-1], previous=None, following=None
        )
    return pages


@contextmanager
def fresh_cache():
    """A cache that knows nothing, for ``--fresh``; what it learns replaces the old afterwards."""
    usual = locations.cache()
    blank = usual / f"fresh-{os.getpid()}"
    before = os.environ.get("MINT_CACHE")
    os.environ["MINT_CACHE"] = str(blank)
    try:
        yield
    finally:
        if before is None:
            del os.environ["MINT_CACHE"]
        else:
            os.environ["MINT_CACHE"] = before
        for kind in ("models/*", "activations/*", "steps/*/*", "aligned/*/*", "recordio/*"):
            for entry in blank.glob(kind):
                _replace(entry, usual / entry.relative_to(blank))
        shutil.rmtree(blank, ignore_errors=True)


def _is_done(folder: Path, source: Path) -> bool:
    try:
        done = json.loads((folder / "done.json").read_text())
    except (OSError, ValueError):
        return False
    return done.get("source") == _sha256(source)


def _assemble(run: Run) -> Path:
    """Put the steps' products together under a hidden name, then swap it in."""
    report = locations.reports() / run.scenario.name
    new = report.with_name(f".{report.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    captions, seconds = {}, {}
    for step in STEPS:
        folder = run.folder_of(step)
        leave_out = shutil.ignore_patterns("working", "done.json", "captions.json")
        shutil.copytree(folder, new, ignore=leave_out, dirs_exist_ok=True)
        if (folder / "figures" / "captions.json").is_file():
            captions |= json.loads((folder / "figures" / "captions.json").read_text())
        seconds[step] = json.loads((folder / "done.json").read_text())["seconds"]
    (new / "figures" / "captions.json").write_text(json.dumps(captions, indent=1))
    steps = [None, *STEPS, None]
    for before, step, after in zip(steps, steps[1:-1], steps[2:], strict=False):
        notebook_html(new / f"{step}.ipynb", new / f"{step}.html", previous=before, following=after)
    _write_manifest(run, new, seconds)
    write_index(new)
    _write_manifest(run, new, seconds)  # once more, now that index.html has a hash too
    _replace(new, report)
    return report


def _write_manifest(run: Run, folder: Path, seconds: dict[str, float]) -> None:
    files = [f for f in sorted(folder.rglob("*")) if f.is_file() and f.name != "manifest.json"]
    manifest = {
        "scenario": run.scenario.model_dump(mode="json", exclude={"tiny"}),
        "fingerprint": run.scenario.fingerprint,
        "code": code_digest(),
        "seed": run.scenario.seed,
        "commit": _commit(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {"python": sys.version.split()[0]} | {name: version(name) for name in PACKAGES},
        "device": describe_device(),
        "seconds": seconds,
        "files": {str(file.relative_to(folder)): _sha256(file) for file in files},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1))


def _commit() -> str:
    git = ["git", "-C", str(locations.REPOSITORY)]
    try:
        commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True).stdout
        changed = subprocess.run([*git, "status", "--porcelain"], capture_output=True).stdout
    except OSError:  # no git on this machine
        return "unknown"
    return (commit.strip() or "unknown") + (" with local changes" if changed else "")


def _replace(new: Path, old: Path) -> None:
    """Move ``new`` to where ``old`` is, which is removed only when the new one stands."""
    old.parent.mkdir(parents=True, exist_ok=True)
    if new.is_file():
        new.replace(old)
        return
    aside = old.with_name(f".{old.name}.old")
    shutil.rmtree(aside, ignore_errors=True)
    if old.exists():
        old.rename(aside)
    new.rename(old)
    shutil.rmtree(aside, ignore_errors=True)


def _forget_old_variants(folder: Path, step: str) -> None:
    variants = sorted(folder.parent.glob(f"{step}-*"), key=lambda path: path.stat().st_mtime)
    for variant in variants[:-KEPT]:
        shutil.rmtree(variant, ignore_errors=True)


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
