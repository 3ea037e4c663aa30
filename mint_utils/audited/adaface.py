"""AdaFace's IR backbones (arXiv 2204.00964) with their published checkpoints.

Layers have the names of the published ``.ckpt`` (mk-minchul/AdaFace, net.py), a Lightning
checkpoint that holds the class centres as well.
"""

from itertools import accumulate

import torch
from torch import nn

from mint_utils.audited.model import AuditedModel, Preprocess
from mint_utils.audited.weights import fill, find_weights, read_tensors, stripped
from mint_utils.faces import FaceSet
from mint_utils.scenario import AdaFace

BLOCKS = {  # depth -> blocks of the four stages
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 14, 3),
    101: (3, 13, 30, 3),
}
SIZE, EMBEDDING = 112, 512


class Residual(nn.Module):
    """Pre-activation IR block: (B, C_in, H, W) -> (B, C_out, H / stride, W / stride)."""

    def __init__(self, channels_in: int, channels_out: int, stride: int):
        super().__init__()
        self.res_layer = nn.Sequential(
            nn.BatchNorm2d(channels_in),
            nn.Conv2d(channels_in, channels_out, 3, 1, 1, bias=False),
            nn.BatchNorm2d(channels_out),
            nn.PReLU(channels_out),
            nn.Conv2d(channels_out, channels_out, 3, stride, 1, bias=False),
            nn.BatchNorm2d(channels_out),
        )
        # As wide as before: every other pixel is kept as it is, without weights.
        self.shortcut_layer = nn.MaxPool2d(1, stride)
        if channels_in != channels_out:
            self.shortcut_layer = nn.Sequential(
                nn.Conv2d(channels_in, channels_out, 1, stride, bias=False),
                nn.BatchNorm2d(channels_out),
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.res_layer(x) + self.shortcut_layer(x)


class AdaFaceIR(nn.Module):
    """(B, 3, 112, 112) -> (B, 512), the embedding before its length is normalised.

    The published module returns the normalised embedding and its length; their product is this.
    """

    def __init__(self, depth: int):
        super().__init__()
        self.input_layer = nn.Sequential(
            nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.PReLU(64)
        )
        blocks, before = [], 64
        for number, count in enumerate(BLOCKS[depth], start=1):
            width = 32 * 2**number
            blocks += [Residual(before, width, 2)]
            blocks += [Residual(width, width, 1) for _ in range(count - 1)]
            before = width
        self.body = nn.Sequential(*blocks)
        self.output_layer = nn.Sequential(
            nn.BatchNorm2d(before),
            nn.Dropout(0.4),
            nn.Flatten(),
            nn.Linear(before * (SIZE // 16) ** 2, EMBEDDING),
            nn.BatchNorm1d(EMBEDDING, affine=False),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.output_layer(self.body(self.input_layer(x)))


def stage_ends(depth: int) -> tuple[str, ...]:
    """The last block of each of the four stages, the default taps."""
    return tuple(f"body.{count - 1}" for count in accumulate(BLOCKS[depth]))


def open_adaface(spec: AdaFace, faces: FaceSet, seed: int) -> AuditedModel:
    """The published backbone, whose pixels are in the order BGR.

    A checkpoint with ``head.kernel`` (512, classes) brings the class centres.
    Raises FileNotFoundError if the file is not here, ValueError if it holds another architecture.
    """
    file = find_weights(spec.weights)
    tensors = read_tensors(file)
    kernel = tensors.get("head.kernel")
    if kernel is not None and (kernel.ndim != 2 or len(kernel) != EMBEDDING):
        shapes = f"{tuple(kernel.shape)}, expected ({EMBEDDING}, classes)"
        raise ValueError(f"{file.name}: head.kernel has shape {shapes}")
    module = AdaFaceIR(spec.depth)
    own = stripped(tensors, "input_layer.0.weight")
    own = {key: tensor for key, tensor in own.items() if not key.startswith("head.")}
    fill(module, own, file.name, f"AdaFace IR-{spec.depth}")
    return AuditedModel(
        name=f"adaface IR-{spec.depth} {file.stem}",
        module=module,
        preprocess=Preprocess(size=SIZE, colour="BGR", mean=127.5, scale=127.5),
        taps=spec.taps or stage_ends(spec.depth),
        head=None if kernel is None else kernel.T.contiguous(),
        notes={"weights": spec.weights},
    )
