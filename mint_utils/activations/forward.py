"""One batch through a model: what every tap, the outcome and the head say of it."""

import numpy as np
import pandas as pd
import torch
from torch import nn

from mint_utils.activations.batch_norm import batch_norm_distances
from mint_utils.activations.record import pooled, record, shrunk
from mint_utils.activations.views import VIEWS
from mint_utils.audited.model import AuditedModel, head_summary
from mint_utils.device import best_device


@torch.inference_mode()
def forward(
    model: AuditedModel,
    pixels: np.ndarray,
    views: tuple[str, ...],
    with_maps: bool,
    batch_norm: bool = False,
    precision: str = "float32",
) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Vectors of all views by ``view/name``, and the plain view's maps by tap if asked for.

    ``pixels`` is uint8 (B, size, size, 3). Names are the taps (B, C), ``outcome`` (B, d), ``head``
    (B, 3) where there is one, and ``batch_norm`` (B, layers) of the plain view if asked for.
    ``precision`` is that of the layers that can do with less: float32 or bfloat16.
    """
    device = best_device()
    x = model.preprocess(pixels, device)
    lower = torch.autocast(device.type, getattr(torch, precision), precision != "float32")
    vectors: dict[str, torch.Tensor] = {}
    maps: dict[str, torch.Tensor] = {}
    taps = {*model.taps, model.outcome}
    for view in views:
        want_maps = with_maps and view == "plain"

        def keep(output, want_maps=want_maps):
            return pooled(output), shrunk(output, model.map_size) if want_maps else None

        layers = model.module if batch_norm and view == "plain" else nn.Identity()
        with (
            record(model.module, taps, keep) as seen,
            batch_norm_distances(layers) as distances,
            lower,
        ):
            model.module(VIEWS[view](x).contiguous(memory_format=torch.channels_last))
        if distances:
            vectors["plain/batch_norm"] = torch.stack(distances, 1).cpu()
        for tap in model.taps:
            vectors[f"{view}/{tap}"] = seen[tap][0].float().cpu()
            if want_maps:
                maps[tap] = seen[tap][1].cpu()
        outcome = seen[model.outcome][0]
        vectors[f"{view}/outcome"] = outcome.float().cpu()
        if model.head is not None:
            summary = head_summary(outcome, model.head.to(outcome.device), model.head_scale)
            vectors[f"{view}/head"] = summary.cpu()
    return vectors, maps


def refuse_nan(batch: dict[str, torch.Tensor], image_ids: pd.Series) -> None:
    """Raise FloatingPointError naming the tap and the first image with a value that is not one."""
    for name, values in batch.items():
        bad = ~torch.isfinite(values).flatten(1).all(dim=1)
        if bad.any():
            raise FloatingPointError(
                f"{name} is not finite for {int(bad.sum())} images of this batch, the "
                f"first is {image_ids.iloc[int(bad.nonzero()[0])]}: the model or its "
                "preprocessing is broken for it (weights, normalisation, half precision?)"
            )
