"""What can be measured of one picture without any model: its size, its file, its look.

Whatever differs here between two sets of pictures, a detector can tell them apart by.
"""

import numpy as np

from mint_utils.faces import resized
from mint_utils.sources import Source

SIZE = 112  # pixels at which the look is measured, so that a picture's size is no part of it
RIM = 7  # pixels of 112 that count as the rim
BLOCK = 8  # pixels: the side of the blocks that JPEG compresses one by one


def stored(source: Source, image_id: str, image: np.ndarray) -> dict[str, float]:
    """Width, height and compression of an image as its source stores it; NaN where unknown.

    ``JPEG format`` is 1 for a JPEG file and 0 for another, which has no JPEG quality. A source
    without ``facts`` is asked for nothing: the size is then that of the pixels.
    """
    known = source.facts(image_id) if hasattr(source, "facts") else {}
    quality = known.get("jpeg_quality")
    return {
        "width": known.get("width", image.shape[1]),
        "height": known.get("height", image.shape[0]),
        "JPEG format": float(quality is not None) if "jpeg_quality" in known else np.nan,
        "JPEG quality": np.nan if quality is None else quality,
    }


def look(image: np.ndarray) -> dict[str, float]:
    """Colour, brightness, sharpness and compression of ``image`` (uint8, height x width x 3, RGB).

    Brightness and colours from 0 to 255 (differences from -255 to 255); sharpness is the variance
    of the Laplacian, noise the deviation that Immerkaer (1996) estimates.
    """
    red, green, blue = _channels(resized(image, SIZE))
    grey = (red + green + blue) / 3
    highest = np.maximum(np.maximum(red, green), blue)
    lowest = np.minimum(np.minimum(red, green), blue)
    rim = np.ones(grey.shape, bool)
    rim[RIM:-RIM, RIM:-RIM] = False
    return {
        "brightness": grey.mean(),
        "contrast": grey.std(),
        "rim brightness": grey[rim].mean(),
        "red against green": (red - green).mean(),
        "yellow against blue": ((red + green) / 2 - blue).mean(),
        "saturation": ((highest - lowest) / np.maximum(highest, 1)).mean(),
        "sharpness": _second_differences(grey).var(),
        "noise": _noise(grey),
        "block edges": _block_edges(image),
    }


def _channels(image: np.ndarray) -> np.ndarray:
    """(3, height, width), in memory too: sums over the three are then many times as fast."""
    return np.ascontiguousarray(image.transpose(2, 0, 1), np.float32)


def _second_differences(grey: np.ndarray) -> np.ndarray:
    """The Laplacian of the inner pixels."""
    across = np.diff(grey, 2, axis=1)[1:-1]
    return across + np.diff(grey, 2, axis=0)[:, 1:-1]


def _noise(grey: np.ndarray) -> float:
    """Second differences across of those down: edges cancel, what is left is mostly noise."""
    left = np.diff(np.diff(grey, 2, axis=1), 2, axis=0)
    return float(np.sqrt(np.pi / 2) / 6 * np.abs(left).mean())


def _block_edges(image: np.ndarray) -> float:
    """Brightness steps at the edges of JPEG blocks over those elsewhere: 1 where there are none.

    Seen at the picture's own size, as a resized one has no edges left. The blocks of a crop may
    start anywhere, so the strongest of the 8 places counts. NaN for a picture too small to tell.
    """
    if min(image.shape[:2]) < 4 * BLOCK:
        return np.nan
    grey = _channels(image).sum(axis=0)
    ratios = []
    for axis in (0, 1):
        steps = np.abs(np.diff(grey, axis=axis)).mean(axis=1 - axis)
        places = np.array([steps[place::BLOCK].mean() for place in range(BLOCK)])
        ratios.append(places.max() / max(np.median(places), 1e-6))
    return float(np.mean(ratios))
