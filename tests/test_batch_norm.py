"""Distances to the batch-norm statistics: what is near, what is far, what says nothing."""

import numpy as np
import pytest
import torch
from test_activations import SIDE, TAPS, pictures
from torch import nn

from mint_utils.activations.batch_norm import batch_norm_distances, normalising_layers
from mint_utils.activations.extract import extract
from mint_utils.audited import AuditedModel, Preprocess, open_model
from mint_utils.audited.iresnet import IResNet
from mint_utils.audited.twins import untrained_twin
from mint_utils.rivals import batch_norm_distance
from mint_utils.scenario import Extraction
from mint_utils.scenario_file import load_scenario


def settled(module: nn.Module, x: torch.Tensor) -> nn.Module:
    """``module`` with the statistics of ``x``, in evaluation."""
    module.train()
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d | nn.BatchNorm1d):
            part.momentum = None
            part.reset_running_stats()
    with torch.no_grad():
        module(x)
    return module.eval()


@pytest.fixture
def model() -> AuditedModel:
    """A small IResNet whose batch norms know the first sixteen pictures."""
    torch.manual_seed(0)
    module = IResNet((4, 6, 8, 10), (1, 1, 1, 1), 12, SIDE)
    preprocess = Preprocess(SIDE)
    settled(module, preprocess(pictures(16).pixels(SIDE)))
    return AuditedModel("small", module, preprocess, TAPS)


