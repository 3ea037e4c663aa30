"""facenet-pytorch's InceptionResnetV1 with its published weights (arXiv 1503.03832, 1602.07261)."""

from pathlib import Path

from facenet_pytorch import InceptionResnetV1
from torch import nn

from mint_utils.audited.model import AuditedModel, Preprocess
from mint_utils.audited.weights import fill, find_weights, read_tensors, stripped
from mint_utils.faces import FaceSet
from mint_utils.scenario import Facenet

HOW_TO_GET_WEIGHTS = (
    "the {pretrained} weights could not be downloaded ({reason}). Run once with a network "
    "connection, or name a .safetensors file under data/raw or MINT_DATA with "
    "audited_model.weights."
)


def open_facenet(spec: Facenet, faces: FaceSet, seed: int) -> AuditedModel:
    """The published model; its taps are the 17 named children.

    The embedding is taken before its length is normalised (``last_bn``): its norm is evidence.
    The library's download brings the classifier too, whose rows are the head; a weights file
    without ``logits.weight`` has none.
    Raises FileNotFoundError if the weights are neither here nor to be had, ValueError if the
    file holds another architecture.
    """
    module = _from_file(spec.weights) if spec.weights else _downloaded(spec.pretrained)
    logits = getattr(module, "logits", None)
    trained_on = Path(spec.weights).stem if spec.weights else spec.pretrained
    return AuditedModel(
        name=f"facenet {trained_on}",
        module=module,
        preprocess=Preprocess(size=spec.input_size, standardise=spec.standardise),
        taps=spec.taps,
        outcome="last_bn",
        head=None if logits is None else logits.weight.detach(),
        notes={"pretrained on": trained_on, "weights": spec.weights or "library download"},
    )


def _from_file(weights: str) -> InceptionResnetV1:
    file = find_weights(weights)
    state = stripped(read_tensors(file), "conv2d_1a.conv.weight")
    classes = len(state["logits.weight"]) if "logits.weight" in state else None
    module = InceptionResnetV1(pretrained=None, classify=classes is not None, num_classes=classes)
    _fit_embedding(module, state)
    module.classify = False  # the classifier is kept as the head, the outcome is the embedding
    fill(module, state, file.name, "InceptionResnetV1")
    return module


def _fit_embedding(module: InceptionResnetV1, state: dict) -> None:
    """Make the last layers as wide as the file's: 512 or, in the MS-Celeb weights, 128."""
    width = len(state.get("last_bn.weight", module.last_bn.weight))
    if width != module.last_bn.num_features:
        module.last_linear = nn.Linear(module.last_linear.in_features, width, bias=False)
        module.last_bn = nn.BatchNorm1d(width, eps=module.last_bn.eps)


def _downloaded(pretrained: str) -> InceptionResnetV1:
    try:
        return InceptionResnetV1(pretrained=pretrained)
    except OSError as error:  # URLError and everything else a missing network raises
        advice = HOW_TO_GET_WEIGHTS.format(pretrained=pretrained, reason=error)
        raise FileNotFoundError(advice) from error
