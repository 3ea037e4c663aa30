"""A model of one's own: a function's module, a saved program, and what of them is refused."""

import contextlib
import io
import os
import pickle
import sys
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from mint_utils.activations.extract import embeddings, extract
from mint_utils.activations.record import record
from mint_utils.audited import open_model, reopen
from mint_utils.audited.iresnet import IResNet
from mint_utils.audited.model import Preprocess, tap_table
from mint_utils.audited.own import WEIGHTS_ONLY, no_pickles
from mint_utils.audited.twins import untrained_twin
from mint_utils.faces import FaceSet
from mint_utils.run import _weights_stamp
from mint_utils.scenario_file import ScenarioError, load_scenario

NOBODY = FaceSet(pd.DataFrame(), {})
CODE = """
from __future__ import annotations  # with it, a dataclass looks for the module it is in
from dataclasses import dataclass
import torch
from torch import nn
from mint_utils.audited.iresnet import IResNet

def small():
    return IResNet((4, 8, 8, 16), (1, 1, 1, 1), 12, 32)

@dataclass
class Settings:
    mirrored: bool = True

class Mirror(nn.Module):
    def __init__(self, mirrored=Settings().mirrored):
        super().__init__()
        self.net, self.mirrored = small(), mirrored

    def forward(self, x):
        return self.net(x.flip(3) if self.mirrored else x)

def plain():
    return Mirror(False)

class Flat(nn.Module):
    def __init__(self):
        super().__init__()
        self.turned = nn.Flatten(0, 1)  # (B, 3, H, W) -> (3 B, H, W)
        self.net = small()

    def forward(self, x):
        self.turned(x)
        return self.net(x)

class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = small()
        self.spare = nn.Identity()

    def forward(self, x):
        x = self.net(x)
        return x / x.norm(dim=1, keepdim=True), x.norm(dim=1, keepdim=True)

def broken():
    raise KeyError("no such width")

def number():
    return 7

constant = 3
"""


def scenario(**audited_model):
    model = {"family": "own", "preprocess": {"size": 32}, **audited_model}
    return load_scenario("facenet_casia", {"audited_model": model, "controls": ["pixels"]} | OTHERS)


OTHERS = {"references": None, "rivals": ["embedding_norm"]}


def small_iresnet() -> nn.Module:
    torch.manual_seed(3)
    return IResNet((4, 8, 8, 16), (1, 1, 1, 1), 12, 32).eval()


@pytest.fixture
def code(data_folder):
    (data_folder / "net.py").write_text(CODE)
    return data_folder / "net.py"


# A function


def test_a_function_in_a_file_makes_the_model(code, small_faces, isolated, tmp_path):
    wanted = scenario(module="net.py:small", taps=["stage1", "stage4"])
    model = open_model(wanted, NOBODY)
    assert model.name == "own net.py:small"
    assert tap_table(model)["channels"].tolist() == [4, 16, 12]
    assert reopen(wanted, tmp_path).digest() == model.digest(), "its random weights are drawn again"
    few = small_faces.where(np.arange(len(small_faces)) < 8)
    recorded = extract(model, few, batch_norm=True)
    assert recorded.vector("stage4").shape == (8, 16)
    assert untrained_twin(model, few).digest() != model.digest()


def test_a_function_of_an_installed_package_makes_the_model(code, monkeypatch):
    monkeypatch.syspath_prepend(str(code.parent))
    model = open_model(scenario(module="net:small", taps=["stage1"]), NOBODY)
    assert model.name == "own net:small"
    sys.modules.pop("net")


def test_weights_are_loaded_into_it(code, data_folder):
    trained = small_iresnet().state_dict()
    torch.save(
        {"state_dict": {f"module.{k}": v for k, v in trained.items()}}, data_folder / "w.pth"
    )
    model = open_model(scenario(module="net.py:small", taps=["stage1"], weights="w.pth"), NOBODY)
    assert all(torch.equal(v, trained[k]) for k, v in model.module.state_dict().items())
    save_file(
        {k: v.clone() for k, v in trained.items() if k != "fc.bias"}, data_folder / "w.safetensors"
    )
    with pytest.raises(ValueError, match="w.safetensors: no tensor 'fc.bias'; not an IResNet file"):
        open_model(
            scenario(module="net.py:small", taps=["stage1"], weights="w.safetensors"), NOBODY
        )


