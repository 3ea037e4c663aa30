"""Membership-inference methods that are not MINT: one number an image, nothing fitted.

Each is larger for a likelier member, for the reason its docstring gives.
"""

import numpy as np

from mint_utils.activations.store import Activations


def embedding_norm(activations: Activations) -> np.ndarray:
    """Length of the embedding: longer for faces the model is sure of, so for good pictures too.

    MagFace (arXiv 2103.06627) ties it to picture quality on purpose.
    """
    return np.linalg.norm(activations.vector("outcome"), axis=1)


def flip_consistency(activations: Activations) -> np.ndarray:
    """Cosine of the embeddings of an image and its mirror image.

    A model is more stable around what it was trained on; after the augmentation attack of
    arXiv 2007.14321, with embeddings in place of labels.
    """
    plain, mirrored = (activations.vector("outcome", view) for view in ("plain", "flip"))
    lengths = np.linalg.norm(plain, axis=1) * np.linalg.norm(mirrored, axis=1)
    return np.einsum("nd,nd->n", plain, mirrored) / np.maximum(lengths, 1e-12)


def head_max(activations: Activations) -> np.ndarray:
    """Largest cosine to a class centre: training pulls a member's embedding onto its centre."""
    return activations.vector("head")[:, 0]


def head_margin(activations: Activations) -> np.ndarray:
    """Largest cosine less the second largest: a member has one centre, a stranger none."""
    return activations.vector("head")[:, 1]


def head_entropy(activations: Activations) -> np.ndarray:
    """Negative entropy of the class distribution: models are confident on members.

    Compare ML-Leaks (arXiv 1806.01246).
    """
    return activations.vector("head")[:, 2]


RIVALS = {  # name -> (function, auxiliary auditable data, access)
    "embedding_norm": (embedding_norm, "outcome", "outcome"),
    "flip_consistency": (flip_consistency, "outcome", "outcome"),
    "head_max": (head_max, "head", "head_blind"),
    "head_margin": (head_margin, "head", "head_blind"),
    "head_entropy": (head_entropy, "head", "head_blind"),
}
