"""The MINT models T (arXiv 2402.09225, Sec. III): Vanilla MINT and CNN MINT.

Both have scikit-learn's manners: the constructor stores, ``fit`` works, ``score`` gives one
number an image, larger for a likelier member. Early stopping looks at persons who are kept out
of the fitting, never at calibrate or test.
"""

import copy
import json
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

from mint_utils.choices import not_a_choice
from mint_utils.evidence.metrics import auc


class VanillaNet(nn.Module):
    """Vanilla MINT: an MLP on the pooled AAD. Input [(B, C)], output (B,) logits."""

    def __init__(self, shapes: list[tuple[int, ...]], width: int):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(shapes[0][0], width),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Linear(width, width // 2),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Linear(width // 2, 1),
        )

    def forward(self, inputs: list[torch.Tensor]) -> torch.Tensor:
        return self.layers(inputs[0]).squeeze(1)


class CnnNet(nn.Module):
    """CNN MINT: a branch of two convolutions a tap, joined with the outcome if there is one.

    Inputs are maps (B, C, h, w), one a tap, and vectors (B, d); output (B,) logits.
    """

    def __init__(self, shapes: list[tuple[int, ...]], width: int):
        super().__init__()
        self.branches = nn.ModuleList(
            self._convolutions(shape, width // 2)
            if len(shape) == 3
            else nn.Sequential(nn.Linear(shape[0], width // 2), nn.ReLU())
            for shape in shapes
        )
        self.joined = nn.Sequential(
            nn.Dropout(0.3), nn.Linear(width // 2 * len(shapes), width // 2), nn.ReLU(),
            nn.Linear(width // 2, 1),
        )  # fmt: skip

    @staticmethod
    def _convolutions(shape: tuple[int, int, int], width: int) -> nn.Sequential:
        channels, height, _ = shape
        stride = 2 if height > 16 else 1  # whole pictures are looked at in steps of two
        return nn.Sequential(
            nn.Conv2d(channels, width, 3, stride, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2, ceil_mode=True),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Linear(4 * width, width),
            nn.ReLU(),
        )

    def forward(self, inputs: list[torch.Tensor]) -> torch.Tensor:
        branches = zip(self.branches, inputs, strict=True)
        return self.joined(torch.cat([branch(x) for branch, x in branches], 1)).squeeze(1)


SCALED_AT_ONCE = 2e9  # bytes
NETS = {"vanilla": VanillaNet, "cnn": CnnNet, "calibrated": VanillaNet, "gradient": VanillaNet}


class Detector:
    """A MINT model: ``cnn`` (maps and vectors), or ``vanilla``, ``calibrated``, ``gradient``.

    Those three are one MLP on one matrix: what the model puts out, how steady it is, how far an
    image would still move its filters.
    """

    def __init__(self, method: str, seed: int = 0, epochs: int = 60, width: int = 128):
        if method not in NETS:
            raise ValueError(not_a_choice("detector", method, NETS))
        self.method, self.seed, self.epochs, self.width = method, seed, epochs, width

    def fit(
        self, inputs: list[torch.Tensor], is_member: np.ndarray, validation: np.ndarray
    ) -> "Detector":
        """Fit on the rows outside ``validation`` (bool); stop where the AUC inside it is best.

        Of epochs with the same AUC, as few persons often give, the one with the smallest loss.

        ``inputs``: tensors of n rows each; ``is_member`` bool (n,). Raises ValueError if a side
        is empty on either part.
        """
        label = torch.as_tensor(is_member).float()
        train = torch.from_numpy(np.flatnonzero(~validation))
        held = torch.from_numpy(np.flatnonzero(validation))
        for part, rows in (("fitting", train), ("validation", held)):
            if len(label[rows].unique()) < 2:
                raise ValueError(f"the {part} part has images of one side only: add persons")
        torch.manual_seed(self.seed)
        self._learn_scaling([x[train] for x in inputs])
        self.shapes = [tuple(x.shape[1:]) for x in inputs]
        self.net = NETS[self.method](self.shapes, self.width)
        optimiser = torch.optim.AdamW(self.net.parameters(), lr=1e-3, weight_decay=1e-2)
        best, patience = (-1.0, 0.0, {}), 0
        inputs, prepare = self._ready(inputs)
        for _ in range(self.epochs):
            self._one_epoch(inputs, prepare, label, train, optimiser)
            logits = self._logits(inputs, prepare, held)
            loss = F.binary_cross_entropy_with_logits(torch.from_numpy(logits), label[held])
            reached = (auc(logits, is_member[held]), -loss.item())
            if reached > best[:2]:
                best, patience = (*reached, copy.deepcopy(self.net.state_dict())), 0
            else:
                patience += 1
            if patience > max(10, self.epochs // 5):
                break
        self.validation_auc, _, weights = best
        self.net.load_state_dict(weights)
        return self

    def score(self, inputs: list[torch.Tensor]) -> np.ndarray:
        """float32 (n,): the logit of p(d in D). Raises ValueError for other shapes than fitted."""
        shapes = [tuple(x.shape[1:]) for x in inputs]
        if shapes != self.shapes:
            raise ValueError(f"fitted on inputs of shape {self.shapes}, got {shapes}")
        return self._logits(inputs, self._scaled, torch.arange(len(inputs[0])))

    def _ready(self, inputs: list[torch.Tensor]):
        """Inputs scaled once for all epochs, or, where that needs too much memory, batch by batch.

        Returns them with what a batch still has to go through.
        """
        if sum(x.numel() * 4 for x in inputs) <= SCALED_AT_ONCE:
            return self._scaled(inputs), list
        return inputs, self._scaled

    def _one_epoch(self, inputs, prepare, label, rows, optimiser, batch: int = 64) -> None:
        self.net.train()
        weight = (1 - label[rows]).sum() / label[rows].sum()  # both sides weigh the same
        for some in rows[torch.randperm(len(rows))].split(batch):
            logits = self.net(prepare([x[some] for x in inputs]))
            loss = F.binary_cross_entropy_with_logits(logits, label[some], pos_weight=weight)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()

    @torch.no_grad()
    def _logits(self, inputs, prepare, rows, batch: int = 1024) -> np.ndarray:
        self.net.eval()
        parts = [self.net(prepare([x[some] for x in inputs])) for some in rows.split(batch)]
        return torch.cat(parts).numpy()

    def _learn_scaling(self, inputs: list[torch.Tensor]) -> None:
        """Mean and standard deviation a channel, over images (and places, for maps)."""
        self.scaling = []
        for x in inputs:
            over = (0, 2, 3) if x.ndim == 4 else (0,)
            mean = x.float().mean(over, keepdim=True)
            self.scaling.append((mean, x.float().std(over, keepdim=True).clamp_min(1e-6)))

    def _scaled(self, inputs: list[torch.Tensor]) -> list[torch.Tensor]:
        pairs = zip(inputs, self.scaling, strict=True)
        # A channel that hardly moved in fitting must not explode on other images.
        return [((x.float() - mean) / std).clamp(-10, 10) for x, (mean, std) in pairs]

    def save(self, path: Path) -> None:
        """Everything :meth:`score` needs, as safetensors."""
        tensors = dict(self.net.state_dict())
        for number, (mean, std) in enumerate(self.scaling):
            tensors |= {f"scaling.{number}.mean": mean, f"scaling.{number}.std": std}
        settings = {"method": self.method, "seed": self.seed, "width": self.width}
        settings |= {"epochs": self.epochs, "shapes": self.shapes}
        path.parent.mkdir(parents=True, exist_ok=True)
        whole = {key: value.contiguous() for key, value in tensors.items()}
        save_file(whole, path, {"detector": json.dumps(settings)})

    @classmethod
    def load(cls, path: Path) -> "Detector":
        """A detector that :meth:`save` wrote, ready to score."""
        with safe_open(path, "pt") as stored:
            settings = json.loads(stored.metadata()["detector"])
            tensors = {key: stored.get_tensor(key) for key in stored.keys()}  # noqa: SIM118
        shapes = [tuple(shape) for shape in settings.pop("shapes")]
        detector = cls(**settings)
        detector.shapes = shapes
        detector.net = NETS[detector.method](shapes, detector.width)
        detector.scaling = [
            (tensors.pop(f"scaling.{number}.mean"), tensors.pop(f"scaling.{number}.std"))
            for number in range(len(shapes))
        ]
        detector.net.load_state_dict(tensors)
        return detector
