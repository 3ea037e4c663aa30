"""A small report as the notebooks leave it, for asking it, and images written as files."""

import json
import shutil
from pathlib import Path

from PIL import Image

from mint_utils.album_scores import score_albums
from mint_utils.audited import open_model
from mint_utils.evidence.rungs import COLUMNS, ladder
from mint_utils.evidence.verdict import judged
from mint_utils.faces import COLUMNS as FACE_COLUMNS
from mint_utils.faces import FaceSet, assemble
from mint_utils.hygiene import inspect
from mint_utils.known_images import keep_known_images
from mint_utils.scenario_file import load_scenario
from mint_utils.score_table import joined
from mint_utils.scores import score_images
from mint_utils.sources import open_sources
from mint_utils.targets import open_targets, record_targets

SETTINGS = {  # enough persons for album rungs, and a model that has fitted its members
    "faces.0.persons": 60,
    "faces.0.images": 8,
    "faces.0.size": 32,
    "audited_model.input_size": 32,
    "audited_model.widths": [8, 16, 32, 64],
    "audited_model.epochs": 12,
    "detectors.epochs": 8,
    "detectors.seeds": 2,
    "albums": [2, 4],
    "resamples": 400,
}


class Finished:
    """A report as the notebooks leave it, and what they knew when they made it."""

    def __init__(self, home: Path):
        self.scenario = load_scenario("synthetic", SETTINGS)
        self.report = home / "reports" / "synthetic"
        models, tables = self.report / "models", self.report / "tables"
        models.mkdir(parents=True)
        tables.mkdir()
        scenario, sources = self.scenario, open_sources(self.scenario)
        self.faces = inspect(assemble(sources, scenario)).faces
        self.model = open_model(scenario, self.faces)
        shutil.copyfile(self.model.notes["file"], models / "audited_model.safetensors")
        targets = open_targets(scenario, self.model, self.faces)
        recorded = record_targets(targets, self.faces, scenario)
        images = score_images(recorded, self.faces, scenario, models)
        albums = score_albums(images, recorded, self.faces, scenario)
        self.scores = joined(images, albums, models)
        keep_known_images(self.faces, models)
        steps = ladder(self.scores, scenario.rivals, scenario.resamples, scenario.seed)
        self.rungs = judged(steps, scenario.assignment)[COLUMNS]
        self.rungs.to_csv(tables / "rungs.csv", index=False)
        self.faces.table[FACE_COLUMNS].to_csv(tables / "faces.csv", index=False)
        manifest = {"scenario": scenario.model_dump(mode="json", exclude={"tiny"})}
        (self.report / "manifest.json").write_text(json.dumps(manifest))

    def rows(self, split: str, role: str, first: int = 0, persons: int = 1) -> list[int]:
        """Rows of the face set: all images in a role of some persons of a split."""
        some = self.faces.table[(self.faces.table["split"] == split)]
        some = some[some["role"] == role]
        chosen = some["identity"].unique()[first : first + persons]
        return list(some.index[some["identity"].isin(chosen)])

    def names(self, rows) -> list[str]:
        """Files that :func:`written` gives these rows."""
        return [f"{row:04d}.png" for row in rows]


def written(faces: FaceSet, rows, folder: Path) -> Path:
    """Images as files without loss, named by their rows."""
    folder.mkdir(parents=True, exist_ok=True)
    for row in rows:
        Image.fromarray(faces.read(row)).save(folder / f"{row:04d}.png")
    return folder
