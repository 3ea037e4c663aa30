"""The training loop of the small model: stochastic gradient descent, one learning-rate cycle.

The losses are pytorch-metric-learning's CosFace (arXiv 1801.09414) and ArcFace
(arXiv 1801.07698); their weight vectors are the class centres, the head.
"""

from collections.abc import Callable

import numpy as np
import torch
from pytorch_metric_learning.losses import ArcFaceLoss, CosFaceLoss
from torch import nn
from torch.nn import functional as F
from tqdm import tqdm

from mint_utils.device import training_dtype
from mint_utils.scenario import TrainedIResNet

LOSSES = {
    "softmax": lambda classes, d: CosFaceLoss(classes, d, margin=0.0, scale=64),  # no margin
    "cosface": lambda classes, d: CosFaceLoss(classes, d, margin=0.35, scale=64),
    "arcface": lambda classes, d: ArcFaceLoss(classes, d, margin=28.6, scale=64),  # degrees
}
LossOf = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]  # of images (B, 3, s, s) and rows


def fitted(
    module: nn.Module,
    images: torch.Tensor,
    loss_of: LossOf,
    weights: list[nn.Parameter],
    spec: TrainedIResNet,
    rng: np.random.Generator,
    epochs: int | None = None,
    after: Callable[[int], object] = lambda epoch: None,
) -> list[float]:
    """Fit ``module`` and all ``weights`` in place; gives the mean loss of every epoch.

    ``loss_of`` takes a batch of ``images``, flipped and cropped as ``spec`` says, and its rows.
    The learning rate goes through its cycle in ``spec.epochs``; with ``epochs`` the training ends
    earlier. ``after`` is called with the number of every epoch that is done.
    """
    module.to(memory_format=layout(module)).train()
    optimiser = torch.optim.SGD(
        weights, spec.learning_rate, momentum=0.9, weight_decay=spec.weight_decay, nesterov=True
    )
    batch = min(spec.batch_size, len(images))
    steps = len(images) // batch  # a last, smaller batch would unsettle batch norm
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, spec.learning_rate, total_steps=max(10, steps * spec.epochs), pct_start=0.2
    )
    losses = []
    progress = tqdm(range(epochs or spec.epochs), desc="training", unit="epoch")
    for epoch in progress:
        total = 0.0
        for rows in torch.from_numpy(rng.permutation(len(images))[: steps * batch]).split(batch):
            loss = loss_of(changed(images[rows], rng, spec), rows)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(weights, 5.0)
            optimiser.step()
            schedule.step()
            total += loss.item()
        losses.append(total / steps)
        progress.set_postfix(loss=f"{losses[-1]:.2f}")
        refuse_divergence(losses, spec)
        after(epoch + 1)
    return losses


def recognition_loss(module: nn.Module, criterion: nn.Module, labels: torch.Tensor) -> LossOf:
    """The loss of telling persons apart, for :func:`fitted`."""
    return lambda x, rows: criterion(embedded(module, x), labels[rows])


def changed(x: torch.Tensor, rng: np.random.Generator, spec: TrainedIResNet) -> torch.Tensor:
    """Each image mirrored with probability one half, shifted and scaled by up to ``spec.crop``."""
    if not len(x) or not (spec.flip or spec.crop):  # DP-SGD now and then draws nobody
        return x
    mirror = np.where(rng.random(len(x)) < 0.5, -1.0, 1.0) if spec.flip else np.ones(len(x))
    size = rng.uniform(1 - spec.crop, 1 + spec.crop, len(x))
    place = np.zeros((len(x), 2, 3), np.float32)
    place[:, 0, 0], place[:, 1, 1] = size * mirror, size
    place[:, :, 2] = rng.uniform(-spec.crop, spec.crop, (len(x), 2))
    grid = F.affine_grid(torch.from_numpy(place).to(x.device), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)


def embedded(module: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Embeddings (B, d), float32, computed at the precision and in the layout of training."""
    dtype = training_dtype()
    with torch.autocast(x.device.type, dtype, enabled=dtype != torch.float32):
        embedding = module(x.contiguous(memory_format=layout(module)))
    return embedding.float()


def layout(module: nn.Module) -> torch.memory_format:
    """How maps lie in memory: channels last, in which alone GroupNorm is slow (2 to 3 times)."""
    grouped = any(isinstance(part, nn.GroupNorm) for part in module.modules())
    return torch.contiguous_format if grouped else torch.channels_last


def refuse_divergence(losses: list[float], spec: TrainedIResNet) -> None:
    if not np.isfinite(losses[-1]):
        raise FloatingPointError(
            f"training diverged in epoch {len(losses)} (loss {losses[-1]}): "
            f"lower audited_model.learning_rate, now {spec.learning_rate}"
        )