def test_preprocessing_is_what_the_scenario_says(code):
    preprocess = {
        "size": 32, "colour": "BGR", "mean": [1.0, 2.0, 3.0], "scale": [10.0, 20.0, 30.0]
    }  # fmt: skip
    wanted = scenario(module="net.py:small", taps=["stage1"], preprocess=preprocess)
    model = open_model(wanted, NOBODY)
    pixels = np.zeros((1, 32, 32, 3), np.uint8) + np.array([101, 42, 33], np.uint8)  # R, G, B
    x = model.preprocess(pixels)[0, :, 0, 0]
    torch.testing.assert_close(x, torch.tensor([32 / 10, 40 / 20, 98 / 30]))  # B, G, R
    assert Preprocess(32, mean=127.5) != model.preprocess
    with pytest.raises(ScenarioError, match="scale"):
        scenario(module="net.py:small", taps=["stage1"], preprocess={"size": 32, "scale": 0})


def test_a_changed_file_is_another_model(code, data_folder):
    wanted = scenario(module="net.py:small", taps=["stage1"])
    before, stamp = open_model(wanted, NOBODY).digest(), _weights_stamp(wanted.audited_model)
    code.write_text(CODE + "\n# changed\n")
    os.utime(code, ns=(1, 1))
    assert open_model(wanted, NOBODY).digest() != before
    assert _weights_stamp(wanted.audited_model) != stamp


def test_two_functions_of_a_file_are_two_models(code):
    """Weights and layers are the same; what forward does with them is not."""
    made = [
        open_model(scenario(module=f"net.py:{name}", taps=["net"]), NOBODY)
        for name in ("Mirror", "plain")
    ]
    first, second = (model.module.state_dict() for model in made)
    assert all(torch.equal(first[key], second[key]) for key in second)
    assert made[0].digest() != made[1].digest()


def test_class_centres_come_from_a_file(code, data_folder):
    torch.save(torch.rand(6, 12), data_folder / "head.pt")
    wanted = scenario(module="net.py:small", taps=["stage1"], head="head.pt")
    assert open_model(wanted, NOBODY).head.shape == (6, 12)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (
            {"module": "net.py:smal", "taps": ["fc"]},
            "function of net.py 'smal': did you mean 'small'",
        ),
        ({"module": "net.py:constant", "taps": ["fc"]}, "unknown function of net.py 'constant'"),
        ({"module": "net.py:number", "taps": ["fc"]}, "returned a value of type int, and a torch"),
        (
            {"module": "net.py:broken", "taps": ["fc"]},
            "net.py:broken raised KeyError: 'no such width'",
        ),
        ({"module": "no.such:net", "taps": ["fc"]}, r"no.such cannot be imported.*path/to/file.py"),
        ({"module": "net.py:Flat", "taps": ["turned"]}, r"turned, puts out \(9, 32, 32\) for 3 im"),
        ({"module": "net.py:small"}, "taps is missing; choices: stem, "),
        ({"module": "net.py:small", "taps": ["stage5"]}, "'stage5'.*did you mean 'stage[1-4]'"),
        (
            {"module": "net.py:Pair", "taps": ["net"]},
            "puts out a tuple: name the submodule.*outcome",
        ),
        (
            {"module": "net.py:Pair", "taps": ["spare"], "outcome": "net"},
            "does not run spare: tap another layer",
        ),
        (
            {"module": "net.py:small", "taps": ["fc"], "preprocess": {"size": 64}},
            "fails on 3 blank images of 64 x 64.*preprocess.size",
        ),
    ],
)
def test_what_cannot_be_audited_is_said(code, settings, says):
    with pytest.raises(ValueError, match=says):
        open_model(scenario(**settings), NOBODY)