def distances_of(module: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """(B, layers)"""
    with torch.inference_mode(), batch_norm_distances(module) as found:
        module(x)
    return torch.stack(found, 1)


def one_layer(channels: int = 3) -> nn.BatchNorm2d:
    layer = nn.BatchNorm2d(channels).eval()
    layer.running_mean += torch.tensor([1.0, -2.0, 0.5])
    layer.running_var *= torch.tensor([4.0, 0.25, 1.0])
    return layer


def hooks(module: nn.Module) -> int:
    return sum(len(part._forward_pre_hooks) for part in module.modules())


def with_statistics(mean: torch.Tensor, variance: torch.Tensor) -> torch.Tensor:
    """(1, C, 8, 8) noise with exactly these means and variances a channel."""
    x = torch.randn(1, len(mean), 8, 8, generator=torch.Generator().manual_seed(0))
    x = x - x.mean((2, 3), keepdim=True)
    x = x / x.var((2, 3), correction=0, keepdim=True).sqrt()
    return x * variance.sqrt()[:, None, None] + mean[:, None, None]


def test_an_image_with_the_statistics_of_training_is_at_no_distance():
    layer = one_layer()
    same = with_statistics(layer.running_mean, layer.running_var)
    assert distances_of(layer, same).item() < 1e-3


def test_the_distance_is_what_its_docstring_says():
    layer = one_layer()
    deviation = layer.running_var.sqrt()
    shifted = with_statistics(layer.running_mean + 2 * deviation, layer.running_var)
    assert distances_of(layer, shifted).item() == pytest.approx(2, abs=1e-3)
    wider = with_statistics(layer.running_mean, 3 * layer.running_var)
    assert distances_of(layer, wider).item() == pytest.approx(2, abs=1e-3)
    both = with_statistics(layer.running_mean - 2 * deviation, 3 * layer.running_var)
    assert distances_of(layer, both).item() == pytest.approx(4, abs=2e-3)
    one_channel = layer.running_mean + torch.tensor([3.0, 0, 0]) * deviation
    of_one = with_statistics(one_channel, layer.running_var)
    assert distances_of(layer, of_one).item() == pytest.approx(3 / 3**0.5, abs=1e-3)


def test_the_further_the_farther():
    layer = one_layer()
    steps = [
        distances_of(layer, with_statistics(layer.running_mean + by, layer.running_var)).item()
        for by in (0.0, 0.1, 0.5, 1.0, 4.0)
    ]
    assert steps == sorted(steps)
    assert len(set(steps)) == 5


def test_every_image_has_its_own_distance():
    layer = one_layer()
    x = torch.cat([with_statistics(layer.running_mean + by, layer.running_var) for by in (0, 1, 3)])
    together = distances_of(layer, x)
    alone = torch.cat([distances_of(layer, x[row : row + 1]) for row in range(3)])
    torch.testing.assert_close(together, alone)


def test_there_is_one_distance_a_layer_in_the_order_of_the_network(model):
    x = model.preprocess(pictures(3).pixels(SIDE))
    layers = normalising_layers(model.module)
    found = distances_of(model.module, x)
    assert found.shape == (3, len(layers))
    assert (found > 0).all()
    first = model.module.stem[1]
    with torch.inference_mode():
        inside = model.module.stem[0](x)
    torch.testing.assert_close(found[:, 0], distances_of(first, inside)[:, 0])


def test_the_forward_itself_is_not_changed(model):
    x = model.preprocess(pictures(3).pixels(SIDE))
    with torch.inference_mode():
        before = model.module(x)
        with batch_norm_distances(model.module):
            inside = model.module(x)
    assert torch.equal(before, inside)


def test_hooks_are_gone_after_the_block_whatever_happened(model):
    layers = len(normalising_layers(model.module))
    with batch_norm_distances(model.module):
        assert hooks(model.module) == layers > 10
    assert hooks(model.module) == 0
    with pytest.raises(RuntimeError, match="half-way"), batch_norm_distances(model.module):
        raise RuntimeError("half-way")
    assert hooks(model.module) == 0
    with pytest.raises(RuntimeError), batch_norm_distances(model.module):
        model.module(torch.zeros(1, 7, SIDE, SIDE))  # of seven colours
    assert hooks(model.module) == 0


def test_folded_batch_norm_says_nothing_and_is_left_out(model):
    every = normalising_layers(model.module)
    fresh = IResNet((4, 6, 8, 10), (1, 1, 1, 1), 12, SIDE)
    assert normalising_layers(fresh) == []
    every[0].running_mean.zero_()
    every[0].running_var.fill_(1 - 1e-5)  # as a fused epsilon leaves it
    assert normalising_layers(model.module) == every[1:]
    every[1].running_mean.zero_()
    assert normalising_layers(model.module) == every[1:], "its variance still tells"
    every[2].running_var.fill_(1.0)
    assert normalising_layers(model.module) == every[1:], "its mean still tells"


def test_layers_without_statistics_or_over_vectors_are_left_out():
    module = nn.Sequential(
        nn.BatchNorm2d(3, track_running_stats=False), nn.BatchNorm1d(3), nn.GroupNorm(1, 3)
    )
    assert normalising_layers(module) == []


def test_published_facenet_weights_have_none_and_their_untrained_twin_has(real_data):
    spec = {
        "family": "facenet",
        "weights": str(real_data / "weights" / "facenet_casia.safetensors"),
        "input_size": 80,
    }
    facenet = open_model(load_scenario("facenet_casia", {"audited_model": spec}), pictures(4))
    assert normalising_layers(facenet.module) == []
    assert any(isinstance(part, nn.BatchNorm2d) for part in facenet.module.modules())
    faces = pictures(4)
    faces.table["split"] = "test"
    assert normalising_layers(untrained_twin(facenet, faces).module)


# Extraction


def test_extraction_keeps_the_distances_of_every_image(isolated, model):
    found = extract(
        model, pictures(10), batch_norm=True, how=Extraction(batch_size=4, shard_size=5)
    )
    assert found.has_batch_norm
    by_hand = distances_of(model.module, model.preprocess(pictures(10).pixels(SIDE)))
    assert found.vector("batch_norm").shape == (10, len(normalising_layers(model.module)))
    np.testing.assert_allclose(found.vector("batch_norm"), by_hand, rtol=1e-3, atol=1e-4)
    with pytest.raises(ValueError, match="batch_norm"):
        extract(model, pictures(10), how=Extraction(shard_size=5)).vector("batch_norm")


def test_distances_are_another_store_and_change_nothing_else_in_it(isolated, model):
    without = extract(model, pictures(8))
    beside = extract(model, pictures(8), batch_norm=True)
    assert without.folder != beside.folder
    assert not without.has_batch_norm
    for name in (*TAPS, "outcome"):
        np.testing.assert_array_equal(without.vector(name), beside.vector(name))


def test_a_model_that_has_none_is_not_recorded_again(isolated):
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    model = AuditedModel("plain", module, Preprocess(SIDE), ("0",))
    asked = extract(model, pictures(4), batch_norm=True)
    assert not asked.has_batch_norm
    assert asked.folder == extract(model, pictures(4)).folder


def test_batch_and_shard_size_make_no_difference_to_the_distances(isolated, monkeypatch, model):
    got = {}
    for batch, shard in ((1, 20), (7, 20), (64, 20), (64, 3)):
        monkeypatch.setenv("MINT_CACHE", str(isolated / f"{batch}-{shard}"))
        found = extract(
            model, pictures(20), batch_norm=True, how=Extraction(batch_size=batch, shard_size=shard)
        )
        got[batch, shard] = found.vector("batch_norm")
    for values in got.values():
        np.testing.assert_allclose(values, got[1, 20], rtol=1e-4, atol=1e-5)


def test_nan_in_the_distances_names_them_and_the_image(isolated, model):
    with torch.no_grad():
        model.module.bn.running_var[0] = float("nan")
        model.module.bn = nn.Sequential(model.module.bn, Finite())
    with pytest.raises(FloatingPointError, match="plain/batch_norm is not .*first is noise/0"):
        extract(model, pictures(4), batch_norm=True)


class Finite(nn.Module):
    """Hides from the embedding what a broken layer before it put out."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nan_to_num(x)


def test_the_images_that_batch_norm_saw_are_closer_than_others(isolated, model):
    """The sixteen pictures of the statistics against sixteen of another brightness."""
    faces = pictures(32)
    dark = faces.pixels(SIDE, range(16, 32)) // 2
    x = model.preprocess(np.concatenate([faces.pixels(SIDE, range(16)), dark]))
    found = distances_of(model.module, x).mean(1)
    assert found[:16].max() < found[16:].min()
    recorded = extract(model, faces, batch_norm=True)
    closeness = batch_norm_distance(recorded)
    assert closeness.shape == (32,)
    assert closeness[:16] == pytest.approx(
        -distances_of(model.module, x[:16]).log().mean(1).numpy(), abs=1e-3
    )
