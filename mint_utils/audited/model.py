"""AuditedModel: any torch module with its preprocessing and taps, nothing assumed.

Wrong colour order or normalisation is the quietest way to audit the wrong thing, so all of it is
explicit here and part of the model's digest.
"""

import hashlib
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional as F

from mint_utils.activations.record import pooled, record
from mint_utils.choices import not_a_choice


@dataclass(frozen=True)
class Preprocess:
    """From uint8 RGB pixels to the tensor a model expects: (x - mean) / scale, per image or not.

    ``mean`` and ``scale`` are of pixels from 0 to 255, one number or three in the order of
    ``colour``.
    """

    size: int  # pixels, square
    colour: str = "RGB"  # or "BGR"
    mean: float | tuple[float, float, float] = 127.5
    scale: float | tuple[float, float, float] = 128.0
    standardise: bool = False  # by each image's own mean and standard deviation instead

    def __post_init__(self):
        if self.colour not in ("RGB", "BGR"):
            raise ValueError(not_a_choice("colour order", self.colour, ("RGB", "BGR")))

    def __call__(self, pixels: np.ndarray, device: torch.device | str = "cpu") -> torch.Tensor:
        """uint8 (n, size, size, 3) RGB -> float32 (n, 3, size, size), channels last in memory.

        Pixels travel to ``device`` as bytes, and become numbers there.
        """
        if pixels.dtype != np.uint8:
            raise TypeError(f"expected pixels of type uint8 (0 to 255), got {pixels.dtype}")
        if pixels.ndim != 4 or pixels.shape[1:] != (self.size, self.size, 3):
            raise ValueError(f"expected (n, {self.size}, {self.size}, 3), got {pixels.shape}")
        batch = torch.from_numpy(pixels)
        if torch.device(device).type == "cuda":  # pinned, so that the copy need not be waited for
            batch = batch.pin_memory().to(device, non_blocking=True)
        batch = batch.permute(0, 3, 1, 2).float()
        if self.colour == "BGR":
            batch = batch.flip(1)
        if not self.standardise:
            return (batch - _by_channel(self.mean, batch)) / _by_channel(self.scale, batch)
        mean = batch.mean(dim=(1, 2, 3), keepdim=True)
        return (batch - mean) / batch.std(dim=(1, 2, 3), keepdim=True).clamp_min(1e-6)


def _by_channel(value: float | tuple[float, float, float], like: torch.Tensor):
    return like.new_tensor(value).view(3, 1, 1) if isinstance(value, tuple) else value


@dataclass(frozen=True)
class AuditedModel:
    """The model under test, as the audit sees it.

    ``taps`` are dotted names of submodules (``layer3.0.conv1``); ``outcome`` is the submodule
    whose output is the embedding before any length normalisation, "" for the module's own output.
    ``head`` (classes, d) holds the class centres, None where the auditor has none; ``classes``
    names the person of each of its rows. ``map_size`` bounds the height and width of kept maps.
    """

    name: str
    module: nn.Module
    preprocess: Preprocess
    taps: tuple[str, ...]
    outcome: str = ""
    head: torch.Tensor | None = None
    classes: tuple[str, ...] = ()  # the persons of the head's rows, where they are known
    head_scale: float = 64.0  # s of CosFace and ArcFace: logits are s times the cosine
    map_size: int = 8
    notes: dict = field(default_factory=dict)  # what a report may say about where it comes from
    program: str = ""  # SHA-256 of code or of a graph that decides the output beside the weights

    def __post_init__(self):
        known = dict(self.module.named_modules())
        for reserved in {"outcome", "head", "named", "batch_norm"} & set(self.taps):
            raise ValueError(f"a tap cannot be called {reserved!r}: the store uses that name")
        for tap in (*self.taps, self.outcome):
            if tap not in known:
                named = [name for name in known if name and name.count(".") < 2]
                raise ValueError(not_a_choice(f"tap of {self.name}", tap, named))
        self.module.eval()

    def digest(self) -> str:
        """SHA-256 (hex) of weights, head, preprocessing and structure: what decides its output."""
        settings = (self.preprocess, self.outcome, self.map_size, self.head_scale)
        sha = hashlib.sha256(repr(settings).encode())
        sha.update(repr(self.module).encode() + self.program.encode())
        for name, tensor in sorted(self.module.state_dict().items()):
            sha.update(name.encode() + _bytes(tensor))
        if self.head is not None:
            sha.update(_bytes(self.head))
        return sha.hexdigest()


