"""Train a small face-recognition model on a set of faces, once per fingerprint.

The losses are pytorch-metric-learning's CosFace (arXiv 1801.09414) and ArcFace
(arXiv 1801.07698); their weight vectors are the class centres, the head.
"""

import json
import os
from pathlib import Path

import numpy as np
import torch
from pytorch_metric_learning.losses import ArcFaceLoss, CosFaceLoss
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F
from tqdm import tqdm

from mint_utils import locations
from mint_utils.audited.model import Preprocess
from mint_utils.device import best_device, training_dtype
from mint_utils.faces import FaceSet
from mint_utils.provenance import code_digest
from mint_utils.scenario import TrainedIResNet, fingerprint

LOSSES = {
    "softmax": lambda classes, d: CosFaceLoss(classes, d, margin=0.0, scale=64),  # no margin
    "cosface": lambda classes, d: CosFaceLoss(classes, d, margin=0.35, scale=64),
    "arcface": lambda classes, d: ArcFaceLoss(classes, d, margin=28.6, scale=64),  # degrees
}


def trained(
    module: nn.Module,
    preprocess: Preprocess,
    faces: FaceSet,
    spec: TrainedIResNet,
    seed: int,
) -> tuple[torch.Tensor, dict]:
    """Train ``module`` in place on all of ``faces``, or load it if that was done before.

    Returns the head (classes, embedding), float32, and notes: ``losses`` (one an epoch),
    ``classes`` (the persons, in the order of the head's rows), ``images``, ``precision``,
    ``file`` (the weights).
    """
    key = _training_key(faces, module, spec, seed)
    file = locations.cache() / "models" / f"{key}.safetensors"
    if not file.is_file():
        head, notes = _train(module, preprocess, faces, spec, seed)
        _save(file, module, head, notes)
    head, notes = load_weights(file, module)
    return head, notes | {"file": str(file)}


def _training_key(faces: FaceSet, module: nn.Module, spec: TrainedIResNet, seed: int) -> str:
    """Everything that decides the weights: data by content, recipe, architecture, this code."""
    return fingerprint(
        {
            "images": faces.table[["digest", "identity"]].to_numpy().tolist(),
            "spec": spec.model_dump(mode="json", exclude={"taps", "trained_on"}),
            "seed": seed,
            "architecture": repr(module),
            "precision": str(training_dtype()),
            "code": code_digest("audited/training.py", "audited/iresnet.py", "audited/model.py"),
        }
    )


def _train(module, preprocess, faces: FaceSet, spec: TrainedIResNet, seed: int):
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    device = best_device()
    classes, labels = np.unique(faces.table["identity"], return_inverse=True)
    labels = torch.from_numpy(labels).to(device)
    images = preprocess(faces.pixels(preprocess.size)).to(device)
    module.to(device, memory_format=torch.channels_last).train()
    criterion = LOSSES[spec.loss](len(classes), spec.embedding).to(device)
    weights = [*module.parameters(), *criterion.parameters()]
    optimiser = torch.optim.SGD(
        weights, spec.learning_rate, momentum=0.9, weight_decay=spec.weight_decay, nesterov=True
    )
    batch = min(spec.batch_size, len(images))
    steps = len(images) // batch  # a last, smaller batch would unsettle batch norm
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, spec.learning_rate, total_steps=max(10, steps * spec.epochs), pct_start=0.2
    )
    losses = []
    progress = tqdm(range(spec.epochs), desc="training the audited model", unit="epoch")
    for _ in progress:
        total = 0.0
        for rows in torch.from_numpy(rng.permutation(len(images))[: steps * batch]).split(batch):
            x = _changed(images[rows], rng, spec)
            loss = criterion(_embedded(module, x), labels[rows])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(weights, 5.0)
            optimiser.step()
            schedule.step()
            total += loss.item()
        losses.append(total / steps)
        progress.set_postfix(loss=f"{losses[-1]:.2f}")
        _refuse_divergence(losses, spec)
    module.cpu().eval()
    notes = {"losses": losses, "classes": classes.tolist(), "images": len(images)}
    return criterion.W.detach().float().cpu().T, notes | {"precision": str(training_dtype())}


def _changed(x: torch.Tensor, rng: np.random.Generator, spec: TrainedIResNet) -> torch.Tensor:
    """Each image mirrored with probability one half, shifted and scaled by up to ``spec.crop``."""
    if not spec.flip and not spec.crop:
        return x
    mirror = np.where(rng.random(len(x)) < 0.5, -1.0, 1.0) if spec.flip else np.ones(len(x))
    size = rng.uniform(1 - spec.crop, 1 + spec.crop, len(x))
    place = np.zeros((len(x), 2, 3), np.float32)
    place[:, 0, 0], place[:, 1, 1] = size * mirror, size
    place[:, :, 2] = rng.uniform(-spec.crop, spec.crop, (len(x), 2))
    grid = F.affine_grid(torch.from_numpy(place).to(x.device), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)


def _embedded(module: nn.Module, x: torch.Tensor) -> torch.Tensor:
    dtype = training_dtype()
    with torch.autocast(x.device.type, dtype, enabled=dtype != torch.float32):
        embedding = module(x.contiguous(memory_format=torch.channels_last))
    return embedding.float()


def _refuse_divergence(losses: list[float], spec: TrainedIResNet) -> None:
    if not np.isfinite(losses[-1]):
        raise FloatingPointError(
            f"training diverged in epoch {len(losses)} (loss {losses[-1]}): "
            f"lower audited_model.learning_rate, now {spec.learning_rate}"
        )


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
