"""MobileFaceNet: the published names, and recognition with the published weights."""

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

from mint_utils.audited import open_model, reopen
from mint_utils.audited.mobilefacenet import MobileFaceNetwork
from mint_utils.audited.model import tap_table
from mint_utils.audited.selftest import selftest
from mint_utils.faces import FaceSet
from mint_utils.scenario import FolderFaces
from mint_utils.scenario_file import load_scenario
from mint_utils.sources.folders import FolderSource

NOBODY = FaceSet(pd.DataFrame(), {})
CASIA = "weights/mobilefacenet_casia.safetensors"


def scenario(**audited_model):
    return load_scenario(
        "facenet_casia", {"audited_model": {"family": "mobilefacenet", **audited_model}}
    )


def conv(name: str, wide: int, deep: int, side: int, linear: bool = False) -> dict:
    """Published names and shapes of a convolution with its batch norm and PReLU."""
    norm = {f"{name}.bn.{key}": (wide,) for key in ("weight", "bias", "running_mean")}
    shapes = {f"{name}.conv.weight": (wide, deep, side, side), f"{name}.bn.running_var": (wide,)}
    return norm | shapes | ({} if linear else {f"{name}.prelu.weight": (wide,)})


def bottleneck(name: str, narrow: int, wide: int, out: int) -> dict:
    return (
        conv(f"{name}.conv", wide, narrow, 1)
        | conv(f"{name}.conv_dw", wide, 1, 3)
        | conv(f"{name}.project", out, wide, 1, linear=True)
    )


def published(embedding: int = 128) -> dict[str, tuple]:
    """Names and shapes of the published weights, written down and not asked of our module."""
    shapes = conv("conv1", 64, 3, 3) | conv("conv2_dw", 64, 1, 3)
    shapes |= bottleneck("conv_23", 64, 128, 64) | bottleneck("conv_34", 64, 256, 128)
    shapes |= bottleneck("conv_45", 128, 512, 128)
    for name, narrow, wide, count in (("3", 64, 128, 4), ("4", 128, 256, 6), ("5", 128, 256, 2)):
        for block in range(count):
            shapes |= bottleneck(f"conv_{name}.model.{block}", narrow, wide, narrow)
    shapes |= {"sep.weight": (512, 128, 1, 1), "prelu.weight": (512,)}
    shapes |= {"GDC_dw.weight": (512, 1, 7, 7), "features.weight": (embedding, 512, 1, 1)}
    for name, width in (("sep_bn", 512), ("GDC_bn", 512), ("last_bn", embedding)):
        for key in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{name}.{key}"] = (width,)
    return shapes


def drawn(embedding: int = 128) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {key: 0.1 + 0.1 * torch.rand(shape) for key, shape in published(embedding).items()}


def test_the_network_has_the_published_names_and_shapes():
    own = {k: tuple(v.shape) for k, v in MobileFaceNetwork().state_dict().items()}
    assert {k: v for k, v in own.items() if not k.endswith("num_batches_tracked")} == published()


def test_weights_load_by_name_whatever_the_width(data_folder, tmp_path):
    save_file(drawn(256), data_folder / "wide.safetensors")
    wanted = scenario(weights="wide.safetensors")
    model = open_model(wanted, NOBODY)
    table = tap_table(model)
    assert table["tap"].tolist() == ["conv2_dw", "conv_3", "conv_4", "conv_5", "outcome"]
    assert table["map"].tolist() == ["56 x 56", "28 x 28", "14 x 14", "7 x 7", "-"]
    assert table["channels"].tolist() == [64, 64, 128, 128, 256]
    assert reopen(wanted, tmp_path).digest() == model.digest()


def test_another_architecture_is_refused(data_folder):
    fewer = drawn()
    del fewer["conv_4.model.5.project.conv.weight"]
    save_file(fewer, data_folder / "fewer.safetensors")
    with pytest.raises(ValueError, match="no tensor 'conv_4.model.5.project.conv.weight'"):
        open_model(scenario(weights="fewer.safetensors"), NOBODY)


# With the published weights


@pytest.fixture(scope="module")
def casia(real_data):
    if not (real_data / CASIA).is_file():
        pytest.skip(f"no {CASIA} here")
    return open_model(scenario(weights=str(real_data / CASIA)), NOBODY)


def test_published_weights_are_all_used(casia, real_data):
    stored = load_file(real_data / CASIA)
    own = casia.module.state_dict()
    assert {k for k in own if not k.endswith("num_batches_tracked")} == set(stored)
    assert all(torch.equal(own[key], value) for key, value in stored.items())


def test_it_knows_persons_of_lfw_apart_and_passes_its_self_test(casia, real_data):
    source = FolderSource(FolderFaces(kind="folders", path=str(real_data / "lfw" / "images")), 0)
    listed = source.images()
    counts = listed["identity"].value_counts()
    some = listed[listed["identity"].isin(sorted(counts[counts >= 3].index)[:24])]
    lines = list(selftest(casia, FaceSet(some.assign(source="lfw"), {"lfw": source})))
    assert not [line for line in lines if line.startswith("warning")], lines
    auc = float(lines[-1].partition("AUC ")[2].split()[0])
    assert auc > 0.98
