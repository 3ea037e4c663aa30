"""The blind control: image statistics and the image itself, dressed as an audited model.

It looks at the pictures with no face-recognition model at all. Whatever it can tell of members
and externals is a difference between the two sets of pictures, not a trace of training.
"""

import torch
from torch import nn
from torch.nn import functional as F

from mint_utils.audited.model import AuditedModel, Preprocess

SIZE = 64  # pixels at which every image is looked at, whatever the audited model's size


class ImageStatistics(nn.Module):
    """(B, 3, H, W) in [-1, 1] -> (B, 25): colour, brightness, contrast, sharpness, blockiness."""

    def __init__(self):
        super().__init__()
        self.image = nn.Identity()  # the tap that hands the picture to the small CNN

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.image(x)
        grey = x.mean(1, keepdim=True)
        flat = grey.flatten(1)
        red, green, blue = x.unbind(1)
        colours = torch.stack([red - green, (red + green) / 2 - blue], 1).flatten(2)
        across, down = grey.diff(dim=3).abs(), grey.diff(dim=2).abs()
        fine = [self._band(grey, width) for width in (2, 4, 8, 16)]
        return torch.cat(
            [
                x.mean((2, 3)),
                x.std((2, 3)),
                colours.mean(2),
                colours.std(2),
                torch.quantile(flat, torch.tensor([0.05, 0.25, 0.5, 0.75, 0.95]), dim=1).T,
                across.mean((1, 2, 3))[:, None],
                down.mean((1, 2, 3))[:, None],
                # 8-pixel JPEG blocks leave steps at multiples of 8 columns.
                (across[..., 7::8].mean((1, 2, 3)) / (across.mean((1, 2, 3)) + 1e-6))[:, None],
                *fine,
                (x.abs() > 0.98).float().mean((1, 2, 3))[:, None],  # clipped pixels
                self._corners(grey),
            ],
            dim=1,
        )

    @staticmethod
    def _band(grey: torch.Tensor, width: int) -> torch.Tensor:
        """Log energy of the detail that a blur of ``width`` pixels removes: (B, 1)."""
        smooth = F.interpolate(F.avg_pool2d(grey, width), size=grey.shape[2:], mode="bilinear")
        return (grey - smooth).pow(2).mean((1, 2, 3)).add(1e-6).log()[:, None]

    @staticmethod
    def _corners(grey: torch.Tensor) -> torch.Tensor:
        """Brightness of the rim and of its spread: crops and backgrounds differ there: (B, 2)."""
        rim = torch.cat([grey[..., :4, :].flatten(1), grey[..., -4:, :].flatten(1)], 1)
        return torch.stack([rim.mean(1), rim.std(1)], 1)


def pixels_model() -> AuditedModel:
    """The ``pixels`` target: outcome = image statistics, tap ``image`` = the picture at 32x32."""
    return AuditedModel(
        name="image statistics (no model)",
        module=ImageStatistics(),
        preprocess=Preprocess(size=SIZE),
        taps=("image",),
        map_size=32,
    )
