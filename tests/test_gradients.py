"""Per-filter gradients: equal to autograd's, without labels, kept like any view, told by MINT."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from test_activations import SIDE, TAPS, pictures
from test_scores import VANILLA, Planted, listed, of, planted_scenario, told_apart
from torch import nn

from mint_utils.activations.extract import extract
from mint_utils.activations.gradients import LOSSES, filters, gradient_vectors, losses_of
from mint_utils.audited import AuditedModel, Preprocess
from mint_utils.audited.iresnet import IResNet
from mint_utils.scenario import Extraction
from mint_utils.scenario_file import ScenarioError, load_scenario
from mint_utils.scores import score_images

PLAIN_AND_BOTH = ("plain", *LOSSES)


@pytest.fixture
def model() -> AuditedModel:
    torch.manual_seed(0)
    module = IResNet((4, 6, 8, 10), (1, 1, 1, 1), 12, SIDE)
    return AuditedModel("small", module, Preprocess(SIDE), TAPS, head=torch.randn(5, 12))


def prepared(model: AuditedModel, count: int = 3) -> torch.Tensor:
    return model.preprocess(pictures(count).pixels(SIDE))


def by_autograd(model: AuditedModel, image: torch.Tensor, loss: str) -> dict[str, torch.Tensor]:
    """The lengths of the filters' gradients, one image at a time, by a backward pass."""
    model.module.zero_grad()
    LOSSES[loss](model, model.module, image).backward()
    weights = dict(model.module.named_parameters())
    return {tap: weights[w].grad.flatten(1).norm(dim=1) for tap, w in filters(model).items()}


@pytest.mark.parametrize("loss", LOSSES)
def test_they_are_what_a_backward_pass_of_each_image_alone_gives(model, loss):
    x = prepared(model)
    found = gradient_vectors(model, x, loss)
    for row, image in enumerate(x):
        for tap, lengths in by_autograd(model, image, loss).items():
            assert torch.allclose(10 ** found[tap][row], lengths, rtol=1e-3, atol=1e-9), tap


def test_every_tap_and_the_outcome_has_a_number_a_filter(model):
    found = gradient_vectors(model, prepared(model), "class_gradient")
    assert {name: tuple(value.shape) for name, value in found.items()} == {
        "stage1": (3, 4), "stage2": (3, 6), "stage3": (3, 8), "stage4": (3, 10), "outcome": (3, 12)
    }  # fmt: skip
    assert filters(model)["stage1"] == "stage1.0.conv2.weight"  # not the shortcut's


def test_layers_that_the_outcome_never_reaches_are_not_asked(model):
    class Classifier(nn.Module):  # as FaceNet: a layer of classes that does not run
        def __init__(self):
            super().__init__()
            self.backbone, self.logits = model.module, nn.Linear(12, 1000)

        def forward(self, x):
            return self.backbone(x)

    taps = ("backbone.stage1",)
    asked = filters(AuditedModel("with classes", Classifier(), Preprocess(SIDE), taps))
    assert asked == {
        "backbone.stage1": "backbone.stage1.0.conv2.weight", "outcome": "backbone.fc.weight"
    }  # fmt: skip


@pytest.mark.parametrize("loss", LOSSES)
def test_channels_last_weights_as_recording_has_them_change_nothing(model, loss):
    """Backward passes through them in evaluation damage memory: they must not be what is used."""
    x = prepared(model, 5)
    plain = gradient_vectors(model, x, loss)
    model.module.to(memory_format=torch.channels_last)
    x = x.contiguous(memory_format=torch.channels_last)
    for tap, lengths in gradient_vectors(model, x, loss).items():
        assert torch.allclose(lengths, plain[tap], atol=1e-2), tap


def test_the_model_is_as_before(model):
    before = model.digest()
    gradient_vectors(model, prepared(model), "mirror_gradient")
    assert model.digest() == before
    assert not any(part._forward_hooks for part in model.module.modules())
    assert all(weight.grad is None for weight in model.module.parameters())


def test_no_label_enters_only_the_likeliest_class_whatever_its_place(model):
    x = prepared(model)
    turned = replace(model, head=model.head.flip(0))
    for tap, lengths in gradient_vectors(model, x, "class_gradient").items():
        assert torch.allclose(
            lengths, gradient_vectors(turned, x, "class_gradient")[tap], atol=1e-3
        )


