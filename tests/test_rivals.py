"""Rivals on planted activations: each is what its docstring says, larger for a likelier member."""

from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest
import torch

from mint_utils import one_class
from mint_utils.activations.recorded import Activations
from mint_utils.activations.store import Store
from mint_utils.activations.views import CHANGED
from mint_utils.beyond import SIGNALS
from mint_utils.rivals import (
    RIVALS,
    augmentation_consistency,
    embedding_norm,
    head_views,
    largest_cosine,
    view_cosine,
)
from mint_utils.scenario import Rival
from mint_utils.trials import BEYOND

TAPS = ("stage1", "stage2")
WIDTHS = {"stage1": 3, "stage2": 5, "outcome": 4}
IMAGES = 12


def planted(
    folder: Path, vectors: dict[str, np.ndarray], head: torch.Tensor | None = None, target="audited"
) -> Activations:
    """A finished store that holds ``vectors`` by ``view/name`` and nothing else."""
    views, names = zip(*(name.split("/") for name in vectors), strict=True)
    count = len(next(iter(vectors.values())))
    key = {
        "target": target, "shard_size": count,
        "taps": [tap for tap in (*TAPS, "mint") if tap in names],
        "views": list(dict.fromkeys(views)), "has_head": head is not None,
        "has_names": "named" in names, "batch_norm": "batch_norm" in names, "filters": [],
    }  # fmt: skip
    store = Store(folder)
    ids = [f"noise/{number}" for number in range(count)]
    images = pd.DataFrame({"image_id": ids, "stamp": ids, "mapped": False})
    store.create(key, images, head)
    tensors = {name: torch.from_numpy(v.astype(np.float32)) for name, v in vectors.items()}
    store.write("maps", 0, [], {})
    store.write("vectors", 0, ids, tensors)
    return Activations(folder)


def noise(seed: int = 0, images: int = IMAGES) -> dict[str, np.ndarray]:
    """Vectors of every tap and view, all of them different."""
    rng = np.random.default_rng(seed)
    return {
        f"{view}/{name}": rng.normal(size=(images, width))
        for view in ("plain", *CHANGED)
        for name, width in WIDTHS.items()
    }


@pytest.fixture
def vectors() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    has_class = np.arange(IMAGES)[:, None] < 8
    return noise() | {
        "plain/head": rng.normal(size=(IMAGES, 3)),
        "plain/named": np.where(has_class, rng.normal(size=(IMAGES, 2)), np.nan),
        "plain/batch_norm": rng.uniform(0.1, 3, size=(IMAGES, 6)),
        "plain/mint": rng.normal(size=(IMAGES, 1)),
    }


@pytest.fixture
def activations(vectors, tmp_path) -> Activations:
    head = torch.randn(7, 4, generator=torch.Generator().manual_seed(0))
    return planted(tmp_path / "store", vectors, head)


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def score(name: str, activations: Activations, aad: str | None = None) -> np.ndarray:
    return RIVALS[name].score(activations, aad or RIVALS[name].aad)


# The table of rivals


def test_a_scenario_can_name_every_rival_and_no_other():
    beyond = {f"{rule}_{signal}" for rule in BEYOND for signal in SIGNALS}
    assert set(get_args(Rival)) == set(RIVALS) | beyond | {one_class.NAME}


@pytest.mark.parametrize("name", RIVALS)
def test_every_rival_gives_one_number_an_image_and_a_reason(name, activations):
    rival = RIVALS[name]
    values = rival.score(activations, rival.aad)
    assert values.shape == (IMAGES,)
    assert np.isfinite(values).all() or name == "head_named"
    assert len(rival.score.__doc__.split()) > 8
    assert rival.score(activations) == pytest.approx(values, nan_ok=True), "its own data by default"
    assert rival.views[0] == "plain"
    assert set(rival.views) <= {"plain", *CHANGED}


@pytest.mark.parametrize("name", RIVALS)
def test_a_rival_needs_no_view_that_it_does_not_say(name, vectors, tmp_path):
    rival = RIVALS[name]
    some = {key: v for key, v in vectors.items() if key.split("/")[0] in rival.views}
    few = planted(tmp_path / "few", some, torch.eye(7, 4))
    assert len(score(name, few)) == IMAGES


@pytest.mark.parametrize("name", RIVALS)
def test_a_rival_scores_each_image_by_itself(name, activations, vectors, tmp_path):
    last = {key: values[-3:] for key, values in vectors.items()}
    alone = planted(tmp_path / "last", last, activations.head())
    assert score(name, alone) == pytest.approx(score(name, activations)[-3:], nan_ok=True, abs=1e-6)


# Each of them by hand


def test_embedding_norm_is_the_length(activations, vectors):
    by_hand = [np.sqrt((row**2).sum()) for row in vectors["plain/outcome"]]
    assert score("embedding_norm", activations) == pytest.approx(by_hand, rel=1e-5)


