"""InsightFace's IResNet: a backbone.pth of the published names and shapes, opened and computed."""

import pandas as pd
import pytest
import torch
from torch.nn import functional as F

from mint_utils.activations.record import record
from mint_utils.audited import open_model, reopen
from mint_utils.audited.insightface import BLOCKS, InsightIResNet
from mint_utils.audited.model import tap_table
from mint_utils.audited.twins import untrained_twin
from mint_utils.faces import FaceSet
from mint_utils.scenario_file import load_scenario

NOBODY = FaceSet(pd.DataFrame(), {})


def scenario(**audited_model):
    return load_scenario(
        "facenet_casia", {"audited_model": {"family": "insightface", **audited_model}}
    )


def batch_norm(name: str, width: int) -> dict[str, torch.Tensor]:
    return {
        f"{name}.weight": 0.5 + torch.rand(width),
        f"{name}.bias": 0.2 * torch.randn(width),
        f"{name}.running_mean": 0.2 * torch.randn(width),
        f"{name}.running_var": 0.5 + torch.rand(width),
        f"{name}.num_batches_tracked": torch.tensor(7),
    }


def convolution(name: str, wide: int, deep: int, side: int) -> dict[str, torch.Tensor]:
    spread = (2 / (deep * side * side)) ** 0.5
    return {f"{name}.weight": spread * torch.randn(wide, deep, side, side)}


def published(blocks=(2, 2, 2, 2)) -> dict[str, torch.Tensor]:
    """A backbone.pth by the names of arcface_torch, written down and not asked of our module."""
    torch.manual_seed(0)
    state = convolution("conv1", 64, 3, 3) | batch_norm("bn1", 64)
    state["prelu.weight"] = 0.25 * torch.rand(64)
    before = 64
    for number, (width, count) in enumerate(zip((64, 128, 256, 512), blocks, strict=True), 1):
        for block in range(count):
            name = f"layer{number}.{block}"
            state |= batch_norm(f"{name}.bn1", before)
            state |= convolution(f"{name}.conv1", width, before, 3)
            state |= batch_norm(f"{name}.bn2", width)
            state[f"{name}.prelu.weight"] = 0.25 * torch.rand(width)
            state |= convolution(f"{name}.conv2", width, width, 3)
            state |= batch_norm(f"{name}.bn3", width)
            if block == 0:
                state |= convolution(f"{name}.downsample.0", width, before, 1)
                state |= batch_norm(f"{name}.downsample.1", width)
            before = width
    state |= batch_norm("bn2", 512)
    state["fc.weight"] = 0.01 * torch.randn(512, 512 * 7 * 7)
    state["fc.bias"] = 0.1 * torch.randn(512)
    return state | batch_norm("features", 512)


