"""Run the ordered notebooks of a scenario and leave a report: strict, atomic, resumable.

Each notebook is executed by papermill into its step's folder; a step that is done is not done
again. A report appears under reports/NAME only when all steps are done; a failed notebook is kept
under reports/NAME.failed.
"""

import json
import os
import shutil
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import papermill
from filelock import FileLock, Timeout
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError

from mint_utils import locations
from mint_utils.comparing.compare import finished_reports
from mint_utils.comparing.grid_tables import finished_grids
from mint_utils.reporting.finish import finished, replaced
from mint_utils.reporting.inputs import sha256
from mint_utils.reporting.report import notebook_html
from mint_utils.run import Run, steps_of
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
    steps = steps_of(run.scenario)
    for number, step in enumerate(steps, start=1):
        folder, source = run.folder_of(step), locations.NOTEBOOKS / f"{step}.ipynb"
        says = f"[{number}/{len(steps)}] {step}"
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
        done = {"source": sha256(source), "seconds": round(time.monotonic() - started, 1)}
        (folder / "done.json").write_text(json.dumps(done))
        _forget_old_variants(folder, step)
    shutil.rmtree(failed, ignore_errors=True)
    return finished(run, name, overrides)


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
                replaced(entry, usual / entry.relative_to(blank))
        shutil.rmtree(blank, ignore_errors=True)


def _is_done(folder: Path, source: Path) -> bool:
    try:
        done = json.loads((folder / "done.json").read_text())
    except (OSError, ValueError):
        return False
    return done.get("source") == sha256(source)


def _forget_old_variants(folder: Path, step: str) -> None:
    variants = sorted(folder.parent.glob(f"{step}-*"), key=lambda path: path.stat().st_mtime)
    for variant in variants[:-KEPT]:
        shutil.rmtree(variant, ignore_errors=True)
