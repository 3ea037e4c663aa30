"""Train a small face-recognition model on a set of faces, once per fingerprint."""

import json
import os
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from mint_utils import locations
from mint_utils.audited.amint import JointLoss
from mint_utils.audited.fitting import LOSSES, fitted, recognition_loss
from mint_utils.audited.model import Preprocess
from mint_utils.audited.private import fitted_privately
from mint_utils.audited.stopping import stopping_epoch
from mint_utils.device import best_device, training_dtype
from mint_utils.faces import FaceSet
from mint_utils.provenance import code_digest
from mint_utils.scenario import TrainedIResNet, fingerprint

CODE = (
    "training.py",
    "fitting.py",
    "private.py",
    "stopping.py",
    "amint.py",
    "iresnet.py",
    "model.py",
)


def trained(
    module: nn.Module,
    preprocess: Preprocess,
    faces: FaceSet,
    spec: TrainedIResNet,
    seed: int,
    told: np.ndarray | None = None,
    externals: FaceSet | None = None,
) -> tuple[torch.Tensor, dict]:
    """Train ``module`` in place on all of ``faces``, or load it if that was done before.

    A MINT head is fitted on the ``faces`` that are ``told`` (bool, one an image) and on
    ``externals``, which are trained on for nothing else.

    Returns the head (classes, embedding), float32, and notes: ``losses`` (one an epoch),
    ``classes`` (the persons, in the order of the head's rows), ``images``, ``most_images`` (of
    one person), ``precision``, ``file`` (the weights), and ``early_stopping`` or ``privacy``
    where the recipe asks for them.
    """
    head_faces = (faces.where(told), externals) if spec.amint else ()
    key = _training_key((faces, *head_faces), module, spec, seed)
    file = locations.cache() / "models" / f"{key}.safetensors"
    if not file.is_file():
        head, notes = _train(module, preprocess, faces, spec, seed, told, externals)
        _save(file, module, head, notes)
    head, notes = load_weights(file, module)
    return head, notes | {"file": str(file)}


def _training_key(
    sets: tuple[FaceSet, ...], module: nn.Module, spec: TrainedIResNet, seed: int
) -> str:
    """Everything that decides the weights: data by content, recipe, architecture, this code."""
    return fingerprint(
        {
            "images": [f.table[["digest", "identity"]].to_numpy().tolist() for f in sets],
            "spec": spec.model_dump(mode="json", exclude={"taps", "trained_on"}),
            "seed": seed,
            "architecture": repr(module),
            "precision": str(training_dtype()),
            "code": code_digest(*(f"audited/{name}" for name in CODE)),
        }
    )


def _train(module, preprocess, faces: FaceSet, spec: TrainedIResNet, seed: int, told, externals):
    device = best_device()
    classes, labels = np.unique(faces.table["identity"], return_inverse=True)
    notes = {"classes": classes.tolist(), "images": len(labels)}
    notes |= {"most_images": int(np.bincount(labels).max()), "precision": str(training_dtype())}
    labels = torch.from_numpy(labels).to(device)
    images = preprocess(faces.pixels(preprocess.size)).to(device)
    module.to(device)
    if spec.early_stopping:
        notes["early_stopping"] = stopping_epoch(module, images, labels, spec, seed)
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    if spec.privacy:
        head, about = fitted_privately(module, images, labels, spec, rng)
    else:
        criterion = LOSSES[spec.loss](len(classes), spec.embedding).to(device)
        weights = [*module.parameters(), *criterion.parameters()]
        epochs = notes.get("early_stopping", {}).get("epochs")

        if spec.amint:
            strangers = preprocess(externals.pixels(preprocess.size)).to(device)
            known = torch.tensor(told, device=device)
            loss_of = JointLoss(module, criterion, labels, known, strangers, spec, rng)
        else:
            loss_of = recognition_loss(module, criterion, labels)
        about = {"losses": fitted(module, images, loss_of, weights, spec, rng, epochs)}
        head = criterion.W.T
    module.cpu().eval()
    return head.detach().float().cpu(), notes | about


def _save(file: Path, module: nn.Module, head: torch.Tensor, notes: dict) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(f".{os.getpid()}.tmp")
    tensors = {key: value.contiguous() for key, value in module.state_dict().items()}
    save_file(tensors | {"head": head.contiguous()}, unfinished, {"notes": json.dumps(notes)})
    os.replace(unfinished, file)


def load_weights(file: Path, module: nn.Module) -> tuple[torch.Tensor, dict]:
    """Weights that :func:`trained` saved, into ``module``; returns the head and the notes."""
    with safe_open(file, "pt") as stored:
        notes = json.loads(stored.metadata()["notes"])
        tensors = {key: stored.get_tensor(key) for key in stored.keys()}  # noqa: SIM118
    head = tensors.pop("head")
    module.load_state_dict(tensors)
    module.to(memory_format=torch.channels_last).eval()
    return head, notes
