"""The small material of notebook 00: faces, a model and a detector that take seconds."""

from functools import cache

import pandas as pd
import torch

from mint_utils.activations.extract import embeddings
from mint_utils.albums import draw_albums, similarity_and_spread
from mint_utils.audited import AuditedModel, open_model
from mint_utils.audited.model import head_summary
from mint_utils.audited.pixels import pixels_model
from mint_utils.audited.twins import untrained_twin
from mint_utils.detectors import Detector
from mint_utils.evidence.metrics import auc, best_threshold
from mint_utils.faces import FaceSet, assemble
from mint_utils.hygiene import inspect
from mint_utils.scenario import Scenario
from mint_utils.scenario_file import load_scenario
from mint_utils.scores import validation_persons
from mint_utils.sources import open_sources

SIZE = {
    "faces.0.persons": 100,
    "faces.0.images": 12,
    "faces.0.size": 48,
    "audited_model.input_size": 48,
    "audited_model.widths": [16, 32, 48, 64],
    "audited_model.epochs": 12,
}


def open_lesson(scenario: str, overrides: dict | None = None) -> Scenario:
    """The scenario at a size for one lesson; it must draw its faces and train its model.

    Taught in notebook 00.
    """
    lesson = load_scenario(scenario, SIZE | (overrides or {}))
    print(f"scenario {lesson.name} at lesson size, seed {lesson.seed}")
    return lesson


def small_face_set(lesson: Scenario) -> FaceSet:
    """Drawn faces with random roles, splits and digests.

    Taught in notebook 00.
    """
    sources = open_sources(lesson)
    for source in sources.values():
        source.read = cache(source.read)  # drawing a face takes longer than looking at it
    return inspect(assemble(sources, lesson)).faces


def small_model(lesson: Scenario, faces: FaceSet) -> AuditedModel:
    """A small IResNet trained on the members of ``faces``.

    Taught in notebook 00.
    """
    return open_model(lesson, faces)


def two_styles(lesson: Scenario) -> FaceSet:
    """Other drawn persons: "members" in one photographic style, externals in another.

    Taught in notebook 00.
    """
    source = lesson.faces[0]
    half = {"persons": source.persons // 2}
    studio = source.model_copy(update=half | {"group": "first", "look": "studio", "role": "member"})
    street = source.model_copy(
        update=half | {"group": "second", "look": "street", "role": "external"}
    )
    scenario = lesson.model_copy(update={"assignment": "observed", "faces": (studio, street)})
    return small_face_set(scenario)


def untrained(model: AuditedModel, faces: FaceSet) -> AuditedModel:
    """The same architecture with random weights.

    Taught in notebook 00.
    """
    return untrained_twin(model, faces)


@torch.inference_mode()
def look(model: AuditedModel, faces: FaceSet) -> torch.Tensor:
    """Show every face to the model, as it wants to see them; its embeddings (n, d) come out.

    Taught in notebook 00.
    """
    return model.module(model.preprocess(faces.pixels(model.preprocess.size)))


def image_statistics(faces: FaceSet) -> torch.Tensor:
    """(n, 25) statistics of the pictures; no face-recognition model is involved.

    Taught in notebook 00.
    """
    return torch.from_numpy(embeddings(pixels_model(), faces))


def detect(faces: FaceSet, vectors: torch.Tensor) -> dict[str, float]:
    """Fit a Vanilla MINT on fit persons, member against external images; how it does on test.

    ``auc``, and balanced ``accuracy`` at the threshold that was best on persons kept out of the
    fitting.

    Taught in notebook 00.
    """
    table = faces.table
    compared = (table["role"] != "held_out").to_numpy()
    fit, test = (compared & (table["split"] == part).to_numpy() for part in ("fit", "test"))
    is_member = (table["role"] == "member").to_numpy()
    held = validation_persons(table, seed=0)
    detector = Detector("vanilla", epochs=30).fit([vectors[fit]], is_member[fit], held[fit])
    score = detector.score([vectors])
    called = score >= best_threshold(score[fit & held], is_member[fit & held])
    rates = called[test & is_member].mean(), 1 - called[test & ~is_member].mean()
    reached = auc(score[test], is_member[test])
    return {"auc": round(float(reached), 2), "accuracy": round(float(sum(rates)) / 2, 2)}


def head_auc(model: AuditedModel, faces: FaceSet, role: str = "member") -> float:
    """AUC of the largest cosine to a class centre, images of ``role`` against external ones.

    Taught in notebook 00.
    """
    shown = faces.where(faces.table["role"].isin([role, "external"]))
    largest = head_summary(look(model, shown), model.head, model.head_scale)[:, 0].numpy()
    return round(auc(largest, (shown.table["role"] == role).to_numpy()), 2)


def album_similarity(model: AuditedModel, faces: FaceSet, sizes=(2, 4, 8)) -> pd.DataFrame:
    """How alike the embeddings in each person's albums are: ``photos``, ``role``, ``similarity``.

    An album of member photos for a member person, one of as many photos for an external.

    Taught in notebook 00.
    """
    albums = draw_albums(faces.table, sizes, seed=0)
    albums = albums[albums["unit"].str.contains("/main-") & (albums["role"] != "held_out")]
    alike = similarity_and_spread(look(model, faces).numpy(), albums)[:, 0]
    found = albums.rename(columns={"n_images": "photos"})[["photos", "identity", "role"]]
    return found.assign(similarity=alike).reset_index(drop=True)


def album_auc(albums: pd.DataFrame) -> dict[int, float]:
    """AUC of the similarity within albums, member persons against externals, by size.

    Taught in notebook 00.
    """
    sizes = albums.groupby("photos")
    sides = {k: (some["similarity"], some["role"] == "member") for k, some in sizes}
    return {k: round(auc(alike.to_numpy(), m.to_numpy()), 2) for k, (alike, m) in sides.items()}
