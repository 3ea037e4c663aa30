"""The small material of notebook 00: faces, a model and a detector that take seconds."""

import numpy as np
import torch

from mint_utils.activations.extract import embeddings
from mint_utils.audited import AuditedModel, open_model
from mint_utils.audited.model import head_summary
from mint_utils.audited.pixels import pixels_model
from mint_utils.audited.twins import untrained_twin
from mint_utils.detectors import Detector
from mint_utils.evidence.metrics import auc
from mint_utils.faces import FaceSet, assemble
from mint_utils.hygiene import inspect
from mint_utils.scenario import Scenario
from mint_utils.scenario_file import load_scenario
from mint_utils.scores import validation_persons
from mint_utils.sources import open_sources

SIZE = {
    "faces.0.persons": 60,
    "faces.0.images": 12,
    "faces.0.size": 48,
    "audited_model.input_size": 48,
    "audited_model.widths": [16, 32, 48, 64],
    "audited_model.epochs": 12,
}


def open_lesson(scenario: str, overrides: dict | None = None) -> Scenario:
    """The scenario at a size for one lesson; it must draw its faces and train its model."""
    lesson = load_scenario(scenario, SIZE | (overrides or {}))
    print(f"scenario {lesson.name} at lesson size, seed {lesson.seed}")
    return lesson


def small_face_set(lesson: Scenario) -> FaceSet:
    """Drawn faces with random roles, splits and digests."""
    return inspect(assemble(open_sources(lesson), lesson)).faces


def small_model(lesson: Scenario, faces: FaceSet) -> AuditedModel:
    """A small IResNet trained on the members of ``faces``."""
    return open_model(lesson, faces)


def two_styles(lesson: Scenario) -> FaceSet:
    """Other drawn persons: "members" in one photographic style, externals in another."""
    source = lesson.faces[0]
    half = {"persons": source.persons // 2}
    studio = source.model_copy(update=half | {"group": "first", "look": "studio", "role": "member"})
    street = source.model_copy(
        update=half | {"group": "second", "look": "street", "role": "external"}
    )
    scenario = lesson.model_copy(update={"assignment": "observed", "faces": (studio, street)})
    return small_face_set(scenario)


def untrained(model: AuditedModel, faces: FaceSet) -> AuditedModel:
    """The same architecture with random weights."""
    return untrained_twin(model, faces)


def image_statistics(faces: FaceSet) -> torch.Tensor:
    """(n, 25) statistics of the pictures; no face-recognition model is involved."""
    return torch.from_numpy(embeddings(pixels_model(), faces))


def detector_auc(faces: FaceSet, vectors: torch.Tensor) -> float:
    """Test AUC of a Vanilla MINT fitted on the fit persons, member against external images."""
    table = faces.table
    fit = ((table["split"] == "fit") & (table["role"] != "held_out")).to_numpy()
    test = ((table["split"] == "test") & (table["role"] != "held_out")).to_numpy()
    is_member = (table["role"] == "member").to_numpy()
    held = validation_persons(table, seed=0)
    detector = Detector("vanilla", epochs=30).fit([vectors[fit]], is_member[fit], held[fit])
    return round(auc(detector.score([vectors[test]]), is_member[test]), 2)


def head_auc(model: AuditedModel, faces: FaceSet) -> float:
    """AUC of the largest cosine to a class centre, member against external images."""
    shown = faces.where(faces.table["role"] != "held_out")
    embedded = torch.from_numpy(embeddings(model, shown))
    largest = head_summary(embedded, model.head, model.head_scale)[:, 0].numpy()
    return round(auc(largest, np.asarray(shown.table["role"] == "member")), 2)
