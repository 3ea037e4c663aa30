"""InsightFace's IResNet (arcface_torch): the paper's models, with their published weights.

Layers have the names of the published ``backbone.pth`` (deepinsight/insightface,
recognition/arcface_torch/backbones/iresnet.py), so that it loads as it is.
"""

import torch
from torch import nn

from mint_utils.audited.model import AuditedModel, Preprocess
from mint_utils.audited.weights import fill, find_weights, read_head, read_tensors, stripped
from mint_utils.faces import FaceSet
from mint_utils.scenario import InsightFace

BLOCKS = {  # depth -> blocks of layer1 to layer4
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 14, 3),
    100: (3, 13, 30, 3),
    200: (6, 26, 60, 6),
}
SIZE = 112  # pixels; fc knows it


class Residual(nn.Module):
    """Pre-activation IR block: (B, C_in, H, W) -> (B, C_out, H / stride, W / stride)."""

    def __init__(self, channels_in: int, channels_out: int, stride: int):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels_in)
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels_out)
        self.prelu = nn.PReLU(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, stride, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels_out)
        self.downsample = nn.Identity()
        if stride != 1 or channels_in != channels_out:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels_in, channels_out, 1, stride, bias=False),
                nn.BatchNorm2d(channels_out),
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.prelu(self.bn2(self.conv1(self.bn1(x))))
        return self.bn3(self.conv2(out)) + self.downsample(x)


class InsightIResNet(nn.Module):
    """(B, 3, 112, 112) -> (B, embedding), before its length is normalised."""

    def __init__(self, depth: int, embedding: int = 512):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.prelu = nn.PReLU(64)
        before = 64
        for number, count in enumerate(BLOCKS[depth], start=1):
            width = 32 * 2**number
            more = (Residual(width, width, 1) for _ in range(count - 1))
            self.add_module(f"layer{number}", nn.Sequential(Residual(before, width, 2), *more))
            before = width
        self.bn2 = nn.BatchNorm2d(512)
        self.fc = nn.Linear(512 * (SIZE // 16) ** 2, embedding)
        self.features = nn.BatchNorm1d(embedding)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.prelu(self.bn1(self.conv1(x)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.features(self.fc(self.bn2(x).flatten(1)))


def open_insightface(spec: InsightFace, faces: FaceSet, seed: int) -> AuditedModel:
    """The published backbone; its outcome is the output of ``features``, not normalised.

    Raises FileNotFoundError if a file is not here, ValueError if it holds another architecture.
    """
    file = find_weights(spec.weights)
    tensors = stripped(read_tensors(file), "conv1.weight")
    width = len(tensors.get("features.weight", range(512)))
    module = InsightIResNet(spec.depth, width)
    fill(module, tensors, file.name, f"IResNet-{spec.depth}")
    return AuditedModel(
        name=f"insightface IResNet-{spec.depth} {file.stem}",
        module=module,
        preprocess=Preprocess(size=SIZE, mean=127.5, scale=127.5),
        taps=spec.taps,
        head=read_head(spec.head, width),
        notes={"weights": spec.weights},
    )
