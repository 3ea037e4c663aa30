"""MobileFaceNet (arXiv 1804.07573): a face model of a million weights, with published ones.

Layers have the names of the PyTorch weights that are in use (``conv_23``, ``conv_3.model.0``,
``GDC_dw``), so that they load as they are.
"""

import torch
from torch import nn

from mint_utils.audited.model import AuditedModel, Preprocess
from mint_utils.audited.weights import fill, find_weights, read_head, read_tensors, stripped
from mint_utils.faces import FaceSet
from mint_utils.scenario import MobileFaceNet

SIZE = 112  # pixels; GDC_dw, a depthwise convolution over the whole map, knows it


class Convolution(nn.Module):
    """Convolution, batch norm and, unless it is ``linear``, PReLU; padded to keep the size."""

    def __init__(self, channels_in, channels_out, kernel=1, stride=1, groups=1, linear=False):
        super().__init__()
        self.conv = nn.Conv2d(
            channels_in, channels_out, kernel, stride, kernel // 2, groups=groups, bias=False
        )
        self.bn = nn.BatchNorm2d(channels_out)
        self.prelu = nn.Identity() if linear else nn.PReLU(channels_out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.prelu(self.bn(self.conv(x)))


class Bottleneck(nn.Module):
    """Widen, look at each channel apart, narrow again; added to its input if ``residual``."""

    def __init__(self, channels_in, channels_out, wide, stride=1, residual=False):
        super().__init__()
        self.conv = Convolution(channels_in, wide)
        self.conv_dw = Convolution(wide, wide, 3, stride, groups=wide)
        self.project = Convolution(wide, channels_out, linear=True)
        self.residual = residual

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.project(self.conv_dw(self.conv(x)))
        return x + out if self.residual else out


class Residuals(nn.Module):
    """``count`` residual bottlenecks of one width."""

    def __init__(self, channels: int, wide: int, count: int):
        super().__init__()
        blocks = (Bottleneck(channels, channels, wide, residual=True) for _ in range(count))
        self.model = nn.Sequential(*blocks)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(x)


class MobileFaceNetwork(nn.Module):
    """(B, 3, 112, 112) -> (B, embedding), before its length is normalised."""

    def __init__(self, embedding: int = 128):
        super().__init__()
        self.conv1 = Convolution(3, 64, 3, 2)
        self.conv2_dw = Convolution(64, 64, 3, groups=64)
        self.conv_23 = Bottleneck(64, 64, 128, 2)
        self.conv_3 = Residuals(64, 128, 4)
        self.conv_34 = Bottleneck(64, 128, 256, 2)
        self.conv_4 = Residuals(128, 256, 6)
        self.conv_45 = Bottleneck(128, 128, 512, 2)
        self.conv_5 = Residuals(128, 256, 2)
        self.sep = nn.Conv2d(128, 512, 1, bias=False)
        self.sep_bn = nn.BatchNorm2d(512)
        self.prelu = nn.PReLU(512)
        self.GDC_dw = nn.Conv2d(512, 512, SIZE // 16, groups=512, bias=False)
        self.GDC_bn = nn.BatchNorm2d(512)
        self.features = nn.Conv2d(512, embedding, 1, bias=False)
        self.last_bn = nn.BatchNorm1d(embedding)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv_3(self.conv_23(self.conv2_dw(self.conv1(x))))
        x = self.conv_5(self.conv_45(self.conv_4(self.conv_34(x))))
        x = self.prelu(self.sep_bn(self.sep(x)))
        x = self.features(self.GDC_bn(self.GDC_dw(x)))
        return self.last_bn(x.flatten(1))


def open_mobilefacenet(spec: MobileFaceNet, faces: FaceSet, seed: int) -> AuditedModel:
    """The published network; its embedding is as wide as the file's ``features``.

    Raises FileNotFoundError if a file is not here, ValueError if it holds another architecture.
    """
    file = find_weights(spec.weights)
    tensors = stripped(read_tensors(file), "conv1.conv.weight")
    width = len(tensors.get("features.weight", range(128)))
    module = MobileFaceNetwork(width)
    fill(module, tensors, file.name, "MobileFaceNet")
    return AuditedModel(
        name=f"mobilefacenet {file.stem}",
        module=module,
        preprocess=Preprocess(size=SIZE, mean=127.5, scale=127.5),
        taps=spec.taps,
        head=read_head(spec.head, width),
        notes={"weights": spec.weights},
    )
