"""The untrained twin: the audited model's architecture without its training.

What it shows of members and externals cannot be membership, because it has learned nothing.
"""

import copy
from dataclasses import replace

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from mint_utils.audited.model import AuditedModel
from mint_utils.faces import FaceSet

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def untrained_twin(
    model: AuditedModel, faces: FaceSet, seed: int = 0, images: int = 512
) -> AuditedModel:
    """A deep copy with random weights and batch-norm statistics re-estimated on fit images.

    Without the re-estimation random layers saturate and the control is weaker than it should be.
    Where nothing is fitted (no fit split) all images serve; roles are not used.
    Raises TypeError if a module holds parameters that it cannot reset.
    """
    torch.manual_seed(seed + 1)
    module = copy.deepcopy(model.module)
    for part in module.modules():
        own = list(part.parameters(recurse=False))
        if hasattr(part, "reset_parameters"):
            part.reset_parameters()
        elif own:
            raise TypeError(
                f"{type(part).__name__} has parameters but no reset_parameters(): give it one, or "
                "leave untrained_twin out of controls"
            )
    _settle_batch_norm(module, model, faces, seed, images)
    head = None if model.head is None else torch.randn_like(model.head)
    name = f"untrained twin of {model.name}"
    return replace(model, name=name, module=module, head=head, notes={})


def _settle_batch_norm(module, model: AuditedModel, faces: FaceSet, seed: int, images: int) -> None:
    split = faces.table["split"].to_numpy()
    rows = np.flatnonzero(split == "fit") if (split == "fit").any() else np.arange(len(split))
    rows = np.random.default_rng(seed).permutation(rows)[:images]
    norms = [part for part in module.modules() if isinstance(part, NORMS)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain average over batches
        norm.train()
    size = model.preprocess.size
    batches = np.array_split(rows, max(1, len(rows) // 64))
    with torch.inference_mode():
        for batch in tqdm(batches, desc="settling the untrained twin", unit="batch"):
            if len(batch) > 1:
                module(model.preprocess(faces.pixels(size, batch)))
    module.eval()
