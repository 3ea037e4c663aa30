"""AdaFace's IR backbones: a checkpoint of the published names and shapes, opened and computed."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional as F

from mint_utils.audited import open_model, reopen
from mint_utils.audited.adaface import BLOCKS, AdaFaceIR, stage_ends
from mint_utils.audited.model import tap_table
from mint_utils.audited.twins import untrained_twin
from mint_utils.faces import FaceSet
from mint_utils.scenario_file import load_scenario

NOBODY = FaceSet(pd.DataFrame(), {})


def scenario(**audited_model):
    return load_scenario("facenet_casia", {"audited_model": {"family": "adaface", **audited_model}})


def batch_norm(name: str, width: int, affine: bool = True) -> dict[str, torch.Tensor]:
    found = {
        f"{name}.weight": 0.5 + torch.rand(width),
        f"{name}.bias": 0.2 * torch.randn(width),
        f"{name}.running_mean": 0.2 * torch.randn(width),
        f"{name}.running_var": 0.5 + torch.rand(width),
        f"{name}.num_batches_tracked": torch.tensor(7),
    }
    return found if affine else dict(list(found.items())[2:])


def convolution(name: str, wide: int, deep: int, side: int) -> dict[str, torch.Tensor]:
    spread = (2 / (deep * side * side)) ** 0.5
    return {f"{name}.weight": spread * torch.randn(wide, deep, side, side)}


def published(blocks=(2, 2, 2, 2)) -> dict[str, torch.Tensor]:
    """A state dict by the names of AdaFace's net.py, written down and not asked of our module."""
    torch.manual_seed(0)
    state = convolution("input_layer.0", 64, 3, 3) | batch_norm("input_layer.1", 64)
    state["input_layer.2.weight"] = 0.25 * torch.rand(64)
    before, number = 64, 0
    for width, count in zip((64, 128, 256, 512), blocks, strict=True):
        for _ in range(count):
            name = f"body.{number}"
            state |= batch_norm(f"{name}.res_layer.0", before)
            state |= convolution(f"{name}.res_layer.1", width, before, 3)
            state |= batch_norm(f"{name}.res_layer.2", width)
            state[f"{name}.res_layer.3.weight"] = 0.25 * torch.rand(width)
            state |= convolution(f"{name}.res_layer.4", width, width, 3)
            state |= batch_norm(f"{name}.res_layer.5", width)
            if before != width:
                state |= convolution(f"{name}.shortcut_layer.0", width, before, 1)
                state |= batch_norm(f"{name}.shortcut_layer.1", width)
            before, number = width, number + 1
    state |= batch_norm("output_layer.0", 512)
    state["output_layer.3.weight"] = 0.01 * torch.randn(512, 512 * 7 * 7)
    state["output_layer.3.bias"] = 0.1 * torch.randn(512)
    return state | batch_norm("output_layer.4", 512, affine=False)


