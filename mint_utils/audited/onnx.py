"""A face model in an .onnx file, run by onnxruntime, with values inside the graph as taps.

Needs the extra: ``pip install mint-study[onnx]``.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import torch
from torch import nn

from mint_utils import locations
from mint_utils.audited.model import AuditedModel, Preprocess, tried
from mint_utils.audited.weights import read_head
from mint_utils.faces import FaceSet
from mint_utils.scenario import OnnxFile

FIXED = "the weights in an ONNX file cannot be drawn anew: leave untrained_twin out of controls"


class OnnxGraph(nn.Module):
    """A graph as a module: (B, 3, H, W) -> (B, d).

    Each tap is an Identity that the tapped value is sent through, so that hooks see it. ``taps``
    are pairs of an Identity's name and a value's; ``outcome`` names the value to return. A graph
    for one image at a time gets one image at a time.
    """

    def __init__(self, graph: bytes, taps: Iterable[tuple[str, str]], outcome: str):
        super().__init__()
        import onnxruntime  # an extra that only this family needs

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3  # errors; warnings are about how the file was written
        wanted = ("CUDAExecutionProvider", "CPUExecutionProvider")
        providers = [p for p in wanted if p in onnxruntime.get_available_providers()]
        self.session = onnxruntime.InferenceSession(graph, options, providers)
        self.taps, self.outcome = tuple(taps), outcome
        for name, _ in self.taps:
            self.add_module(name, nn.Identity())

    def __deepcopy__(self, memo):
        raise TypeError(FIXED)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        (source,) = self.session.get_inputs()
        kind = np.float16 if source.type == "tensor(float16)" else np.float32
        images = x.detach().cpu().contiguous().numpy().astype(kind)
        values = [self.outcome, *(value for _, value in self.taps)]
        size = 1 if source.shape[0] == 1 else len(images)
        parts = [
            self.session.run(values, {source.name: images[start : start + size]})
            for start in range(0, len(images), size)
        ]
        whole = [np.concatenate(part) for part in zip(*parts, strict=True)]
        outcome, *tapped = (torch.from_numpy(part).float().to(x.device) for part in whole)
        for (name, _), value in zip(self.taps, tapped, strict=True):
            self.get_submodule(name)(value)
        return outcome.flatten(1)


def open_onnx(spec: OnnxFile, faces: FaceSet, seed: int) -> AuditedModel:
    """The graph with its taps; dots and slashes in a tap's name become underscores.

    Blank images go through it once. Raises FileNotFoundError if a file is not here, ValueError if
    it is not a graph of this kind or cannot be run, naming near ones for a name that it has not,
    and if the extra is not installed.
    """
    file = locations.find(spec.file, f"ONNX file {spec.file!r}")
    model = _read(file)
    _refuse_other_input(model, file.name, spec.preprocess.size)
    values = [_value(model, name, file.name) for name in spec.taps]
    outcome = _value(model, spec.outcome or _only_output(model, file.name), file.name)
    graph = _with_outputs(model, {*values, outcome})
    names = [re.sub(r"\W+", "_", tap).strip("_") for tap in spec.taps]
    if len(set(names)) < len(names):
        raise ValueError(f"two taps would be called the same: {', '.join(names)}; name one of them")
    try:
        module = OnnxGraph(graph, zip(names, values, strict=True), outcome)
    except Exception as error:  # onnxruntime's own errors have no common base
        raise ValueError(f"onnxruntime cannot run {file.name}: {error}") from error
    opened = AuditedModel(
        name=f"onnx {file.stem}",
        module=module,
        preprocess=Preprocess(**spec.preprocess.model_dump()),
        taps=tuple(names),
        notes={"weights": spec.file},
        program=hashlib.sha256(graph + repr((values, outcome)).encode()).hexdigest(),
    )
    return replace(opened, head=read_head(spec.head, tried(opened)))


def _read(file: Path):
    try:
        import onnx
        import onnxruntime  # noqa: F401  (said here, before the graph is read)
    except ImportError as error:
        raise ValueError(
            f"reading {file.name} needs onnx and onnxruntime ({error}): "
            "pip install 'mint-study[onnx]'"
        ) from error
    try:
        model = onnx.load(file)
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf's and onnx's own errors have no common base
        raise ValueError(f"{file} is not an ONNX file that can be read: {error}") from error
    return model


def _refuse_other_input(model, name: str, size: int) -> None:
    """The graph must take one batch (B, 3, size, size), of any number of images or of one."""
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    if len(inputs) != 1:
        named = ", ".join(value.name for value in inputs)
        raise ValueError(f"{name} has {len(inputs)} inputs ({named}); a face model has one")
    dims = [d.dim_value or None for d in inputs[0].type.tensor_type.shape.dim]
    wanted = ((None, 1), (None, 3), (None, size), (None, size))
    if len(dims) != 4 or not all(d in known for d, known in zip(dims, wanted, strict=True)):
        told = " x ".join("?" if d is None else str(d) for d in dims)
        raise ValueError(
            f"{name} takes a batch of shape {told}, wanted ? x 3 x {size} x {size}: set "
            "preprocess.size, or export it anew with channels first and any number of images"
        )


def _only_output(model, name: str) -> str:
    outputs = [value.name for value in model.graph.output]
    if len(outputs) != 1:
        raise ValueError(
            f"{name} puts out {', '.join(outputs)}: say with `outcome` which one is the embedding, "
            "before its length is normalised"
        )
    return outputs[0]


def _value(model, name: str, file: str) -> str:
    """The value that is called ``name``, or the first that the node of that name puts out."""
    nodes = {node.name: node.output[0] for node in model.graph.node if node.name and node.output}
    values = {value for node in model.graph.node for value in node.output if value}
    if name in values:
        return name
    if name in nodes:
        return nodes[name]
    near = get_close_matches(name, [*nodes, *values], n=3, cutoff=0.4)
    hint = f" did you mean {' or '.join(map(repr, near))}?" if near else ""
    ends = ", ".join(_stage_ends(model)) or "not known"
    raise ValueError(
        f"unknown node or value {name!r} in {file}:{hint} Stages seem to end at {ends}. Netron "
        "shows all names."
    )


def _stage_ends(model) -> list[str]:
    """The last sum (B, C, H, W) of each H and W, or the last value where the graph has no sums."""
    import onnx

    shapes = {
        value.name: tuple(d.dim_value for d in value.type.tensor_type.shape.dim)
        for value in onnx.shape_inference.infer_shapes(model).graph.value_info
    }
    last: dict[bool, dict] = {True: {}, False: {}}
    for node in model.graph.node:
        for value in node.output:
            shape = shapes.get(value, ())
            if len(shape) == 4 and min(shape[2:]) > 1:
                last[node.op_type == "Add"][shape[2:]] = value
    return list((last[True] or last[False]).values())[-6:]


def _with_outputs(model, values: set[str]) -> bytes:
    """The graph, serialised, with ``values`` among what it puts out."""
    import onnx

    known = {value.name for value in model.graph.output}
    more = [onnx.ValueInfoProto(name=value) for value in sorted(values - known)]
    model.graph.output.extend(more)
    return model.SerializeToString()
