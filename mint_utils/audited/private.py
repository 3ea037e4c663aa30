"""DP-SGD (arXiv 1607.00133), by Opacus: no single image can change the weights by much.

Each image's gradient is clipped, and noise is added to their sum. What is promised is promised of
an image, not of a person: k images of one person are promised k times the epsilon, at a delta
that grows faster still. Needs the extra: ``pip install mint-study[privacy]``.
"""

import warnings

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset
from tqdm import tqdm

from mint_utils.audited.fitting import changed, refuse_divergence
from mint_utils.scenario import TrainedIResNet

MARGINS = {"softmax": 0.0, "cosface": 0.35}
SCALE = 16  # of the cosines; at the usual 64 nearly every gradient would be clipped


class Recogniser(nn.Module):
    """A model with its class centres: (B, 3, size, size) -> cosines (B, classes)."""

    def __init__(self, module: nn.Module, classes: int, embedding: int):
        super().__init__()
        self.module, self.centres = module, Centres(classes, embedding)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.centres(self.module(x))


class Centres(nn.Module):
    """The head: (B, d) -> cosines to the class centres (B, classes)."""

    def __init__(self, classes: int, embedding: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(classes, embedding) / embedding**0.5)

    def forward(self, embedding: torch.Tensor) -> torch.Tensor:
        return F.linear(F.normalize(embedding), F.normalize(self.weight))


def fitted_privately(
    module: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    spec: TrainedIResNet,
    rng: np.random.Generator,
) -> tuple[torch.Tensor, dict]:
    """Fit ``module`` in place; gives the head (classes, d) and notes.

    Every batch draws each image by chance (Poisson sampling), ``spec.batch_size`` on average.
    ``privacy`` says what was spent and how: ``epsilon``, ``delta``, ``clip``, ``noise`` (in units
    of ``clip``), ``sample_rate``, ``steps``. The noise follows from the seed, so that a training
    can be repeated; who knows the seed is promised nothing.
    """
    recogniser = Recogniser(module, int(labels.max()) + 1, spec.embedding)
    recogniser.to(images.device, memory_format=torch.contiguous_format).train()
    weights = recogniser.parameters()
    optimiser = torch.optim.SGD(
        weights, spec.learning_rate, momentum=0.9, weight_decay=spec.weight_decay
    )
    rows = TensorDataset(torch.arange(len(images)))
    loader = DataLoader(rows, batch_size=min(spec.batch_size, len(images)))
    asked = spec.privacy
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the noise can be repeated, and of hooks
        engine = _privacy_engine()
        private, optimiser, loader = engine.make_private_with_epsilon(
            module=recogniser, optimizer=optimiser, data_loader=loader, epochs=spec.epochs,
            target_epsilon=asked.epsilon, target_delta=asked.delta, max_grad_norm=asked.clip,
        )  # fmt: skip
        losses = _fit(private, optimiser, loader, images, labels, spec, rng)
        spent = engine.get_epsilon(asked.delta)
    told = {
        "epsilon": spent, "delta": asked.delta, "clip": asked.clip,
        "noise": optimiser.noise_multiplier, "sample_rate": loader.sample_rate,
        "steps": len(loader) * spec.epochs,
    }  # fmt: skip
    private.to_standard_module()  # takes the hooks away
    return recogniser.centres.weight, {
        "losses": losses,
        "privacy": told,
        "precision": "torch.float32",
    }


def _privacy_engine():
    try:
        from opacus import PrivacyEngine  # an extra that only this training needs
    except ImportError as error:
        raise ImportError(
            "audited_model.privacy needs Opacus: pip install mint-study[privacy]"
        ) from error
    return PrivacyEngine()


def _fit(private, optimiser, loader, images, labels, spec: TrainedIResNet, rng) -> list[float]:
    steps = len(loader) * spec.epochs
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, spec.learning_rate, total_steps=max(10, steps), pct_start=0.2
    )
    margin, losses = MARGINS[spec.loss], []
    progress = tqdm(range(spec.epochs), desc="training with DP-SGD", unit="epoch")
    for _ in progress:
        total = 0.0
        for (rows,) in loader:
            cosine = private(changed(images[rows], rng, spec))
            own = F.one_hot(labels[rows], cosine.shape[1])
            loss = F.cross_entropy(SCALE * (cosine - margin * own), labels[rows], reduction="sum")
            loss = loss / max(1, len(rows))  # chance may draw nobody
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item()
        losses.append(total / len(loader))
        progress.set_postfix(loss=f"{losses[-1]:.2f}")
        refuse_divergence(losses, spec)
    return losses
