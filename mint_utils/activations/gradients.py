"""Per-filter gradients of one image's loss, as auxiliary auditable data (gMINT, CVPRW 2025).

How far training would still move a filter for an image: little for one it has learned. Labels
never enter, or they would tell members from externals by themselves: the class is the one that
the model itself finds likeliest, and where there are no class centres the loss is how far the
mirrored image lands from the image.
"""

from collections.abc import Callable
from functools import lru_cache

import torch
from torch import nn
from torch.func import functional_call, grad, vmap
from torch.nn import functional as F

from mint_utils.activations.record import pooled, record
from mint_utils.activations.views import GRADIENTS
from mint_utils.audited.model import AuditedModel

AT_ONCE = 16  # images whose gradients are held at a time
SMALLEST = 1e-30  # what a sure model leaves to learn is near the smallest float32 there is


def class_loss(model: AuditedModel, outcome_of: Callable, image: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of an image (3, s, s) against the class that the model finds likeliest."""
    outcome = outcome_of(image[None])
    cosine = F.normalize(outcome) @ F.normalize(model.head.to(outcome)).T
    return F.cross_entropy(model.head_scale * cosine, cosine.argmax(dim=1))


def mirror_loss(model: AuditedModel, outcome_of: Callable, image: torch.Tensor) -> torch.Tensor:
    """1 - cosine of the outcomes of an image (3, s, s) and of its mirror image."""
    plain, mirrored = outcome_of(torch.stack([image, image.flip(-1)]))
    return 1 - F.cosine_similarity(plain, mirrored, dim=0)


LOSSES: dict[str, Callable] = dict(zip(GRADIENTS, (class_loss, mirror_loss), strict=True))


def losses_of(model: AuditedModel, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the wanted losses that a model has: without class centres there is no class."""
    headless = model.head is None
    return tuple(x for x in wanted if x in LOSSES and not (headless and x == "class_gradient"))


def filters(model: AuditedModel) -> dict[str, str]:
    """By tap, and ``outcome``, the weights whose filters are asked: of the last layer inside it.

    Only layers that the outcome depends on are asked, and a shortcut's 1 x 1 convolution only
    where there is no other. ValueError if neither a tap nor the outcome holds a convolution or a
    linear layer of PyTorch.
    """
    asked, found = _moved(model.module, model.outcome, model.preprocess.size), {}
    for name in (*model.taps, "outcome"):
        inside = "" if name == "outcome" else f"{name}."
        layers = [layer for layer in asked if f"{layer}.".startswith(inside)]
        wide = [layer for layer in layers if asked[layer] != (1, 1)]
        if layers:
            found[name] = _weight_of((wide or layers)[-1])
    if not found:
        raise ValueError(
            f"{model.name} has no convolution or linear layer that gradients could be taken of: "
            "leave `gradient` out of detectors.methods"
        )
    return found


@lru_cache(maxsize=1)  # a large model is not kept alive by more than one entry
def _moved(module: nn.Module, outcome: str, size: int) -> dict[str, tuple | None]:
    """The layers with filters that the outcome of a trial image depends on: name -> kernel size."""
    layers = {
        name: layer
        for name, layer in module.named_modules()
        if isinstance(layer, nn.Conv2d | nn.Linear)
    }
    weights = _weights(module)
    chosen = {name: weights.pop(name) for name in map(_weight_of, layers)}
    any_weight = next(iter(chosen.values()), torch.zeros(1))
    trial = torch.linspace(-1, 1, 6 * size * size).view(2, 3, size, size).to(any_weight.device)

    def outcome_of(chosen: dict) -> torch.Tensor:
        with record(module, [outcome], pooled) as seen:
            functional_call(module, weights | chosen, (trial,))
        return seen[outcome].square().sum()

    with torch.inference_mode(False), torch.enable_grad():
        given = grad(outcome_of)(chosen) if chosen else {}
    return {
        name: getattr(layer, "kernel_size", None)
        for name, layer in layers.items()
        if given[_weight_of(name)].any()
    }


def _weight_of(layer: str) -> str:
    return f"{layer}.weight".removeprefix(".")


def _weights(module: nn.Module) -> dict[str, torch.Tensor]:
    """Parameters and buffers, apart from the module's own and in the plain layout.

    Backward passes through channels-last weights in evaluation damage memory (torch 2.14, CPU).
    """
    both = dict(module.named_parameters()) | dict(module.named_buffers())
    plain = torch.contiguous_format  # clone, as a 1 x 1 weight is "contiguous" in either layout
    return {name: value.detach().clone(memory_format=plain) for name, value in both.items()}


def gradient_vectors(model: AuditedModel, x: torch.Tensor, loss: str) -> dict[str, torch.Tensor]:
    """log10 of the length of every filter's gradient: float32 (B, filters) by tap and ``outcome``.

    ``x`` (B, 3, s, s) is preprocessed; ``loss`` a name of LOSSES. Nothing of the module changes.
    """
    module, asked = model.module, filters(model)
    rest = _weights(module)
    chosen = {name: rest.pop(name) for name in set(asked.values())}

    def loss_of(chosen: dict, image: torch.Tensor) -> torch.Tensor:
        def outcome_of(images: torch.Tensor) -> torch.Tensor:
            with record(module, [model.outcome], pooled) as seen:
                functional_call(module, rest | chosen, (images,))
            return seen[model.outcome].float()

        return LOSSES[loss](model, outcome_of, image)

    def lengths(chosen: dict, image: torch.Tensor) -> dict:
        found = grad(loss_of)(chosen, image)
        return {name: value.flatten(1).norm(dim=1) for name, value in found.items()}

    with torch.inference_mode(False), torch.enable_grad():
        found = vmap(lengths, in_dims=(None, 0), chunk_size=AT_ONCE)(
            chosen, x.clone(memory_format=torch.contiguous_format)
        )
    return {
        tap: found[name].clamp_min(SMALLEST).log10().float().cpu() for tap, name in asked.items()
    }
