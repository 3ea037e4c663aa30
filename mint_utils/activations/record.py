"""Record what named layers put out while a model runs.

    with record(model.module, ["stage1", "stage4"]) as seen:
        embedding = model.module(batch)          # (B, d)
    seen["stage1"]                               # (B, C, H, W)

The hooks are gone when the block ends, whatever happened inside it.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn import functional as F

from mint_utils.choices import not_a_choice


def whole(output: torch.Tensor) -> torch.Tensor:
    """Keep a tap's output as it is; a copy, as a later layer may work in place."""
    return output.clone()


def pooled(output: torch.Tensor) -> torch.Tensor:
    """One number a channel, the mean over places: (B, C, H, W) or (B, T, C) or (B, C) -> (B, C).

    Taught in notebook 00.
    """
    if output.ndim == 4:
        return output.mean(dim=(2, 3), dtype=torch.float32)
    return output.mean(dim=1, dtype=torch.float32) if output.ndim == 3 else output.clone()


def shrunk(output: torch.Tensor, most: int = 8) -> torch.Tensor:
    """Average-pooled to at most ``most`` x ``most``: (B, C, H, W) -> (B, C, h, w)."""
    if output.ndim != 4:
        return pooled(output)[:, :, None, None]
    size = (min(output.shape[2], most), min(output.shape[3], most))
    return F.adaptive_avg_pool2d(output, size) if size != output.shape[2:] else output.clone()


@contextmanager
def record(
    module: nn.Module, taps: Iterable[str], keep: Callable[[torch.Tensor], object] = whole
) -> Iterator[dict]:
    """Give a dict that holds, after each forward, ``keep(output)`` of every tap by name.

    ``keep`` runs inside the forward, so that a whole map need never outlive its layer.
    Raises ValueError for a tap that is not a submodule, TypeError for one that puts out no tensor.

    Taught in notebook 00.
    """
    known = dict(module.named_modules())
    seen: dict[str, object] = {}

    def hook_for(tap: str):
        def hook(_module, _inputs, output):
            if not isinstance(output, torch.Tensor):
                raise TypeError(
                    f"tap {tap!r} puts out a {type(output).__name__}: tap a layer inside it "
                    "that puts out a tensor"
                )
            if output.ndim < 2:
                raise TypeError(f"tap {tap!r} puts out shape {tuple(output.shape)}: no channels")
            seen[tap] = keep(output)

        return hook

    handles = []
    try:
        for tap in taps:
            if tap not in known:
                raise ValueError(not_a_choice("tap", tap, [name for name in known if name]))
            handles.append(known[tap].register_forward_hook(hook_for(tap)))
        yield seen
    finally:
        for handle in handles:
            handle.remove()
