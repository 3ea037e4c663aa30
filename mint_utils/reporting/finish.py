"""From what the steps left to a report: gathered, tidied, made into pages, signed, swapped in."""

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import nbformat
import torch
import yaml

from mint_utils import locations
from mint_utils.device import describe_device
from mint_utils.hidden import HIDDEN, told, told_fingerprint
from mint_utils.provenance import code_digest
from mint_utils.reporting.executed import tell_parameters, tidied
from mint_utils.reporting.inputs import inputs_of, sha256
from mint_utils.reporting.report import notebook_html, page_digest, write_index
from mint_utils.run import PACKAGES, STEPS, Run, steps_of

NOT_TOLD = ("working", "done.json", "captions.json")
# Class centres are close to embeddings of persons; scores to rank among and hashes are of persons.
NOT_HANDED_OVER = ("models",)


def finished(run: Run, name: str, overrides: dict) -> Path:
    """Put the steps' products together under a hidden name, then swap it in; the report's folder.

    ``name`` and ``overrides`` are what the run was asked for. Where faces are hidden, models and
    the steps that show faces stay in the cache.
    """
    report = locations.reports() / run.scenario.name
    new = report.with_name(f".{report.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    seconds = _gathered(run, new)
    (new / f"{run.scenario.name}.yml").write_text(_scenario_file(run), "utf-8")
    _write_pages(run, new, name, overrides)
    manifest = _manifest(run, name, overrides, seconds)
    _sign(manifest, new)
    write_index(new)
    _sign(manifest, new)  # once more, now that index.html has a hash too
    replaced(new, report)
    return report


def _gathered(run: Run, new: Path) -> dict[str, float]:
    """Copy what the steps left into ``new``; gives the seconds that each took."""
    hidden = run.scenario.report.faces == HIDDEN
    leave_out = shutil.ignore_patterns(*NOT_TOLD, *(NOT_HANDED_OVER if hidden else ()))
    captions, seconds = {}, {}
    for step in steps_of(run.scenario):
        folder = run.folder_of(step)
        shutil.copytree(folder, new, ignore=leave_out, dirs_exist_ok=True)
        if (folder / "figures" / "captions.json").is_file():
            captions |= json.loads((folder / "figures" / "captions.json").read_text())
        seconds[step] = json.loads((folder / "done.json").read_text())["seconds"]
    (new / "figures" / "captions.json").write_text(json.dumps(captions, indent=1))
    return seconds


def _scenario_file(run: Run) -> str:
    """The scenario with all that was said and overridden, for `mint-study run`."""
    says = "# What was run, every key told. `mint-study run` takes this file and does it again.\n"
    if run.scenario.report.faces == HIDDEN:
        says = "# What was run, but for persons and paths, which this report hides.\n"
    return says + yaml.safe_dump(told(run.scenario), sort_keys=False, allow_unicode=True)


def _write_pages(run: Run, new: Path, name: str, overrides: dict) -> None:
    steps = steps_of(run.scenario)
    left_out = tuple(step for step in STEPS if step not in steps)
    around = [None, *steps, None]
    for before, step, after in zip(around, steps, around[2:], strict=False):
        file = new / f"{step}.ipynb"
        notebook = tidied(nbformat.read(file, as_version=4), left_out)
        tell_parameters(notebook, name, None if left_out else overrides)
        nbformat.write(notebook, file)
        notebook_html(file, new / f"{step}.html", previous=before, following=after)


def _manifest(run: Run, name: str, overrides: dict, seconds: dict[str, float]) -> dict:
    """What a report says of itself, but for the hashes of its files."""
    packages = {package: version(package) for package in PACKAGES}
    return {
        "scenario": told(run.scenario),
        "overrides": overrides if run.scenario.report.faces != HIDDEN else HIDDEN,
        "fingerprint": told_fingerprint(run.scenario),
        "code": code_digest(),
        "page": page_digest(),
        "seed": run.scenario.seed,
        "commit": _commit(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {"python": sys.version.split()[0]} | packages,
        "device": describe_device(),
        "threads": torch.get_num_threads(),
        "seconds": seconds,
        "inputs": inputs_of(run, name),
    }


def _sign(manifest: dict, folder: Path) -> None:
    """Write manifest.json with the SHA-256 of every file in ``folder``."""
    files = [f for f in sorted(folder.rglob("*")) if f.is_file() and f.name != "manifest.json"]
    hashes = {file.relative_to(folder).as_posix(): sha256(file) for file in files}
    (folder / "manifest.json").write_text(json.dumps(manifest | {"files": hashes}, indent=1))


def _commit() -> str:
    git = ["git", "-C", str(locations.REPOSITORY)]
    try:
        commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True).stdout
        changed = subprocess.run([*git, "status", "--porcelain"], capture_output=True).stdout
    except OSError:  # no git on this machine
        return "unknown"
    return (commit.strip() or "unknown") + (" with local changes" if changed else "")


def replaced(new: Path, old: Path) -> None:
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