def test_the_surer_the_model_the_less_is_left_to_learn(model):
    x = prepared(model)
    unsure, sure = (replace(model, head_scale=scale) for scale in (4.0, 64.0))
    left = gradient_vectors(unsure, x, "class_gradient")
    for tap, lengths in gradient_vectors(sure, x, "class_gradient").items():
        assert lengths.max() < left[tap].min()


def test_without_class_centres_only_the_mirror_is_left(model):
    assert losses_of(model, PLAIN_AND_BOTH) == tuple(LOSSES)
    assert losses_of(replace(model, head=None), PLAIN_AND_BOTH) == ("mirror_gradient",)
    assert losses_of(model, ("plain",)) == ()


def test_a_symmetric_picture_has_no_mirror_loss(model):
    x = prepared(model, 1)
    symmetric = (x + x.flip(-1)) / 2
    found = gradient_vectors(model, symmetric, "mirror_gradient")
    assert max(value.max() for value in found.values()) < -3


def test_a_model_without_filters_is_refused_with_the_way_out():
    blind = AuditedModel("flat", nn.Sequential(nn.Flatten()), Preprocess(SIDE), ())
    with pytest.raises(ValueError, match="flat has no convolution .* detectors.methods"):
        filters(blind)


def test_they_are_kept_beside_the_views_and_added_to_a_store_that_lacks_them(model, isolated):
    faces, how = pictures(7), Extraction(batch_size=3, shard_size=4)
    plain = extract(model, faces, views=("plain",), how=how)
    assert plain.filters == []
    kept = extract(model, faces, views=PLAIN_AND_BOTH, how=how)
    assert kept.filters == [*TAPS, "outcome"]
    expected = gradient_vectors(model, model.preprocess(faces.pixels(SIDE)), "class_gradient")
    for name in kept.filters:
        found = kept.vector(name, "class_gradient")
        assert np.allclose(found, expected[name].numpy(), atol=1e-3), name
    assert np.array_equal(kept.vector("stage1"), plain.vector("stage1"))
    with pytest.raises(ValueError, match="head"):
        kept.vector("head", "class_gradient")


def test_a_model_without_a_head_is_recorded_without_that_loss(model, isolated):
    kept = extract(replace(model, head=None), pictures(3), views=PLAIN_AND_BOTH)
    assert kept.key["views"] == ["plain", "mirror_gradient"]


def with_gradients(planted: Planted, faces, by: float) -> Planted:
    """Made-up gradients: members leave less to learn by so many deviations."""
    rng, member = np.random.default_rng(5), (faces.table["role"] == "member").to_numpy()[:, None]
    for loss in LOSSES:
        moved = rng.normal(size=(len(faces), 6)) - by * member
        planted.vectors[f"{loss}/stage1"] = moved.astype(np.float32)
    return planted


@pytest.mark.parametrize(("by", "low", "high"), [(1.5, 0.85, 1.0), (0.0, 0.35, 0.65)])
def test_gradient_mint_finds_what_is_planted_in_gradients_and_nothing_else(by, low, high, tmp_path):
    scenario = planted_scenario(**VANILLA | {"detectors__methods": ["gradient"],
                                             "rivals": ["embedding_norm"]})  # fmt: skip
    faces = listed(scenario)
    key = {"filters": ["stage1"], "views": ["plain", *LOSSES]}
    audited = with_gradients(Planted(faces), faces, by).stored(tmp_path, **key)
    scores = score_images({"audited": audited}, faces, scenario, tmp_path / "models")
    for loss, access in (("class_gradient", "head_blind"), ("mirror_gradient", "activations")):
        found = of(scores, method="gradient", target="audited", aad=loss)
        assert set(found["access"]) == {access}
        assert low <= told_apart(found) <= high, loss
        assert (tmp_path / "models" / "audited" / f"gradient-{loss}-0.safetensors").is_file()


def test_a_program_without_filters_is_refused_in_the_scenario():
    graph = {"family": "onnx", "file": "x.onnx", "taps": ["a"], "preprocess": {"size": 32}}
    asked = {"audited_model": graph, "controls": ["pixels"], "detectors.methods": ["gradient"],
             "rivals": ["embedding_norm"]}  # fmt: skip
    with pytest.raises(ScenarioError, match="x.onnx is a program without gradients"):
        load_scenario("facenet_casia", asked)
