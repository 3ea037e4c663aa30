"""Membership-inference methods that are not MINT: one number an image, nothing fitted.

Each function takes a target's activations and the kind of data it is to look at, and is larger
for a likelier member, for the reason its docstring gives.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from mint_utils.activations.recorded import Activations
from mint_utils.activations.views import CHANGED


@dataclass(frozen=True)
class Rival:
    """What a rival computes and what it takes.

    ``aad`` is the kind of data it looks at, ``access`` what an auditor must be given for it,
    ``views`` the views of each image, ``per_tap`` whether it can be asked of every tap as well
    (with access to activations then).
    """

    score: Callable[[Activations, str], np.ndarray]
    aad: str
    access: str
    views: tuple[str, ...] = ("plain",)
    per_tap: bool = False


def embedding_norm(activations: Activations, aad: str = "outcome") -> np.ndarray:
    """Length of the embedding: longer for faces the model is sure of, so for good pictures too.

    MagFace (arXiv 2103.06627) ties it to picture quality on purpose.
    """
    return np.linalg.norm(activations.vector(aad), axis=1)


def flip_consistency(activations: Activations, aad: str = "outcome") -> np.ndarray:
    """Cosine of the outputs for an image and its mirror image.

    A model is more stable around what it was trained on; after the augmentation attack of
    arXiv 2007.14321, with embeddings in place of labels.
    """
    return view_cosine(activations, aad, "flip")


def augmentation_consistency(activations: Activations, aad: str = "outcome") -> np.ndarray:
    """Mean cosine of the outputs for an image and for it mirrored, shifted, scaled, blurred, noisy.

    As flip_consistency, and steadier itself: five small changes are asked instead of one.
    """
    return np.mean([view_cosine(activations, aad, view) for view in CHANGED], axis=0)


def view_cosine(activations: Activations, aad: str, view: str) -> np.ndarray:
    """(n,) cosines of what a tap (or the outcome) gives for images and for one view of them."""
    plain, changed = activations.vector(aad), activations.vector(aad, view)
    lengths = np.linalg.norm(plain, axis=1) * np.linalg.norm(changed, axis=1)
    return np.einsum("nd,nd->n", plain, changed) / np.maximum(lengths, 1e-12)


def batch_norm_distance(activations: Activations, aad: str = "batch_norm") -> np.ndarray:
    """Closeness to what batch norm saw in training, over all layers (arXiv 2401.13719)."""
    return -np.log(np.maximum(activations.vector(aad), 1e-12)).mean(axis=1)


def head_max(activations: Activations, aad: str = "head") -> np.ndarray:
    """Largest cosine to a class centre: training pulls a member's embedding onto its centre."""
    return activations.vector(aad)[:, 0]


def head_margin(activations: Activations, aad: str = "head") -> np.ndarray:
    """Largest cosine less the second largest: a member has one centre, a stranger none."""
    return activations.vector(aad)[:, 1]


def head_entropy(activations: Activations, aad: str = "head") -> np.ndarray:
    """Negative entropy of the class distribution: models are confident on members.

    Compare ML-Leaks (arXiv 1806.01246).
    """
    return activations.vector(aad)[:, 2]


def head_views(activations: Activations, aad: str = "head") -> np.ndarray:
    """Largest cosine of the mean embedding over all views: what is accidental in one averages out.

    Test-time augmentation, as face recognition itself uses it.
    """
    views = [activations.vector("outcome", view) for view in ("plain", *CHANGED)]
    mean = sum(F.normalize(torch.from_numpy(view)) for view in views)
    return largest_cosine(mean, activations.head())


def largest_cosine(embedding: torch.Tensor, head: torch.Tensor, batch: int = 4096) -> np.ndarray:
    """(n,) largest cosines of embeddings (n, d) to the class centres (classes, d)."""
    centres = F.normalize(head).T
    parts = [(F.normalize(some) @ centres).max(dim=1).values for some in embedding.split(batch)]
    return torch.cat(parts).numpy()


def head_named(activations: Activations, aad: str = "named") -> np.ndarray:
    """Cosine to the person's *own* class centre, for an auditor who knows which one it is.

    NaN for persons without a class: it can tell member from held-out images only.
    """
    return activations.vector(aad)[:, 0]


def amint(activations: Activations, aad: str = "mint") -> np.ndarray:
    """What the MINT head says that was trained together with the model (arXiv 2509.07879).

    The only MINT model that nobody fits afterwards; of a twin, a head that learned nothing.
    """
    return activations.vector(aad)[:, 0]


RIVALS = {
    "embedding_norm": Rival(embedding_norm, "outcome", "outcome"),
    "flip_consistency": Rival(flip_consistency, "outcome", "outcome", ("plain", "flip")),
    "augmentation_consistency": Rival(
        augmentation_consistency, "outcome", "outcome", ("plain", *CHANGED), per_tap=True
    ),
    "batch_norm_distance": Rival(batch_norm_distance, "batch_norm", "activations"),
    "head_max": Rival(head_max, "head", "head_blind"),
    "head_margin": Rival(head_margin, "head", "head_blind"),
    "head_entropy": Rival(head_entropy, "head", "head_blind"),
    "head_views": Rival(head_views, "head", "head_blind", ("plain", *CHANGED)),
    "head_named": Rival(head_named, "named", "head_named"),
    "amint": Rival(amint, "mint", "activations"),
}
