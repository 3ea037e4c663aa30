"""Views of an image: small changes that leave the face what it is.

How little a model's output moves between an image and its views is evidence of membership
(arXiv 2007.14321). All are fixed functions of the input, so a view of an image is the same
whenever and with whatever other images it is computed.
"""

import torch
from torch.nn import functional as F


def _flip(x: torch.Tensor) -> torch.Tensor:
    return x.flip(3)


def _shift(x: torch.Tensor) -> torch.Tensor:
    """A sixteenth to the right and down; the rim is repeated."""
    by = x.shape[3] // 16
    return F.pad(x, (by, 0, by, 0), mode="replicate")[..., : x.shape[2], : x.shape[3]]


def _scale(x: torch.Tensor) -> torch.Tensor:
    """The middle nine tenths, enlarged to the whole."""
    rim = round(x.shape[3] * 0.05)
    inner = x[..., rim : x.shape[2] - rim, rim : x.shape[3] - rim]
    return F.interpolate(inner, size=x.shape[2:], mode="bilinear", align_corners=False)


def _blur(x: torch.Tensor) -> torch.Tensor:
    """As if taken at half the resolution."""
    small = F.interpolate(x, scale_factor=0.5, mode="area")
    return F.interpolate(small, size=x.shape[2:], mode="bilinear", align_corners=False)


def _noise(x: torch.Tensor) -> torch.Tensor:
    """A tenth of the input's unit in normal noise, the same pattern for every image."""
    generator = torch.Generator().manual_seed(0)
    return x + 0.1 * torch.randn(x.shape[1:], generator=generator).to(x)


VIEWS = {  # on (B, 3, H, W), preprocessed
    "plain": lambda x: x,
    "flip": _flip,
    "shift": _shift,
    "scale": _scale,
    "blur": _blur,
    "noise": _noise,
}
CHANGED = tuple(view for view in VIEWS if view != "plain")
GRADIENTS = ("class_gradient", "mirror_gradient")  # losses whose gradients are kept like a view
