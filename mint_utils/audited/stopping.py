"""Early stopping: how many epochs are enough, asked of a trial training.

A part of every person's training photos is kept from the trial and asked about after every epoch.
The model itself is then trained on all of them, for so many epochs: every member is trained on,
and nobody outside the training data decides anything.
"""

import copy

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from mint_utils.audited.fitting import LOSSES, embedded, fitted, recognition_loss
from mint_utils.scenario import TrainedIResNet


def stopping_epoch(
    module: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    spec: TrainedIResNet,
    seed: int,
) -> dict:
    """Train a copy of ``module`` on a part; ``module`` is left as it is.

    Returns ``epochs``, the first after which the part of kept photos that lie nearest to their own
    class centre is within ``spec.early_stopping.tolerance`` of its best, and ``kept_recognised``,
    that part after every epoch. ValueError if no person has two photos.
    """
    rng = np.random.default_rng([seed, 1])
    kept = torch.from_numpy(kept_photos(labels.cpu().numpy(), spec.early_stopping.kept, rng))
    if not kept.any():
        raise ValueError("early_stopping: nobody has a second photo that could be kept aside")
    torch.manual_seed(seed)
    trial = copy.deepcopy(module)
    criterion = LOSSES[spec.loss](int(labels.max()) + 1, spec.embedding).to(images.device)
    recognised: list[float] = []

    @torch.no_grad()
    def ask(_epoch):
        trial.eval()
        parts = [F.normalize(embedded(trial, some)) for some in images[kept].split(256)]
        nearest = (torch.cat(parts) @ F.normalize(criterion.W, dim=0)).argmax(1)
        recognised.append(round((nearest == labels[kept]).double().mean().item(), 4))
        trial.train()

    weights = [*trial.parameters(), *criterion.parameters()]
    loss_of = recognition_loss(trial, criterion, labels[~kept])
    fitted(trial, images[~kept], loss_of, weights, spec, rng, after=ask)
    enough = np.array(recognised) >= max(recognised) - spec.early_stopping.tolerance
    return {"epochs": int(enough.argmax()) + 1, "kept_recognised": recognised}


def kept_photos(labels: np.ndarray, part: float, rng: np.random.Generator) -> np.ndarray:
    """bool (n,): ``part`` of every person's photos, at least one, and never all of them."""
    kept = np.zeros(len(labels), bool)
    for person in np.unique(labels):
        own = rng.permutation(np.flatnonzero(labels == person))
        kept[own[: min(max(1, round(part * len(own))), len(own) - 1)]] = True
    return kept