def computed(state: dict, x: torch.Tensor, blocks=(2, 2, 2, 2)) -> dict[str, torch.Tensor]:
    """What the published network puts out, by plain functions of its tensors."""

    def norm(name, x):
        mean, var = state[f"{name}.running_mean"], state[f"{name}.running_var"]
        return F.batch_norm(x, mean, var, state[f"{name}.weight"], state[f"{name}.bias"])

    seen = {}
    x = F.conv2d(x, state["conv1.weight"], padding=1)
    x = F.prelu(norm("bn1", x), state["prelu.weight"])
    for number, count in enumerate(blocks, 1):
        for block in range(count):
            name, stride = f"layer{number}.{block}", 1 if block else 2
            out = F.conv2d(norm(f"{name}.bn1", x), state[f"{name}.conv1.weight"], padding=1)
            out = F.prelu(norm(f"{name}.bn2", out), state[f"{name}.prelu.weight"])
            out = F.conv2d(out, state[f"{name}.conv2.weight"], stride=stride, padding=1)
            out = norm(f"{name}.bn3", out)
            if block == 0:
                x = F.conv2d(x, state[f"{name}.downsample.0.weight"], stride=stride)
                x = norm(f"{name}.downsample.1", x)
            x = out + x
        seen[f"layer{number}"] = x
    x = norm("bn2", x).flatten(1)
    seen["outcome"] = norm("features", F.linear(x, state["fc.weight"], state["fc.bias"]))
    return seen


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder with backbone.pth, as torch.save leaves it."""
    folder = tmp_path_factory.mktemp("insightface")
    torch.save(published(), folder / "backbone.pth")
    return folder


def test_a_published_backbone_computes_what_it_did(saved, small_faces):
    file = saved / "backbone.pth"
    model = open_model(scenario(depth=18, weights=str(file)), NOBODY)
    assert model.name == "insightface IResNet-18 backbone"
    assert model.preprocess.colour == "RGB"
    pixels = small_faces.pixels(112, range(3))
    x = (torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5
    torch.testing.assert_close(model.preprocess(pixels), x)
    with torch.inference_mode():
        expected = computed(published(), x)
        with record(model.module, model.taps) as seen:
            outcome = model.module(model.preprocess(pixels))
    for tap in model.taps:
        off = (seen[tap] - expected[tap]).abs().max()
        assert off < 1e-4 * expected[tap].abs().max()
    torch.testing.assert_close(outcome, expected["outcome"], rtol=1e-3, atol=1e-3)
    assert outcome.norm(dim=1).std() > 0, "not normalised"


def test_taps_are_the_four_stages(saved):
    model = open_model(scenario(depth=18, weights=str(saved / "backbone.pth")), NOBODY)
    table = tap_table(model)
    assert table["tap"].tolist() == ["layer1", "layer2", "layer3", "layer4", "outcome"]
    assert table["map"].tolist() == ["56 x 56", "28 x 28", "14 x 14", "7 x 7", "-"]
    assert table["channels"].tolist() == [64, 128, 256, 512, 512]


def test_it_is_found_again_and_has_an_untrained_twin(saved, small_faces, tmp_path):
    wanted = scenario(depth=18, weights=str(saved / "backbone.pth"))
    model = open_model(wanted, NOBODY)
    assert reopen(wanted, tmp_path).digest() == model.digest()
    twin = untrained_twin(model, small_faces, images=4)
    assert twin.digest() != model.digest()
    assert tap_table(twin).equals(tap_table(model))


def test_another_depth_is_refused_and_the_missing_layers_named(saved):
    file = str(saved / "backbone.pth")
    with pytest.raises(ValueError, match="no tensor 'layer1.2.bn1.weight'.*not an IResNet-34 file"):
        open_model(scenario(depth=34, weights=file), NOBODY)


def test_a_deeper_backbone_is_refused_and_the_layers_too_many_named(tmp_path):
    torch.save(published((3, 4, 6, 3)), tmp_path / "r34.pth")
    with pytest.raises(ValueError, match="an IResNet-18 has no place for 'layer1.2.bn1.weight'"):
        open_model(scenario(depth=18, weights=str(tmp_path / "r34.pth")), NOBODY)


def test_another_width_is_refused_with_both_shapes(tmp_path):
    state = published() | {"conv1.weight": torch.zeros(32, 3, 3, 3)}
    torch.save(state, tmp_path / "thin.pth")
    said = r"conv1.weight has shape \(32, 3, 3, 3\), expected \(64, 3, 3, 3\)"
    with pytest.raises(ValueError, match=said):
        open_model(scenario(depth=18, weights=str(tmp_path / "thin.pth")), NOBODY)


def test_class_centres_come_from_a_file_beside_it(saved):
    torch.save({"weight": torch.rand(9, 512)}, saved / "head.pt")
    file = str(saved / "backbone.pth")
    model = open_model(scenario(depth=18, weights=file, head=str(saved / "head.pt")), NOBODY)
    assert model.head.shape == (9, 512)
    assert open_model(scenario(depth=18, weights=file), NOBODY).head is None


@pytest.mark.parametrize("depth", sorted(BLOCKS))
def test_every_depth_has_the_published_names(depth):
    with torch.device("meta"):  # shapes without memory
        own, expected = InsightIResNet(depth).state_dict(), published(BLOCKS[depth])
    assert {k: v.shape for k, v in own.items()} == {k: v.shape for k, v in expected.items()}
