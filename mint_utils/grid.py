"""A grid of audits from one file: one scenario, some of its keys at several values.

    question: When does a model betray its members?
    base: synthetic              # a scenario
    overrides: {…}               # dotted keys, in every cell
    factors:                     # one at a time, the others as in the base
      audited_model.epochs: [4, 48]
    variants:                    # by name: several keys at once, the others as in the base
      short: {audited_model.epochs: 4, audited_model.loss: softmax}
    axes:                        # every combination
      seed: [0, 1]
    tiny: {…}                    # --tiny: replaces overrides, factors, variants and axes

Each cell is an audit with a report of its own, run in a process of its own. A cell that is done is
not done again, so a grid that was killed goes on where it was.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import yaml
from pydantic import Field, ValidationError, model_validator
from tqdm import tqdm

from mint_utils import locations
from mint_utils.activations.cluster import connected
from mint_utils.choices import not_a_choice
from mint_utils.hidden import told_fingerprint
from mint_utils.provenance import code_digest
from mint_utils.scenario.block import Block
from mint_utils.scenario_file import ScenarioError, load_scenario, portable_name, read_yaml

GRIDS = locations.NOTEBOOKS / "grids"
Values = dict[str, tuple[object, ...]]


class Varied(Block):
    """What differs between the cells."""

    overrides: dict[str, object] = {}
    factors: Values = {}
    variants: dict[str, dict[str, object]] = {}
    axes: Values = {}

    @model_validator(mode="after")
    def _something_varies(self):
        for key, values in {**self.factors, **self.axes}.items():
            if not values:
                raise ValueError(f"{key} has no values")
        both = set(self.factors) & set(self.axes)
        if both:
            raise ValueError(f"{', '.join(sorted(both))}: name it under factors or axes, not both")
        return self


class Grid(Varied):
    """A grid file."""

    name: str
    question: str
    base: str  # a scenario's name, or a path to a .yml file
    cluster: str | None = None  # Dask: `local` or a scheduler's address
    tiny: Varied | None = Field(None)


@dataclass(frozen=True)
class Cell:
    """One audit of a grid: what is special about it, and all of its overrides."""

    name: str
    values: dict[str, object]  # of the axes, and of the one factor or variant that is changed
    overrides: dict[str, object]


def grid_names() -> list[str]:
    """Names of the grids that come with the study."""
    return sorted(path.stem for path in GRIDS.glob("*.yml"))


def load_grid(name: str, tiny: bool = False) -> Grid:
    """Read and validate a grid file. Raises ScenarioError naming key, value and choices."""
    path = Path(name).expanduser() if name.endswith((".yml", ".yaml")) else GRIDS / f"{name}.yml"
    if not path.is_file():
        raise ScenarioError(
            not_a_choice("grid", name, grid_names()) + " (or a path to a .yml file)"
        )
    try:
        grid = Grid.model_validate({"name": path.stem, **read_yaml(path)})
    except ValidationError as error:
        said = "; ".join(e["msg"].removeprefix("Value error, ") for e in error.errors())
        raise ScenarioError(f"{path.name}: {said}") from error
    if tiny and grid.tiny is None:
        raise ScenarioError(f"{path.name} has no `tiny` block: run it without --tiny")
    if tiny:
        small = {key: getattr(grid.tiny, key) for key in Varied.model_fields}
        grid = grid.model_copy(update=small | {"name": f"{grid.name}_tiny"})
    for cell in cells(grid):  # a value that no scenario can have is found before hours are spent
        load_scenario(grid.base, cell.overrides)
    return grid


def cells(grid: Grid) -> list[Cell]:
    """The cells in order: all axes for the base, then for each value of each factor, each variant.

    In ``values`` a variant is called ``variant``.
    """
    found = []
    changes = [({}, {})]
    changes += [({k: v}, {k: v}) for k, values in grid.factors.items() for v in values]
    changes += [({"variant": name}, keys) for name, keys in grid.variants.items()]
    for change, keys in changes:
        for combination in product(*grid.axes.values()):
            at = dict(zip(grid.axes, combination, strict=True))
            values = change | at
            name = ".".join(f"{key.split('.')[-1]}-{_short(v)}" for key, v in values.items())
            overrides = {**grid.overrides, **keys, **at, "name": name or "base"}
            found.append(Cell(name or "base", values, overrides))
    names = [cell.name for cell in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ScenarioError(f"{grid.name}: two cells are called {twice[0]}: a value is there twice")
    return found


def folder_of(grid: Grid) -> Path:
    """Where the reports of a grid's cells lie."""
    return locations.reports() / "_grids" / grid.name


def is_done(grid: Grid, cell: Cell) -> bool:
    """Whether the cell has a report of just this scenario, by the code as it is now."""
    try:
        manifest = json.loads((folder_of(grid) / cell.name / "manifest.json").read_text())
    except (OSError, ValueError):
        return False
    wanted = told_fingerprint(load_scenario(grid.base, cell.overrides))
    return (manifest["fingerprint"], manifest.get("code")) == (wanted, code_digest())


def run_grid(grid: Grid) -> dict[str, str]:
    """Run the cells that are not done; returns the last words of those that failed, by name."""
    folder = folder_of(grid)
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    (folder / "grid.json").write_text(grid.model_dump_json(indent=1))
    todo = [cell for cell in cells(grid) if not is_done(grid, cell)]
    failed: dict[str, str] = {}
    with tqdm(total=len(cells(grid)), desc=grid.name, unit="audit") as bar:
        bar.update(bar.total - len(todo))
        for cell, words in _run(grid, todo, bar):
            bar.update(1)
            if words:
                failed[cell.name] = words
    return failed


def _run(grid: Grid, todo: list[Cell], bar) -> Iterator[tuple[Cell, str]]:
    work = [(portable_name(grid.base), cell, folder_of(grid)) for cell in todo]
    if grid.cluster is None:
        for task in work:
            bar.set_postfix_str(task[1].name)
            yield run_cell(*task)
        return
    with connected(grid.cluster) as client:
        from distributed import as_completed

        for future in as_completed([client.submit(run_cell, *task, pure=False) for task in work]):
            yield future.result()


def run_cell(base: str, cell: Cell, folder: Path) -> tuple[Cell, str]:
    """One audit in a process of its own; its last words if it failed, else nothing."""
    chosen = [
        f"{k}={yaml.safe_dump(v, default_flow_style=True)}" for k, v in cell.overrides.items()
    ]
    options = [part for pair in chosen for part in ("-o", pair)]
    log = folder / "logs" / f"{cell.name}.log"
    with log.open("w") as out:
        done = subprocess.run(
            [sys.executable, "-m", "mint_utils.cli", "run", base, *options],
            env=os.environ | {"MINT_REPORTS": str(folder), "PYTHONUNBUFFERED": "1"},
            stdout=out, stderr=subprocess.STDOUT, cwd=locations.REPOSITORY,
        )  # fmt: skip
    if done.returncode == 0:
        return cell, ""
    said = [line for line in log.read_text().replace("\r", "\n").splitlines() if line.strip()]
    words = next((line for line in reversed(said) if line.startswith("error:")), "")
    return cell, f"{words or (said or ['it said nothing'])[-1]} (all of it: {log})"


def _short(value: object) -> str:
    """A value as a part of a file name."""
    text = json.dumps(value) if isinstance(value, dict | list | tuple) else str(value)
    return "".join(c if c.isalnum() or c == "." else "_" for c in text).strip("_")
