"""How far an image is from what batch norm saw in training, layer by layer (arXiv 2401.13719).

Batch norm keeps the running mean and variance of its inputs over the training data. The closer
an image's own mean and variance come to them, the more it is like that data.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


def normalising_layers(module: nn.Module) -> list[nn.BatchNorm2d]:
    """The batch-norm layers over maps that hold statistics.

    Weights published with batch norm folded into the convolutions have mean 0 and variance 1
    everywhere: such layers say nothing and are left out.
    """
    found = []
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d) and part.running_mean is not None:
            folded = (part.running_mean == 0).all() and (part.running_var - 1).abs().max() < 1e-3
            if not folded:
                found.append(part)
    return found


@contextmanager
def batch_norm_distances(module: nn.Module) -> Iterator[list[torch.Tensor]]:
    """Give a list that holds, after a forward, one (B,) distance a layer of normalising_layers.

    Root mean square over channels of the image's mean, in running standard deviations from the
    running mean, and of its variance, relative to the running variance; their sum.
    """
    distances: list[torch.Tensor] = []

    def hook(layer, inputs):
        x = inputs[0].float()
        variance, mean = torch.var_mean(x, dim=(2, 3), correction=0)
        expected = layer.running_var + layer.eps
        off_mean = (mean - layer.running_mean).square() / expected
        off_variance = (variance / expected - 1).square()
        distances.append(off_mean.mean(1).sqrt() + off_variance.mean(1).sqrt())

    handles = [layer.register_forward_pre_hook(hook) for layer in normalising_layers(module)]
    try:
        yield distances
    finally:
        for handle in handles:
            handle.remove()