def test_flip_consistency_is_the_cosine_to_the_mirror_image(activations, vectors):
    pairs = zip(vectors["plain/outcome"], vectors["flip/outcome"], strict=True)
    by_hand = [cosine(a, b) for a, b in pairs]
    assert score("flip_consistency", activations) == pytest.approx(by_hand, abs=1e-6)


@pytest.mark.parametrize("aad", ["outcome", *TAPS])
def test_augmentation_consistency_is_the_mean_cosine_over_views(activations, vectors, aad):
    by_hand = [
        np.mean([cosine(vectors[f"plain/{aad}"][i], vectors[f"{v}/{aad}"][i]) for v in CHANGED])
        for i in range(IMAGES)
    ]
    found = score("augmentation_consistency", activations, aad)
    assert found == pytest.approx(by_hand, abs=1e-6)
    assert RIVALS["augmentation_consistency"].per_tap


def test_consistency_is_one_where_no_view_differs_and_does_not_mind_lengths(vectors, tmp_path):
    same = {key: vectors[f"plain/{key.split('/')[1]}"] for key in noise()}
    longer = {k: v * (1 if k.startswith("plain") else 7) for k, v in same.items()}
    for name, some in (("same", same), ("longer", longer)):
        found = augmentation_consistency(planted(tmp_path / name, some))
        assert found == pytest.approx(np.ones(IMAGES), abs=1e-6)
    turned = {k: v * (1 if k.startswith("plain") else -1) for k, v in same.items()}
    assert augmentation_consistency(planted(tmp_path / "turned", turned)) == pytest.approx(
        -np.ones(IMAGES), abs=1e-6
    )


def test_a_vector_of_nothing_has_a_cosine_of_nothing(vectors, tmp_path):
    empty = vectors | {"plain/outcome": np.zeros((IMAGES, 4))}
    found = planted(tmp_path / "empty", empty)
    assert (view_cosine(found, "outcome", "flip") == 0).all()
    assert (embedding_norm(found) == 0).all()


def test_batch_norm_distance_is_minus_the_mean_log_distance(activations, vectors):
    by_hand = [-np.mean([np.log(d) for d in row]) for row in vectors["plain/batch_norm"]]
    assert score("batch_norm_distance", activations) == pytest.approx(by_hand, abs=1e-5)


def test_an_image_closer_to_batch_norm_in_every_layer_scores_higher(vectors, tmp_path):
    far = vectors["plain/batch_norm"]
    closer = vectors | {"plain/batch_norm": far * np.linspace(1, 0, IMAGES)[:, None]}
    found = score("batch_norm_distance", planted(tmp_path / "closer", closer))
    gain = found - score("batch_norm_distance", planted(tmp_path / "far", vectors))
    assert (np.diff(gain) > 0).all()
    assert np.isfinite(found).all(), "no distance at all is no infinity"


def test_head_rivals_are_columns_of_the_head_summary(activations, vectors):
    for column, name in enumerate(["head_max", "head_margin", "head_entropy"]):
        wanted = vectors["plain/head"][:, column]
        assert score(name, activations) == pytest.approx(wanted, abs=1e-6)


def test_head_views_is_the_largest_cosine_of_the_mean_over_views(activations, vectors):
    head = activations.head().numpy()
    by_hand = []
    for i in range(IMAGES):
        views = [vectors[f"{view}/outcome"][i] for view in ("plain", *CHANGED)]
        mean = np.mean([view / np.linalg.norm(view) for view in views], axis=0)
        by_hand.append(max(cosine(mean, centre) for centre in head))
    assert score("head_views", activations) == pytest.approx(by_hand, abs=1e-5)


def test_head_views_needs_class_centres(vectors, tmp_path):
    without = planted(tmp_path / "without", noise())
    with pytest.raises(ValueError, match="without class centres"):
        head_views(without)


def test_largest_cosine_does_not_depend_on_how_many_are_taken_at_once():
    generator = torch.Generator().manual_seed(0)
    embedding, head = (torch.randn(n, 6, generator=generator) for n in (23, 9))
    whole = largest_cosine(embedding, head)
    assert largest_cosine(embedding, head, batch=5) == pytest.approx(whole, abs=1e-6)
    by_hand = [max(cosine(e.numpy(), c.numpy()) for c in head) for e in embedding]
    assert whole == pytest.approx(by_hand, abs=1e-5)
    assert largest_cosine(embedding * 9, head * 0.1) == pytest.approx(whole, abs=1e-5)


def test_head_named_is_blank_for_persons_without_a_class(activations, vectors):
    found = score("head_named", activations)
    assert found[:8] == pytest.approx(vectors["plain/named"][:8, 0], abs=1e-6)
    assert np.isnan(found[8:]).all()