def test_a_file_that_fails_or_is_not_here_is_named(data_folder):
    (data_folder / "torn.py").write_text("def net(:\n")
    with pytest.raises(ValueError, match="torn.py raised SyntaxError"):
        open_model(scenario(module="torn.py:net", taps=["fc"]), NOBODY)
    with pytest.raises(FileNotFoundError, match="code 'none.py' not found"):
        open_model(scenario(module="none.py:net", taps=["fc"]), NOBODY)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, "name either module .* or file"),
        ({"module": "a:b", "file": "c.pt2"}, "name either module .* or file"),
        ({"file": "c.pt2", "weights": "w.pth"}, "file brings its weights"),
        ({"module": "net.py"}, "module must be package.module:function"),
        ({"module": "net:"}, "module must be package.module:function"),
    ],
)
def test_a_block_that_says_too_little_or_too_much_is_refused(settings, says):
    with pytest.raises(ScenarioError, match=says):
        scenario(**settings)


def test_a_file_that_needs_another_package_says_which(data_folder):
    (data_folder / "net.py").write_text("import no_such_package")
    with pytest.raises(ValueError, match="net.py cannot be imported.*'no_such_package'") as error:
        open_model(scenario(module="net.py:net", taps=["fc"]), NOBODY)
    assert "name its file" not in str(error.value), "it is named"


def test_an_outcome_inside_the_module_may_be_named(code):
    model = open_model(scenario(module="net.py:Pair", taps=["net.stage1"], outcome="net"), NOBODY)
    assert tap_table(model)["channels"].tolist() == [4, 12]


# Programs that torch saved


def program(batch: int | None = None):
    module, x = small_iresnet(), torch.zeros(batch or 2, 3, 32, 32)
    any_number = None if batch else ({0: torch.export.Dim.DYNAMIC},)
    return torch.export.export(module, (x,), dynamic_shapes=any_number)


def test_layers_of_an_exported_program_can_be_tapped(data_folder, small_faces, tmp_path):
    torch.export.save(program(), data_folder / "net.pt2")
    wanted = scenario(file="net.pt2", taps=["stage1", "stage4.0.prelu"])
    model, module = open_model(wanted, NOBODY), small_iresnet()
    x = model.preprocess(small_faces.pixels(32, range(5)))
    x = x.contiguous(memory_format=torch.channels_last)
    with torch.inference_mode(), record(model.module, model.taps) as seen:
        outcome = model.module(x)
    with torch.inference_mode(), record(module, model.taps) as expected:
        torch.testing.assert_close(outcome, module(x), rtol=0, atol=1e-5)
    for tap in model.taps:
        torch.testing.assert_close(seen[tap], expected[tap], rtol=0, atol=1e-5)
    assert reopen(wanted, tmp_path).digest() == model.digest()


def test_a_program_for_one_number_of_images_is_refused(data_folder):
    torch.export.save(program(batch=2), data_folder / "two.pt2")
    with pytest.raises(ValueError, match="fails on 3 blank images.*any number of images"):
        open_model(scenario(file="two.pt2", taps=["stage1"]), NOBODY)


