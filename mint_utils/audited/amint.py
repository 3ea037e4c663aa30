"""aMINT (arXiv 2509.07879): a model that is trained to be auditable, together with its MINT head.

The head sees the pooled taps and is told which images are members, but of a part of the persons
only: those of *fit* that choices are not made on. All other member persons are trained on for
recognition alone, and all other externals not at all. So on test the head has been told nothing of
anybody. The published notebooks evaluate on the very images that the head was fitted on.
"""

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional as F

from mint_utils.activations.record import pooled, record
from mint_utils.activations.recorded import MINT_HEAD
from mint_utils.audited.fitting import changed, embedded
from mint_utils.faces import FaceSet
from mint_utils.scenario import Scenario, TrainedIResNet
from mint_utils.validation import validation_persons

TAP = MINT_HEAD  # the head's name in the module


class MintHead(nn.Module):
    """Maps of the stages [(B, C, H, W), ...] -> (B, 1) logits of membership.

    ``weight`` scales what the head's loss asks of the stages; the head itself learns as fast
    whatever it is.
    """

    def __init__(self, channels: int, weight: float, width: int = 64):
        super().__init__()
        self.weight = weight
        self.layers = nn.Sequential(
            nn.BatchNorm1d(channels), nn.Linear(channels, width), nn.ReLU(), nn.Dropout(0.3),
            nn.Linear(width, 1),
        )  # fmt: skip

    def forward(self, maps: list[torch.Tensor]) -> torch.Tensor:
        x = torch.cat([pooled(stage) for stage in maps], dim=1)
        x = self.weight * x + (1 - self.weight) * x.detach()  # the same value, another gradient
        return self.layers(x)

    def extra_repr(self) -> str:
        return f"weight={self.weight}"


def told_to_head(table: pd.DataFrame, seed: int) -> np.ndarray:
    """bool (n,): member and external images of the persons whom the head is fitted on."""
    fit = (table["split"] == "fit").to_numpy() & ~validation_persons(table, seed)
    asked = table["role"].isin(["member", "external"]) & ~table["set_aside"]
    return fit & asked.to_numpy()


def never_seen(faces: FaceSet, scenario: Scenario) -> FaceSet:
    """The external images whose persons the model never saw: all but those told to its head.

    Taught in notebook 02.
    """
    external = (faces.table["role"] == "external").to_numpy()
    if getattr(scenario.audited_model, "amint", None):
        told = faces.table["identity"][told_to_head(faces.table, scenario.seed)]
        external = external & ~faces.table["identity"].isin(told).to_numpy()
    return faces.where(external)


class JointLoss:
    """Recognition of members, and the head's cross-entropy on those it may know and on externals.

    Both losses count relative to their first value, so that neither drowns the other; the sum is
    in units of recognition. Externals are drawn anew for every batch, as many as members told.
    """

    def __init__(
        self,
        module: nn.Module,
        criterion: nn.Module,
        labels: torch.Tensor,
        told: torch.Tensor,
        externals: torch.Tensor,
        spec: TrainedIResNet,
        rng: np.random.Generator,
    ):
        self.module, self.criterion, self.labels = module, criterion, labels
        self.told, self.externals, self.spec, self.rng = told, externals, spec, rng
        self.ratio: torch.Tensor | None = None

    def __call__(self, x: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        told = self.told[rows]
        if not told.any():
            return self.criterion(embedded(self.module, x), self.labels[rows])
        drawn = torch.from_numpy(self.rng.integers(len(self.externals), size=int(told.sum())))
        strangers = changed(self.externals[drawn], self.rng, self.spec)
        with record(self.module, [TAP]) as seen:
            embedding = embedded(self.module, torch.cat([x, strangers]))
        recognition = self.criterion(embedding[: len(x)], self.labels[rows])
        logits = seen[TAP].float()[:, 0]
        members, others = logits[: len(x)][told], logits[len(x) :]
        truth = torch.cat([torch.ones_like(members), torch.zeros_like(others)])
        membership = F.binary_cross_entropy_with_logits(torch.cat([members, others]), truth)
        if self.ratio is None:
            self.ratio = (recognition / membership).detach()
        return recognition + self.ratio * membership