def computed(state: dict, x: torch.Tensor, blocks=(2, 2, 2, 2)) -> torch.Tensor:
    """The published network's output before it is normalised, by functions of its tensors."""

    def norm(name, x):
        more = (state.get(f"{name}.{key}") for key in ("weight", "bias"))
        return F.batch_norm(x, state[f"{name}.running_mean"], state[f"{name}.running_var"], *more)

    x = norm("input_layer.1", F.conv2d(x, state["input_layer.0.weight"], padding=1))
    x = F.prelu(x, state["input_layer.2.weight"])
    number = 0
    for count in blocks:
        for place in range(count):
            name, stride = f"body.{number}", 1 if place else 2
            out = norm(f"{name}.res_layer.0", x)
            out = F.conv2d(out, state[f"{name}.res_layer.1.weight"], padding=1)
            out = F.prelu(norm(f"{name}.res_layer.2", out), state[f"{name}.res_layer.3.weight"])
            out = F.conv2d(out, state[f"{name}.res_layer.4.weight"], stride=stride, padding=1)
            shortcut = f"{name}.shortcut_layer.0.weight"
            if shortcut in state:
                x = norm(f"{name}.shortcut_layer.1", F.conv2d(x, state[shortcut], stride=stride))
            else:
                x = x[:, :, ::stride, ::stride]
            x = x + norm(f"{name}.res_layer.5", out)
            number += 1
    x = norm("output_layer.0", x).flatten(1)
    x = F.linear(x, state["output_layer.3.weight"], state["output_layer.3.bias"])
    return norm("output_layer.4", x)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A checkpoint as Lightning writes it: backbone and head side by side, and bookkeeping."""
    folder = tmp_path_factory.mktemp("adaface")
    state = {f"model.{key}": value for key, value in published().items()}
    state |= {"head.kernel": torch.rand(512, 11), "head.t": torch.zeros(1)}
    state |= {"head.batch_mean": torch.ones(1), "head.batch_std": torch.ones(1)}
    content = {"epoch": 25, "pytorch-lightning_version": "1.8.6", "state_dict": state}
    torch.save(content | {"hyper_parameters": {"arch": "ir_18", "m": 0.4}}, folder / "ir18.ckpt")
    return folder / "ir18.ckpt"


@pytest.fixture(scope="module")
def model(saved):
    return open_model(scenario(depth=18, weights=str(saved)), NOBODY)


def test_the_outcome_is_the_embedding_before_its_length_is_taken_out(model, small_faces):
    pixels = small_faces.pixels(112, range(3))
    bgr = ((pixels[:, :, :, ::-1] / 255.0) - 0.5) / 0.5  # as AdaFace's own to_input does
    with torch.inference_mode():
        x = torch.tensor(bgr.transpose(0, 3, 1, 2).copy()).float()
        expected = computed(published(), x)
        outcome = model.module(model.preprocess(pixels))
    torch.testing.assert_close(model.preprocess(pixels), x)
    torch.testing.assert_close(outcome, expected, rtol=1e-3, atol=1e-3)
    assert outcome.norm(dim=1).min() > 2
    assert model.outcome == ""


def test_colours_are_swapped(model):
    red = np.zeros((1, 112, 112, 3), np.uint8)
    red[..., 0] = 255
    assert model.preprocess(red)[0, :, 0, 0].tolist() == [-1, -1, 1]


def test_the_checkpoint_brings_the_class_centres(model, saved):
    kernel = torch.load(saved, weights_only=True)["state_dict"]["head.kernel"]
    assert torch.equal(model.head, kernel.T)


def test_taps_are_the_last_block_of_each_stage(model):
    table = tap_table(model)
    assert table["tap"].tolist() == ["body.1", "body.3", "body.5", "body.7", "outcome"]
    assert table["map"].tolist() == ["56 x 56", "28 x 28", "14 x 14", "7 x 7", "-"]
    assert stage_ends(50) == ("body.2", "body.6", "body.20", "body.23")
    assert stage_ends(101) == ("body.2", "body.15", "body.45", "body.48")


def test_taps_may_be_others(saved):
    taps = ["input_layer", "body.0.res_layer"]
    model = open_model(scenario(depth=18, weights=str(saved), taps=taps), NOBODY)
    assert tap_table(model)["map"].tolist()[:2] == ["112 x 112", "56 x 56"]


def test_it_is_found_again_and_has_an_untrained_twin(model, saved, small_faces, tmp_path):
    again = reopen(scenario(depth=18, weights=str(saved)), tmp_path)
    assert again.digest() == model.digest()
    twin = untrained_twin(model, small_faces, images=4)
    assert twin.digest() != model.digest()
    assert twin.head.shape == model.head.shape


def test_another_depth_is_refused(saved):
    with pytest.raises(
        ValueError, match="body.2.res_layer.1.weight has shape.*not an AdaFace IR-50 file"
    ):
        open_model(scenario(depth=50, weights=str(saved)), NOBODY)


def test_a_backbone_of_insightface_is_refused(tmp_path):
    torch.save({"conv1.weight": torch.zeros(64, 3, 3, 3)}, tmp_path / "backbone.pth")
    with pytest.raises(ValueError, match="no tensor 'input_layer.0.weight'.*not an AdaFace IR-18"):
        open_model(scenario(depth=18, weights=str(tmp_path / "backbone.pth")), NOBODY)


@pytest.mark.parametrize("shape", [(11, 512), (512,)])
def test_class_centres_of_another_shape_are_refused(tmp_path, shape):
    torch.save({"state_dict": {"head.kernel": torch.zeros(shape)}}, tmp_path / "odd.ckpt")
    said = r"odd.ckpt: head.kernel has shape .*, expected \(512, classes\)"
    with pytest.raises(ValueError, match=said):
        open_model(scenario(depth=18, weights=str(tmp_path / "odd.ckpt")), NOBODY)


@pytest.mark.parametrize("depth", sorted(BLOCKS))
def test_every_depth_has_the_published_names(depth):
    with torch.device("meta"):  # shapes without memory
        own, expected = AdaFaceIR(depth).state_dict(), published(BLOCKS[depth])
    assert {k: v.shape for k, v in own.items()} == {k: v.shape for k, v in expected.items()}
