"""A small IResNet (arXiv 1801.07698, Sec. 3.2.2): the architecture of the paper's FR models.

Pre-activation "IR" blocks (BN-conv-BN-PReLU-conv-BN) in four stages, the paper's Conv #1 to #4,
then BN, dropout (if asked), projection and BN to the embedding. Small enough to train in a minute.
With ``norm="group"`` every BN over maps is a GroupNorm, and none follows the projection: it would
make all embeddings equally long.
"""

from dataclasses import replace
from math import gcd

import torch
from torch import nn

from mint_utils.audited.amint import TAP, MintHead, told_to_head
from mint_utils.audited.model import AuditedModel, Preprocess
from mint_utils.audited.training import trained
from mint_utils.faces import FaceSet
from mint_utils.scenario import TrainedIResNet
from mint_utils.training_faces import training_faces


def normalising(channels: int, norm: str) -> nn.Module:
    """Batch norm, or GroupNorm of up to eight groups, which looks at one image at a time."""
    if norm == "batch":
        return nn.BatchNorm2d(channels)
    return nn.GroupNorm(gcd(8, channels), channels)


class IRBlock(nn.Module):
    """(B, C_in, H, W) -> (B, C_out, H / stride, W / stride)."""

    def __init__(self, channels_in: int, channels_out: int, stride: int, norm: str = "batch"):
        super().__init__()
        self.bn1 = normalising(channels_in, norm)
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, 1, 1, bias=False)
        self.bn2 = normalising(channels_out, norm)
        self.prelu = nn.PReLU(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, stride, 1, bias=False)
        self.bn3 = normalising(channels_out, norm)
        self.shortcut = nn.Identity()
        if stride != 1 or channels_in != channels_out:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels_in, channels_out, 1, stride, bias=False),
                normalising(channels_out, norm),
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.prelu(self.bn2(self.conv1(self.bn1(x))))
        return self.bn3(self.conv2(out)) + self.shortcut(x)


class IResNet(nn.Module):
    """(B, 3, size, size) -> (B, embedding); ``stage1`` .. ``stage4`` halve the map each."""

    def __init__(
        self,
        widths,
        blocks,
        embedding: int,
        size: int,
        dropout: float = 0.0,
        norm: str = "batch",
    ):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, widths[0], 3, 1, 1, bias=False),
            normalising(widths[0], norm),
            nn.PReLU(widths[0]),
        )
        before = widths[0]
        for number, (width, count) in enumerate(zip(widths, blocks, strict=True), start=1):
            more = (IRBlock(width, width, 1, norm) for _ in range(count - 1))
            self.add_module(f"stage{number}", nn.Sequential(IRBlock(before, width, 2, norm), *more))
            before = width
        side = -(-size // 16)
        self.bn = normalising(before, norm)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(before * side * side, embedding)
        self.features = nn.BatchNorm1d(embedding) if norm == "batch" else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.embedded(self.stage4(self.stage3(self.stage2(self.stage1(self.stem(x))))))

    def embedded(self, x: torch.Tensor) -> torch.Tensor:
        """From the last stage's map to the embedding."""
        return self.features(self.fc(self.dropout(self.bn(x)).flatten(1)))


class AuditableIResNet(IResNet):
    """The same with a MINT head on its four stages (aMINT), whose output is recorded as a tap."""

    def __init__(self, weight: float, widths, *more):
        super().__init__(widths, *more)
        self.add_module(TAP, MintHead(sum(widths), weight))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x, maps = self.stem(x), []
        for stage in (self.stage1, self.stage2, self.stage3, self.stage4):
            x = stage(x)
            maps.append(x)
        self.mint(maps)
        return self.embedded(x)


def open_iresnet(spec: TrainedIResNet, faces: FaceSet, seed: int) -> AuditedModel:
    """An IResNet trained on the member images of ``faces``, with the class centres as its head.

    With ``spec.trained_on`` it is trained on all faces of that source instead: whatever the
    scenario calls members, this model never saw them.
    """
    table = faces.table
    if spec.amint:
        told = told_to_head(table, seed)
        return train_iresnet(
            spec, faces.where(table["role"] == "member"), seed,
            told=told[table["role"] == "member"],
            externals=faces.where(told & (table["role"] == "external")),
        )  # fmt: skip
    if spec.trained_on is None:
        return train_iresnet(spec, faces.where(table["role"] == "member"), seed)
    return train_iresnet(spec, training_faces(spec.trained_on, seed), seed)


def train_iresnet(
    spec: TrainedIResNet, faces: FaceSet, seed: int, name: str = "iresnet", **auditable
) -> AuditedModel:
    """An IResNet trained on all of ``faces``; the persons are its classes.

    ``auditable`` is what a MINT head needs beside them: ``told`` and ``externals`` of
    :func:`mint_utils.audited.training.trained`.
    """
    untrained = new_iresnet(spec, seed, name)  # refuses a wrong tap before hours of training
    head, notes = trained(untrained.module, untrained.preprocess, faces, spec, seed, **auditable)
    return replace(untrained, head=head, classes=tuple(notes.pop("classes")), notes=notes)


def new_iresnet(spec: TrainedIResNet, seed: int, name: str = "iresnet") -> AuditedModel:
    """The architecture with random weights and no head."""
    torch.manual_seed(seed)
    size = (spec.widths, spec.blocks, spec.embedding, spec.input_size)
    recipe = (*size, spec.dropout, spec.normalisation)
    module = AuditableIResNet(spec.amint.weight, *recipe) if spec.amint else IResNet(*recipe)
    taps = (*spec.taps, TAP) if spec.amint else spec.taps
    return AuditedModel(name, module, Preprocess(size=spec.input_size), taps)
