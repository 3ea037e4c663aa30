"""Colours as plain numbers."""

import numpy as np

Colour = tuple[float, float, float]  # RGB, each between 0 and 1


def as_colour(values: np.ndarray) -> Colour:
    """RGB values clipped to 0..1, as a plain tuple that a frozen dataclass can hold."""
    red, green, blue = np.clip(values, 0.0, 1.0).tolist()
    return red, green, blue