def _bytes(tensor: torch.Tensor) -> bytes:
    """The tensor's memory, whatever its type (NumPy knows no bfloat16)."""
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def head_summary(embedding: torch.Tensor, head: torch.Tensor, scale: float) -> torch.Tensor:
    """What the head says of an embedding, without names: float32 (n, 3).

    Columns: the largest cosine to a class centre, its margin to the second largest, and the
    negative entropy (nats) of the softmax over classes; each is larger when the model is surer.
    """
    cosine = F.normalize(embedding.float()) @ F.normalize(head.float()).T
    top = cosine.topk(min(2, cosine.shape[1]), dim=1).values
    log_p = F.log_softmax(scale * cosine, dim=1)
    entropy = -(log_p.exp() * log_p).sum(dim=1)
    return torch.stack([top[:, 0], top[:, 0] - top[:, -1], -entropy], dim=1)


def named_summary(model: AuditedModel, embedding: torch.Tensor, identity) -> torch.Tensor:
    """What the head says of an embedding, given the person's name: float32 (n, 2).

    Columns: the cosine to the person's own class centre, and its margin to the largest of the
    others. NaN for a person who has no class.
    """
    place = {person: row for row, person in enumerate(model.classes)}
    own = torch.tensor([place.get(person, -1) for person in identity])
    cosine = F.normalize(embedding.float()) @ F.normalize(model.head.float()).T
    known = own.clamp_min(0)[:, None]
    mine = cosine.gather(1, known)[:, 0]
    others = cosine.scatter(1, known, -2.0).max(dim=1).values  # below every cosine
    summary = torch.stack([mine, mine - others], dim=1)
    summary[own < 0] = torch.nan
    return summary


def tried(model: AuditedModel) -> int:
    """The length of the embedding. ValueError, saying why, if blank images do not give one."""
    size, inside = model.preprocess.size, [tap for tap in (*model.taps, model.outcome) if tap]
    for count in (3, 2):  # a program may have been saved for one number of images
        blank = model.preprocess(np.zeros((count, size, size, 3), np.uint8))
        try:
            with torch.inference_mode(), record(model.module, inside) as seen:
                seen[""] = model.module(blank)
        except Exception as error:  # whatever somebody's module may raise
            raise ValueError(
                f"{model.name} fails on {count} blank images of {size} x {size}: {error}. Is "
                "preprocess.size right, and does it take any number of images?"
            ) from error
        idle = [tap for tap in inside if tap not in seen]
        if idle:
            raise ValueError(f"{model.name} does not run {', '.join(idle)}: tap another layer")
        if not isinstance(seen[model.outcome], torch.Tensor):
            raise ValueError(
                f"{model.name} puts out a {type(seen[model.outcome]).__name__}: name the "
                "submodule that puts out the embedding with `outcome`"
            )
        for name in (model.outcome, *model.taps):
            shape = tuple(seen[name].shape)
            if len(shape) < 2 or shape[0] != count:
                who = f"{model.name}, {name}," if name else model.name
                raise ValueError(f"{who} puts out {shape} for {count} images, wanted (B, d)")
    return pooled(seen[model.outcome]).shape[1]


def tap_table(model: AuditedModel) -> pd.DataFrame:
    """One row a tap and one for the outcome: its layer, channels, map size and weights.

    Taught in notebook 02.
    """
    blank = np.zeros((2, model.preprocess.size, model.preprocess.size, 3), np.uint8)
    with torch.inference_mode(), record(model.module, [*model.taps, model.outcome]) as seen:
        model.module(model.preprocess(blank))
    modules = dict(model.module.named_modules())
    rows = []
    for name in dict.fromkeys([*model.taps, model.outcome]):
        shape = seen[name].shape[1:]
        rows.append(
            {"tap": "outcome" if name == model.outcome else name,
             "layer": type(modules[name]).__name__, "channels": shape[0],
             "map": " x ".join(map(str, shape[1:])) or "-",
             "weights": sum(p.numel() for p in modules[name].parameters())}
        )  # fmt: skip
    return pd.DataFrame(rows)
