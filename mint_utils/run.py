"""One run of the study: where each notebook's products lie, and how they are saved and found.

Every notebook is a step. A step's folder is named after a fingerprint of what can change its
result: the parts of the scenario it depends on, the inputs on disk, the code, and the step
before. So a changed setting redoes the steps it touches and no other, in the notebooks and on the
command line alike.
"""

import json
import shutil
from importlib.metadata import version
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython import get_ipython
from IPython.display import display
from matplotlib.axes import Axes

from mint_utils import locations
from mint_utils.activations.recorded import Activations
from mint_utils.device import describe_device
from mint_utils.faces import FaceSet
from mint_utils.figures.described import SHOW_FACES, description
from mint_utils.hidden import HIDDEN
from mint_utils.provenance import code_digest
from mint_utils.scenario import Scenario, fingerprint
from mint_utils.scenario_file import load_scenario
from mint_utils.sources import SOURCES, open_sources

STEPS = {  # step -> the parts of the scenario that it is the first to depend on
    "01_faces": {"seed", "assignment", "attested_by", "faces", "roles", "splits", "report"},
    "02_audited_model": {"audited_model"},
    "03_activations": {
        "controls",
        "detectors",
        "rivals",
        "references",
        "swapped_halves",
        "extraction",
    },  # fmt: skip
    "04_detectors": {"albums"},
    "05_evidence": {"name", "question", "resamples"},
    "06_explorer": set(),
}
PACKAGES = [
    "torch", "facenet-pytorch", "scikit-learn", "numpy", "pandas", "matplotlib", "torchvision",
    "pytorch-metric-learning", "scipy", "pillow", "pyarrow", "safetensors", "nbconvert",
]  # fmt: skip


def steps_of(scenario: Scenario) -> list[str]:
    """The steps of a run, in order; the explorer shows faces, and goes where they are hidden."""
    hidden = scenario.report.faces == HIDDEN
    return [step for step in STEPS if not (hidden and step == "06_explorer")]


class Run:
    """A scenario at one step. Products of earlier steps are read, this step's are written."""

    def __init__(self, step: str, scenario: Scenario):
        self.step, self.scenario = step, scenario
        self._keys = _step_keys(scenario)
        self.folder = self.folder_of(step)

    def folder_of(self, step: str) -> Path:
        """Where a step of this run keeps its products, whether it ran or not."""
        return locations.cache() / "steps" / self.scenario.name / f"{step}-{self._keys[step][:12]}"

    def faces(self) -> FaceSet:
        """The face set of notebook 01, with roles, splits and digests."""
        return FaceSet(self.table("face_set"), open_sources(self.scenario))

    def save_table(self, name: str, table: pd.DataFrame, kind: str = "csv") -> pd.DataFrame:
        """Keep a table in the report as tables/NAME.csv or .parquet; gives it back."""
        file = self._place(f"tables/{name}.{kind}")
        table.to_csv(file, index=False) if kind == "csv" else table.to_parquet(file, index=False)
        return table

    def hand_on(self, name: str, table: pd.DataFrame) -> None:
        """Keep a table for later notebooks only, as it is (parquet)."""
        table.to_parquet(self._place(f"working/{name}.parquet"), index=False)

    def table(self, name: str) -> pd.DataFrame:
        """A table of this or an earlier step. FileNotFoundError that says which notebook to run."""
        for place in ("tables", "working"):
            for step in reversed(self._steps_so_far()):
                for file in self.folder_of(step).glob(f"{place}/{name}.*"):
                    return pd.read_csv(file) if file.suffix == ".csv" else pd.read_parquet(file)
        raise FileNotFoundError(
            f"no table {name!r} yet for scenario {self.scenario.name!r} with these settings: run "
            f"the notebooks before {self.step} first, or `mint-study run {self.scenario.name}`"
        )

    def save_figure(self, name: str, axes: Axes, caption: str) -> None:
        """Show a figure and keep it in the report with its description (figures/described.py).

        The caption says what to conclude. Where a scenario hides faces, a figure that shows some
        is neither kept nor shown, and a line says so.
        """
        figure, described = axes.get_figure(root=True), description(name)
        plt.close(figure)  # shown here, with its description, or not at all
        if name in SHOW_FACES and self.scenario.report.faces == HIDDEN:
            print(f"Left out, as this report hides faces: {described}")
            return
        file = self._place(f"figures/{self.step[:2]}_{name}.png")
        figure.savefig(file, dpi=160, bbox_inches="tight", facecolor="white")
        captions = self._place("figures/captions.json")
        known = json.loads(captions.read_text()) if captions.is_file() else {}
        known[file.name] = {"caption": caption, "alt": described}
        captions.write_text(json.dumps(known, indent=1))
        if get_ipython() is not None:
            display(figure, metadata={"image/png": {"alt": described}})

    def save_json(self, name: str, content: dict) -> dict:
        """Keep a mapping in the report as NAME.json; gives it back."""
        self._place(f"{name}.json").write_text(json.dumps(content, indent=1, default=_plain))
        return content

    def keep_weights(self, notes: dict) -> str:
        """Copy weights that the study trained into the report; says which weights it uses."""
        if "file" not in notes:
            return f"published weights: {notes}"
        shutil.copyfile(notes["file"], self._place("models/audited_model.safetensors"))
        return "models/audited_model.safetensors"

    def hand_on_activations(self, recorded: dict[str, Activations]) -> None:
        """Keep the names of the stores of each target, for later notebooks and for the explorer."""
        stores = [{"target": target, "store": a.folder.name} for target, a in recorded.items()]
        self.save_table("stores", pd.DataFrame(stores))

    def activations(self) -> dict[str, Activations]:
        """The activations that notebook 03 recorded, by target."""
        return {target: Activations(folder) for target, folder in self.stores().items()}

    def stores(self) -> dict[str, Path]:
        """Where they lie, by target."""
        return store_folders(self.table("stores"))

    @property
    def models(self) -> Path:
        """Where fitted detectors go."""
        return self._place("models/calibrate.parquet").parent

    def _steps_so_far(self) -> list[str]:
        return list(STEPS)[: list(STEPS).index(self.step) + 1]

    def _place(self, name: str) -> Path:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        return file


