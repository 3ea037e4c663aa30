"""Reading weights: tensors only, whatever else a file holds, and plain words where they differ."""

import pickle
import re
import shlex
import sys
import types
from collections import OrderedDict

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from mint_utils.audited.weights import fill, find_weights, read_head, read_tensors, stripped
from mint_utils.locations import REPOSITORY

HERE = "conv.weight"


def network() -> nn.Module:
    return nn.Sequential(OrderedDict(conv=nn.Conv2d(3, 4, 3), bn=nn.BatchNorm2d(4)))


def tensors() -> dict[str, torch.Tensor]:
    torch.manual_seed(5)
    return {key: torch.rand_like(v.float()) for key, v in network().state_dict().items()}


class Malicious:
    """Writes a file if it is unpickled."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return open, (str(self.file), "w")


def same(first: dict, second: dict) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda t: t,
        lambda t: OrderedDict(t),
        lambda t: {"state_dict": t, "epoch": 3, "optimizer": {"lr": 0.1}},
        lambda t: {"state_dict_backbone": t, "global_step": 7},
        lambda t: {"model": t},
    ],
)
def test_what_torch_saved_is_read_wherever_it_is_kept(tmp_path, wrapped):
    torch.save(wrapped(tensors()), tmp_path / "net.pth")
    assert same(read_tensors(tmp_path / "net.pth"), tensors())


def test_safetensors_are_read_and_halves_become_float32(tmp_path):
    halves = {key: value.half() for key, value in tensors().items()}
    save_file(halves | {"count": torch.tensor(7)}, tmp_path / "net.safetensors")
    found = read_tensors(tmp_path / "net.safetensors")
    assert found.pop("count").dtype == torch.int64
    assert same(found, {key: value.float() for key, value in halves.items()})


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "backbone.", "module.backbone."])
def test_prefixes_of_training_scripts_are_taken_off(prefix):
    more = {f"{prefix}{key}": value for key, value in tensors().items()}
    if prefix:
        more["head.kernel"] = torch.ones(2, 2)  # belongs to something else
    assert same(stripped(more, HERE), tensors())


def test_names_that_are_no_prefix_stay():
    unlike = {"encoder.conv.weight": torch.ones(1)}
    assert stripped(unlike, HERE) == unlike
    own = {"model.0.weight": torch.ones(1)}  # the architecture itself calls its layers so
    assert stripped(own, "model.0.weight") == own


# A pickle that would run code


def test_a_malicious_pickle_is_refused_and_not_run(tmp_path):
    file = tmp_path / "evil.pth"
    torch.save(tensors() | {"x": Malicious(tmp_path / "was run")}, file)
    with pytest.raises(ValueError) as error:
        read_tensors(file)
    assert not (tmp_path / "was run").exists()
    said = str(error.value)
    assert "evil.pth is a pickle that needs" in said and "open" in said
    assert "refused, nothing of it was run" in said
    assert "weights_only=False" in said and "evil.safetensors" in said, "how to convert it"
    torch.load(file, weights_only=False)["x"].close()
    assert (tmp_path / "was run").exists(), "the test's own pickle does what it is feared for"


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_bare_malicious_pickle_is_refused_and_not_run(tmp_path, protocol):
    file = tmp_path / "evil.pkl"
    file.write_bytes(pickle.dumps(Malicious(tmp_path / "was run"), protocol))
    with pytest.raises(ValueError, match="evil.pkl"):
        read_tensors(file)
    assert not (tmp_path / "was run").exists()


def test_a_whole_pickled_module_is_refused_with_what_it_needs(tmp_path):
    torch.save(network(), tmp_path / "whole.pt")
    with pytest.raises(ValueError, match="whole.pt is a pickle that needs torch.nn.modules"):
        read_tensors(tmp_path / "whole.pt")


@pytest.mark.parametrize("name", ["whole.pt", "it's whole.pt", "$(touch run); `touch run`.pt"])
@pytest.mark.parametrize("wrapped", [lambda n: n, lambda n: {"model": n, "epoch": 3}])
def test_the_advice_on_converting_works(tmp_path, monkeypatch, name, wrapped):
    module = network()
    module.tied = module.conv.bias  # two names of one tensor
    torch.save(wrapped(module), tmp_path / name)
    with pytest.raises(ValueError) as error:
        read_tensors(tmp_path / name)
    python, option, code, *files = shlex.split(str(error.value).splitlines()[1])
    new = (tmp_path / name).with_suffix(".safetensors")
    assert (python, option, files) == ("python", "-c", [str(tmp_path / name), str(new)])
    monkeypatch.setattr(sys, "argv", ["-c", *files])
    exec(code, {})
    found = read_tensors(new)
    assert torch.equal(found.pop("tied"), found["conv.bias"])
    fill(network(), found, "whole", "network")


@pytest.fixture
def lightning(monkeypatch):
    """A library of the name, while a checkpoint is written; gone when it is read."""
    modules = ("pytorch_lightning", "pytorch_lightning.utilities", "pytorch_lightning.callbacks")
    for name in modules:
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))

    def made(module: str, name: str, base: type = object):
        cls = type(name, (base,), {"__module__": module})
        setattr(sys.modules[module], name, cls)
        return cls

    yield made
    assert "pytorch_lightning" in sys.modules


def test_what_lightning_keeps_beside_the_weights_is_read_as_nothing(
    tmp_path, lightning, monkeypatch
):
    hyper = lightning("pytorch_lightning.utilities", "AttributeDict", dict)(lr=0.1)
    callback = lightning("pytorch_lightning.callbacks", "ModelCheckpoint")
    state = {"best": lightning("pytorch_lightning.callbacks", "Best")()}
    state["best"].score = 0.9
    stage = lightning("pytorch_lightning.utilities", "Stage", str)("fit")  # made of something
    content = {"state_dict": tensors(), "hyper_parameters": hyper, "callbacks": {callback: state}}
    content["stage"] = stage
    torch.save(content, tmp_path / "model.ckpt")
    for name in [name for name in sys.modules if name.startswith("pytorch_lightning.")]:
        monkeypatch.delitem(sys.modules, name)
    assert same(read_tensors(tmp_path / "model.ckpt"), tensors())


def test_a_stand_in_does_not_let_anything_else_through(tmp_path, lightning):
    hyper = lightning("pytorch_lightning.utilities", "AttributeDict", dict)(lr=0.1)
    evil = Malicious(tmp_path / "was run")
    torch.save({"state_dict": tensors(), "hyper": hyper, "x": evil}, tmp_path / "model.ckpt")
    with pytest.raises(ValueError, match="nothing of it was run"):
        read_tensors(tmp_path / "model.ckpt")
    assert not (tmp_path / "was run").exists()


# Files that do not fit


@pytest.mark.parametrize("name", ["torn.safetensors", "torn.pth", "torn.ckpt"])
@pytest.mark.parametrize("content", [b"half of it", b"", b"PK\x03\x04 half"])
def test_a_file_that_cannot_be_read_is_named(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=name):
        read_tensors(tmp_path / name)


def test_a_file_without_tensors_says_what_it_has(tmp_path):
    torch.save({"epoch": 3, "loss": 0.1}, tmp_path / "log.pth")
    with pytest.raises(ValueError, match="log.pth holds no tensors; its keys are epoch, loss"):
        read_tensors(tmp_path / "log.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(ValueError, match="list.pth holds a list"):
        read_tensors(tmp_path / "list.pth")


def test_fill_needs_every_tensor_in_its_place():
    module = network()
    fill(module, tensors(), "net.pth", "network")
    assert torch.equal(module.conv.weight, tensors()["conv.weight"])
    without = {key: v for key, v in tensors().items() if not key.endswith("num_batches_tracked")}
    fill(module, without, "net.pth", "network")  # the counter of batches decides nothing


def test_fill_names_the_first_mismatch_with_both_shapes():
    other = tensors() | {"conv.weight": torch.zeros(9, 3, 3, 3), "bn.weight": torch.zeros(9)}
    said = r"net.pth: conv.weight has shape \(9, 3, 3, 3\), expected \(4, 3, 3, 3\); not a network"
    with pytest.raises(ValueError, match=said):
        fill(network(), other, "net.pth", "network")


def test_fill_names_what_is_missing_and_what_is_too_much():
    fewer = tensors()
    for key in ("bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"):
        del fewer[key]
    with pytest.raises(ValueError, match="no tensor 'bn.weight', 'bn.bias'.* and 1 more; not a"):
        fill(network(), fewer, "net.pth", "network")
    module = network()
    before = module.conv.weight.clone()
    with pytest.raises(ValueError, match="an IResNet has no place for 'se.weight'"):
        fill(module, tensors() | {"se.weight": torch.ones(1)}, "net.pth", "IResNet")
    assert torch.equal(module.conv.weight, before), "nothing is loaded by halves"


# Class centres


@pytest.mark.parametrize(
    "saved",
    [
        lambda w: w,
        lambda w: {"weight": w},
        lambda w: {"state_dict_softmax_fc": {"weight": w}, "state_dict_backbone": {"a": w[:2]}},
        lambda w: {"weight": w, "bias": torch.zeros(7), "other": torch.zeros(7, 3)},
    ],
)
def test_class_centres_are_the_matrix_as_wide_as_the_embedding(data_folder, saved):
    centres = torch.rand(7, 5)
    torch.save(saved(centres), data_folder / "head.pt")
    assert torch.equal(read_head("head.pt", 5), centres)
    with pytest.raises(ValueError, match=r"head.pt: one matrix \(classes, 6\) is wanted.*\(7, 5\)"):
        read_head("head.pt", 6)
    assert read_head(None, 5) is None


def test_what_is_not_here_is_looked_for_in_every_place(data_folder):
    with pytest.raises(FileNotFoundError, match="weights 'none.pth' not found"):
        find_weights("none.pth")
    with pytest.raises(FileNotFoundError, match="class centres 'none.pt' not found"):
        read_head("none.pt", 5)


def test_nothing_else_of_the_study_reads_pickles_or_unsafe_yaml():
    """safetensors, Parquet, plain arrays and safe YAML are enough for all it keeps."""
    unsafe = r"allow_pickle=True|pickle\.loads?\(|read_pickle|joblib|shelve|yaml\.(unsafe_)?load\("
    unsafe += r"|\bnp\.load\([^)]*pickle|torch\.load\((?![^)]*weights_only=True)"
    for file in (REPOSITORY / "mint_utils").rglob("*.py"):
        found = re.findall(unsafe, file.read_text().replace("s = torch.load(sys.argv[1]", ""))
        assert not found, file.name
