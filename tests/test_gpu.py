"""What runs on a CUDA device gives what a processor gives."""

import numpy as np
import pytest
import torch
from test_activations import TAPS, pictures
from test_activations import model as small_model

from mint_utils.activations import forward, recorder
from mint_utils.activations.extract import extract
from mint_utils.device import best_device
from mint_utils.scenario import Extraction

model = small_model
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here"),
]


def on_processor(monkeypatch, model, faces, root, **how):
    with monkeypatch.context() as patch:
        for place in (forward, recorder):
            patch.setattr(place, "best_device", lambda: torch.device("cpu"))
        return extract(model, faces, root=root, maps_for=np.ones(len(faces), bool), **how)


def test_activations_equal_those_of_a_processor(isolated, monkeypatch, model):
    assert best_device().type == "cuda"
    here = on_processor(monkeypatch, model, pictures(40), isolated / "cpu")
    there = extract(model, pictures(40), maps_for=np.ones(40, bool))
    for name in (*TAPS, "outcome", "head"):
        for view in ("plain", "flip"):
            np.testing.assert_allclose(
                there.vector(name, view), here.vector(name, view), rtol=2e-2, atol=2e-2
            )
    np.testing.assert_allclose(there.maps("stage2").float(), here.maps("stage2").float(), atol=5e-2)


def test_half_precision_keeps_the_direction_of_embeddings(isolated, model):
    whole = extract(model, pictures(40)).vector("outcome")
    half = extract(model, pictures(40), how=Extraction(precision="bfloat16")).vector("outcome")
    cosine = (whole * half).sum(1) / np.linalg.norm(whole, axis=1) / np.linalg.norm(half, axis=1)
    assert cosine.min() > 0.99


def test_the_model_is_back_on_the_processor_afterwards(isolated, model):
    extract(model, pictures(8))
    assert {parameter.device.type for parameter in model.module.parameters()} == {"cpu"}