def open_run(step: str, scenario: str, overrides: dict | None = None) -> Run:
    """Open a run at a step and say what it is: scenario, seed, device, versions.

    Taught in notebook 01.
    """
    run = Run(step, load_scenario(scenario, overrides))
    described = ", ".join(f"{name} {version(name)}" for name in PACKAGES[:3])
    print(
        f"scenario {run.scenario.name} ({run.scenario.assignment} assignment), "
        f"seed {run.scenario.seed}, {describe_device()}; {described}\n{run.scenario.question}"
    )
    return run


def store_folders(stores: pd.DataFrame) -> dict[str, Path]:
    """From tables/stores.csv (``target``, ``store``) to folders of the cache, by target."""
    cache = locations.cache() / "activations"
    return {target: cache / name for target, name in stores.itertuples(index=False)}


def _plain(value):
    """NumPy numbers as JSON numbers."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def _step_keys(scenario: Scenario) -> dict[str, str]:
    content = scenario.model_dump(mode="json")
    stamps = {group: source.stamp() for group, source in open_sources(scenario).items()}
    elsewhere = getattr(scenario.audited_model, "trained_on", None)
    if elsewhere:
        stamps["trained on"] = SOURCES[elsewhere.kind](elsewhere, scenario.seed).stamp()
    models = [scenario.audited_model, getattr(scenario.references, "model", None)]
    weights = [_weights_stamp(model) for model in models]
    keys, before = {}, fingerprint([code_digest(), stamps, weights])
    for step, parts in STEPS.items():
        before = fingerprint([before, {part: content[part] for part in sorted(parts)}])
        keys[step] = before
    return keys


def files_named(model: object) -> list[str]:
    """The files that a block of an audited model names, as it names them."""
    named = [getattr(model, key, None) for key in ("weights", "file", "head")]
    code, _, _ = (getattr(model, "module", None) or "").rpartition(":")
    return [name for name in (*named, code if code.endswith(".py") else None) if name]


def _weights_stamp(model: object) -> list:
    """Size and time of every file that a block of an audited model names."""
    stats = [locations.find(name, f"weights {name!r}").stat() for name in files_named(model)]
    return [number for stat in stats for number in (stat.st_size, stat.st_mtime_ns)]
