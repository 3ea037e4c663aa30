"""ONNX files: taps inside the graph equal those of the torch module that it was made from."""

import importlib.util
import io
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from mint_utils.activations.extract import embeddings, extract
from mint_utils.activations.record import record
from mint_utils.audited import open_model, reopen
from mint_utils.audited.iresnet import IResNet
from mint_utils.audited.model import tap_table
from mint_utils.audited.twins import untrained_twin
from mint_utils.faces import FaceSet
from mint_utils.scenario_file import ScenarioError, load_scenario

NOBODY = FaceSet(pd.DataFrame(), {})
STAGES = ["/stage1/stage1.0/Add", "/stage2/stage2.0/Add", "/stage4/stage4.0/Add_output_0"]
HERE = all(importlib.util.find_spec(name) for name in ("onnx", "onnxruntime"))


def scenario(**audited_model):
    model = {"family": "onnx", "preprocess": {"size": 32}, **audited_model}
    overrides = {"audited_model": model, "controls": ["pixels"]}
    return load_scenario(
        "facenet_casia", overrides | {"references": None, "rivals": ["embedding_norm"]}
    )


def small_iresnet() -> nn.Module:
    """Random weights, and batch-norm statistics that are not those of a new layer."""
    torch.manual_seed(3)
    module = IResNet((4, 8, 8, 16), (1, 1, 1, 1), 12, 32)
    with torch.no_grad():
        for _ in range(3):
            module(torch.randn(16, 3, 32, 32))
    return module.eval()