@pytest.fixture
def script(data_folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch announces its end
        torch.jit.script(small_iresnet()).save(data_folder / "net.pt")
    return data_folder / "net.pt"


def test_of_torchscript_only_the_output_is_seen(script, small_faces, isolated, tmp_path):
    wanted = scenario(file="net.pt")
    model = open_model(wanted, NOBODY)
    assert model.taps == ("output",)
    few = small_faces.where(np.arange(len(small_faces)) < 8)
    recorded = extract(model, few, batch_norm=True)
    with torch.inference_mode():
        expected = small_iresnet()(model.preprocess(few.pixels(32))).numpy()
    assert np.abs(recorded.vector("outcome") - expected).max() < 1e-5
    assert np.array_equal(recorded.vector("output"), recorded.vector("outcome"))
    assert np.abs(embeddings(model, few) - expected).max() < 1e-5
    assert reopen(wanted, tmp_path).digest() == model.digest()


@pytest.mark.parametrize("settings", [{"taps": ["stage1"]}, {"outcome": "fc"}])
def test_layers_of_torchscript_cannot_be_tapped(script, settings):
    with pytest.raises(ValueError, match=r"TorchScript hides its layers.*torch.export \(.pt2\)"):
        open_model(scenario(file="net.pt", **settings), NOBODY)


@pytest.mark.parametrize("name", ["torn.pt2", "torn.pt"])
def test_a_file_that_is_no_program_is_named(data_folder, name):
    torch.save(small_iresnet().state_dict(), data_folder / name)
    with pytest.raises(ValueError, match=f"{name} is not a program that .*goes into `weights`"):
        open_model(scenario(file=name, taps=["stage1"]), NOBODY)


class Malicious:
    """Writes a file if it is unpickled."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return open, (str(self.file), "w")


def poisoned(good: Path, ran: Path, ending: str) -> bytes:
    """A program in which every member with that ending is a pickle that runs code."""
    bad, made = io.BytesIO(), io.BytesIO()
    torch.save({"x": Malicious(ran)}, bad)
    with zipfile.ZipFile(good) as old, zipfile.ZipFile(made, "w") as new:
        names = old.namelist()
        assert any(name.endswith(ending) for name in names), names
        for name in names:
            new.writestr(name, bad.getvalue() if name.endswith(ending) else old.read(name))
    return made.getvalue()


def test_a_pickle_inside_an_exported_program_is_not_run(data_folder, tmp_path):
    torch.export.save(program(), tmp_path / "good.pt2")
    evil = poisoned(tmp_path / "good.pt2", tmp_path / "was run", ".pt")
    (data_folder / "evil.pt2").write_bytes(evil)
    with pytest.raises(ValueError, match="evil.pt2 is not a program that torch.export.save wrote"):
        open_model(scenario(file="evil.pt2", taps=["stage1"]), NOBODY)
    assert not (tmp_path / "was run").exists()
    with contextlib.suppress(Exception):
        torch.export.load(data_folder / "evil.pt2")
    assert (tmp_path / "was run").exists(), "the file does what it is feared for"


def test_the_switch_against_pickles_is_set_back(monkeypatch):
    for before in (None, "0"):
        monkeypatch.delenv(WEIGHTS_ONLY, raising=False)
        if before is not None:
            monkeypatch.setenv(WEIGHTS_ONLY, before)
        with no_pickles():
            assert os.environ[WEIGHTS_ONLY] == "1"
        assert os.environ.get(WEIGHTS_ONLY) == before


def test_a_pickle_inside_torchscript_is_not_run(script, data_folder, tmp_path):
    bare = pickle.dumps(Malicious(tmp_path / "was run"))
    made = io.BytesIO()
    with zipfile.ZipFile(script) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            new.writestr(name, bare if name.endswith(".pkl") else old.read(name))
    (data_folder / "evil.pt").write_bytes(made.getvalue())
    torch.save({"x": Malicious(tmp_path / "was run")}, data_folder / "saved.pt")
    for name in ("evil.pt", "saved.pt"):
        with pytest.raises(ValueError, match=f"{name} is not a program that torch.jit.save wrote"):
            open_model(scenario(file=name), NOBODY)
    assert not (tmp_path / "was run").exists()


def test_the_untrained_twin_of_a_program_is_refused():
    model = {"family": "own", "file": "net.pt2", "taps": ["stage1"], "preprocess": {"size": 32}}
    with pytest.raises(ScenarioError, match="weights in net.pt2 cannot be drawn anew"):
        load_scenario("facenet_casia", {"audited_model": model})


def test_chance_cannot_decide_whom_it_was_trained_on():
    model = {"family": "own", "module": "net:small", "taps": ["fc"], "preprocess": {"size": 32}}
    with pytest.raises(ScenarioError, match="assignment is random"):
        load_scenario("synthetic", {"audited_model": model})
