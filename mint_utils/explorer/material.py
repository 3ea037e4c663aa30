"""What the explorer looks at: the faces of a report and the activations behind it, no model."""

import json
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from mint_utils import locations
from mint_utils.activations.recorded import Activations
from mint_utils.evidence.bootstrap import person_weights
from mint_utils.explorer.channels import effects, ranked
from mint_utils.faces import FaceSet, resized
from mint_utils.hidden import HIDDEN
from mint_utils.reporting.finished import report_of, scenario_of, stores_of
from mint_utils.run import Run
from mint_utils.scenario import Scenario
from mint_utils.sources import open_sources

FACE = 96  # pixels a side
RESAMPLES = 1000


class Material:
    """Faces, and what the taps of the audited model and of its controls gave for them.

    ``targets`` are those whose store is here, ``audited`` first; ``missing`` says in words why
    another one is not. ``about`` is a line on the report. Without ``show_faces`` neither faces nor
    maps of them are shown. What is looked up is kept.
    """

    def __init__(
        self, name: str, faces: FaceSet, targets: dict[str, Activations],
        missing: dict[str, str] | None = None, about: str = "", show_faces: bool = True,
    ):  # fmt: skip
        self.name, self.faces, self.targets = name, faces, targets
        self.missing, self.about, self.show_faces = missing or {}, about, show_faces
        self.row_of = {image: row for row, image in enumerate(faces.table["image_id"])}
        self.vector = lru_cache(maxsize=16)(self._vector)
        self.maps = lru_cache(maxsize=256)(self._maps)
        self.face = lru_cache(maxsize=512)(self._face)
        if not (self.on_side(0).any() and self.on_side(1).any()):
            raise ValueError(f"{name} has no two sides to compare: members and externals")

    @property
    def audited(self) -> Activations:
        return self.targets["audited"]

    @property
    def taps(self) -> list[str]:
        """Taps of the audited model, first layer first."""
        return self.audited.taps

    @cached_property
    def sides(self) -> tuple[str, str]:
        """The two roles that are compared."""
        has_members = (self.faces.table["role"] == "member").any()
        return ("member" if has_members else "held_out"), "external"

    def on_side(self, side: int, split: str | None = None) -> np.ndarray:
        """bool (n,): the images of one side, of one split or of all."""
        table = self.faces.table
        mask = (table["role"] == self.sides[side]).to_numpy()
        return mask if split is None else mask & (table["split"] == split).to_numpy()

    def warnings(self) -> list[str]:
        """What is not here, and what to do: stores of controls, photographs."""
        groups = set(self.faces.table["source"])
        away = [name for name in groups if not self.faces.sources[name].is_here()]
        blank = [
            f"the photographs of {name} are not on this machine, so that its faces stay grey: "
            "data/README.md says how to get them"
            for name in sorted(away)
        ]
        return [*self.missing.values(), *(blank if self.show_faces else [])]

    def twins(self) -> list[str]:
        """Controls with layers of their own, here or not; pixels have none."""
        return [
            name for name in [*self.targets, *self.missing] if name not in ("audited", "pixels")
        ]

    @cached_property
    def channels(self) -> pd.DataFrame:
        """Every channel of every tap, tested on fit persons (see channels.py), best first."""
        fit = [self.on_side(side, "fit") for side in (0, 1)]
        rows = np.flatnonzero(fit[0] | fit[1])
        identity = self.faces.table["identity"].to_numpy()[rows]
        return ranked(
            {tap: effects(self.vector(tap)[rows], identity, fit[0][rows]) for tap in self.taps}
        )

    @cached_property
    def strangers(self) -> tuple[np.ndarray, np.ndarray]:
        """Test externals: the person of each image (code), and resamples of persons (B, P)."""
        identity = self.faces.table["identity"].to_numpy()[self.on_side(1, "test")]
        persons, code = np.unique(identity, return_inverse=True)
        return code, person_weights(persons, np.zeros(len(persons), bool), RESAMPLES)

    def photographs(self, side: int, identity: str) -> list[str]:
        """Ids of a person's images on a side, those whose maps are kept."""
        table = self.faces.table
        kept = self.on_side(side) & self.audited.mapped & (table["identity"] == identity)
        return table.loc[kept.to_numpy(), "image_id"].tolist()

    def persons(self, side: int) -> list[str]:
        """Persons of a side with an image whose maps are kept, in alphabetical order."""
        kept = self.on_side(side) & self.audited.mapped
        return sorted(self.faces.table.loc[kept, "identity"].unique())

    def _vector(self, tap: str) -> np.ndarray:
        return self.audited.vector(tap)

    def _maps(self, target: str, tap: str, row: int) -> np.ndarray:
        """float32 (C, h, w): the maps of one image."""
        return self.targets[target].glance(tap, row).float().numpy()

    def _face(self, row: int) -> np.ndarray | None:
        """uint8 (FACE, FACE, 3); None where faces are hidden or the photograph is not here."""
        if not self.show_faces:
            return None
        try:
            return resized(self.faces.read(row), FACE)
        except (OSError, ValueError):
            return None


def open_report(report: str | Path) -> Material:
    """The material of a finished report, by name or folder: ``open_report("synthetic")``.

    Needs the report and the stores its activations lie in. FileNotFoundError or ValueError that
    says what to do if one of them is not here.
    """
    folder = report_of(report)
    scenario = scenario_of(folder)
    # A person may be called NA.
    table = pd.read_csv(folder / "tables" / "faces.csv", dtype=str, keep_default_na=False)
    faces = FaceSet(table, open_sources(scenario))
    verdict = json.loads((folder / "verdict.json").read_text())["verdict"]
    about = f"{scenario.question} Verdict: {verdict}."
    return _material(folder.name, scenario, faces, stores_of(folder), about)


def material_of(run: Run) -> Material:
    """The material of a run that is under way: what notebook 06 looks at.

    Taught in notebook 06.
    """
    scenario = run.scenario
    return _material(scenario.name, scenario, run.faces(), run.stores(), scenario.question)


def _material(
    name: str, scenario: Scenario, faces: FaceSet, stores: dict[str, Path], about: str
) -> Material:
    targets, missing = {}, {}
    for target, store in stores.items():
        try:
            targets[target] = Activations(store)
        except FileNotFoundError:
            missing[target] = (
                f"the activations of {target} are not in {locations.cache()} any more. Record "
                f"them again: `mint-study run {name} --fresh`, with the same -o if any"
            )
    if "audited" not in targets:
        raise FileNotFoundError(missing.get("audited", f"{name} recorded nothing"))
    # Rows of the faces are rows of the stores.
    table = faces.table.set_index("image_id").reindex(targets["audited"].image_ids)
    if table["role"].isna().any() or len(table) != len(faces):
        raise ValueError(
            f"the faces of {name} are not those of its activations: run "
            f"`mint-study run {name}` again"
        )
    faces = FaceSet(table.reset_index(), faces.sources)
    # Where a scenario hides faces, images have codes for names, which sources must not read.
    shown = scenario.report.faces != HIDDEN
    return Material(name, faces, targets, missing, about, shown)