def exported(module: nn.Module, size: int = 32, batch: int | None = None, **names) -> bytes:
    """The graph of a module, for any number of images or for ``batch``."""
    made = io.BytesIO()
    names = {"input_names": ["pixels"], "output_names": ["embedding"]} | names
    any_number = {} if batch else {"dynamic_axes": {"pixels": {0: "batch"}}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # this exporter is the one that needs no other package
        torch.onnx.export(
            module, (torch.zeros(batch or 2, 3, size, size),), made, dynamo=False,
            **names, **any_number,
        )  # fmt: skip
    return made.getvalue()


@pytest.fixture
def graph(data_folder):
    if not HERE:
        pytest.skip("needs the extra: pip install mint-study[onnx]")
    (data_folder / "small.onnx").write_bytes(exported(small_iresnet()))
    return data_folder / "small.onnx"


def test_taps_and_outcome_equal_those_of_the_torch_module(graph, small_faces):
    module = small_iresnet()
    model = open_model(scenario(file="small.onnx", taps=STAGES), NOBODY)
    assert model.taps == (
        "stage1_stage1_0_Add",
        "stage2_stage2_0_Add",
        "stage4_stage4_0_Add_output_0",
    )
    x = model.preprocess(small_faces.pixels(32, range(5)))
    with torch.inference_mode(), record(model.module, model.taps) as seen:
        outcome = model.module(x)
    with torch.inference_mode(), record(module, ["stage1", "stage2", "stage4"]) as expected:
        torch.testing.assert_close(outcome, module(x), rtol=0, atol=1e-5)
    for own, torchs in zip(model.taps, expected, strict=True):
        torch.testing.assert_close(seen[own], expected[torchs], rtol=0, atol=1e-5)


def test_it_is_recorded_like_any_model(graph, isolated, small_faces):
    model = open_model(scenario(file="small.onnx", taps=STAGES[:1]), NOBODY)
    few = small_faces.where(np.arange(len(small_faces)) < 10)
    recorded = extract(model, few, maps_for=np.ones(10, bool), batch_norm=True)
    assert recorded.vector("outcome").shape == (10, 12)
    assert recorded.vector("stage1_stage1_0_Add", "flip").shape == (10, 4)
    assert recorded.maps("stage1_stage1_0_Add").shape == (10, 4, 8, 8)
    assert not recorded.has_batch_norm
    assert np.abs(embeddings(model, few) - recorded.vector("outcome")).max() < 1e-5
    assert tap_table(model)["map"].tolist() == ["16 x 16", "-"]


def test_it_is_found_again(graph, tmp_path):
    wanted = scenario(file="small.onnx", taps=STAGES)
    model = open_model(wanted, NOBODY)
    assert reopen(wanted, tmp_path).digest() == model.digest()
    other = small_iresnet()
    with torch.no_grad():
        other.fc.weight[0, 0] += 0.1
    graph.write_bytes(exported(other))
    assert reopen(wanted, tmp_path).digest() != model.digest(), "weights are in the graph"


def test_a_graph_for_one_image_gets_one_image_at_a_time(graph, small_faces):
    whole = open_model(scenario(file="small.onnx", taps=STAGES), NOBODY)
    graph.with_name("one.onnx").write_bytes(exported(small_iresnet(), batch=1))
    single = open_model(scenario(file="one.onnx", taps=STAGES), NOBODY)
    few = small_faces.where(np.arange(len(small_faces)) < 5)
    assert np.abs(embeddings(single, few) - embeddings(whole, few)).max() < 1e-5


def test_an_outcome_inside_the_graph_may_be_named(graph):
    model = open_model(scenario(file="small.onnx", taps=STAGES, outcome="/Flatten"), NOBODY)
    blank = torch.zeros(2, 3, 32, 32)
    with torch.inference_mode():
        outcome = model.module(blank)
        module = small_iresnet()
        with record(module, ["bn"]) as seen:
            module(blank)
    torch.testing.assert_close(outcome, seen["bn"].flatten(1), rtol=0, atol=1e-5)


def test_class_centres_come_from_a_file(graph):
    torch.save(torch.rand(6, 12), graph.with_name("head.pt"))
    model = open_model(scenario(file="small.onnx", taps=STAGES, head="head.pt"), NOBODY)
    assert model.head.shape == (6, 12)


# What cannot be opened


def test_an_unknown_name_names_near_ones_and_the_ends_of_the_stages(graph):
    with pytest.raises(ValueError) as error:
        open_model(scenario(file="small.onnx", taps=["/stage2/stage2.0/Ad"]), NOBODY)
    said = str(error.value)
    assert "unknown node or value '/stage2/stage2.0/Ad' in small.onnx" in said
    assert "did you mean '/stage2/stage2.0/Add" in said
    ends = [f"/stage{number}/stage{number}.0/Add_output_0" for number in (1, 2, 3, 4)]
    assert f"Stages seem to end at {', '.join(ends)}." in said


def test_taps_of_one_name_are_refused(graph):
    taps = ["/stage1/stage1.0/Add_output_0", "stage1/stage1.0/Add_output_0"]
    with pytest.raises(ValueError, match="unknown node or value 'stage1/"):
        open_model(scenario(file="small.onnx", taps=taps), NOBODY)


def test_another_size_is_refused_with_both(graph):
    wanted = scenario(file="small.onnx", taps=STAGES, preprocess={"size": 112})
    with pytest.raises(ValueError, match=r"of shape \? x 3 x 32 x 32, wanted \? x 3 x 112 x 112"):
        open_model(wanted, NOBODY)


def test_several_outputs_ask_for_the_embedding(graph):
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = small_iresnet()

        def forward(self, x):
            x = self.net(x)
            return x / x.norm(dim=1, keepdim=True), x

    both = exported(Both().eval(), output_names=["unit", "embedding"])
    graph.with_name("both.onnx").write_bytes(both)
    taps = ["/net/stage1/stage1.0/Add"]
    with pytest.raises(ValueError, match="puts out unit, embedding: say with `outcome`"):
        open_model(scenario(file="both.onnx", taps=taps), NOBODY)
    unit = open_model(scenario(file="both.onnx", taps=taps, outcome="unit"), NOBODY)
    model = open_model(scenario(file="both.onnx", taps=taps, outcome="embedding"), NOBODY)
    assert model.digest() != unit.digest(), "of one file, but two models"
    with torch.inference_mode():
        assert model.module(torch.randn(2, 3, 32, 32)).norm(dim=1).sub(1).abs().min() > 1e-3


def test_a_file_that_is_no_graph_is_named(graph):
    graph.with_name("torn.onnx").write_bytes(graph.read_bytes()[:200])
    with pytest.raises(ValueError, match="torn.onnx is not an ONNX file"):
        open_model(scenario(file="torn.onnx", taps=STAGES), NOBODY)
    with pytest.raises(FileNotFoundError, match="ONNX file 'none.onnx' not found"):
        open_model(scenario(file="none.onnx", taps=STAGES), NOBODY)


def test_a_graph_that_onnxruntime_cannot_run_is_refused(graph):
    import onnx

    known = onnx.load(graph)
    known.opset_import.append(onnx.helper.make_opsetid("elsewhere", 1))
    known.graph.node[0].domain = "elsewhere"
    onnx.save(known, graph.with_name("custom.onnx"))
    with pytest.raises(ValueError, match="onnxruntime cannot run custom.onnx: .*elsewhere"):
        open_model(scenario(file="custom.onnx", taps=STAGES), NOBODY)


def test_a_tap_or_an_outcome_without_an_image_a_row_is_refused(graph):
    class Whole(nn.Module):
        def forward(self, x):
            return x.reshape(1, -1).relu()

    whole = exported(Whole().eval())
    graph.with_name("whole.onnx").write_bytes(whole)
    with pytest.raises(ValueError, match=r"whole puts out \(1, 9216\) for 3 images, wanted"):
        open_model(scenario(file="whole.onnx", taps=["/Relu"]), NOBODY)


def test_without_the_extra_it_says_what_to_install(data_folder, monkeypatch):
    (data_folder / "small.onnx").write_bytes(b"")
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(ValueError, match=r"pip install 'mint-study\[onnx\]'"):
        open_model(scenario(file="small.onnx", taps=STAGES), NOBODY)


def test_its_untrained_twin_is_refused_in_the_scenario_and_in_code(graph, small_faces):
    with pytest.raises(ScenarioError, match=r"weights in small.onnx cannot be drawn anew.*pixels"):
        load_scenario(
            "facenet_casia",
            {
                "audited_model": {
                    "family": "onnx", "file": "small.onnx", "taps": STAGES,
                    "preprocess": {"size": 32},
                }
            },
        )  # fmt: skip
    model = open_model(scenario(file="small.onnx", taps=STAGES), NOBODY)
    with pytest.raises(TypeError, match="leave untrained_twin out"):
        untrained_twin(model, small_faces)


@pytest.mark.parametrize("where", ["../secret.bin", "{folder}/secret.bin", "link.bin"])
def test_weights_kept_beside_a_graph_do_not_lead_out_of_its_folder(graph, where):
    """A graph may name other files that hold its tensors: any file, if nobody looks."""
    import onnx

    outside = graph.parent.parent
    model = onnx.load(graph)
    (outside / "secret.bin").write_bytes(b"0" * 100_000)
    (graph.parent / "link.bin").symlink_to(outside / "secret.bin")
    tensor = max(model.graph.initializer, key=lambda t: len(t.raw_data))
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", where.format(folder=outside)
    (graph.parent / "leads_out.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ValueError, match="leads_out.onnx is not an ONNX file that can be read"):
        open_model(scenario(file="leads_out.onnx", taps=STAGES[:1]), NOBODY)
