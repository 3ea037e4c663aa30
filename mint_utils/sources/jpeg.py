"""At which quality a JPEG file was saved, read off its quantisation table."""

from functools import cache
from io import BytesIO

import numpy as np
from PIL import Image


def jpeg_quality(picture: Image.Image) -> int | None:
    """The quality (1 to 100) at which Pillow would write the most similar table; None if no JPEG.

    It is that of libjpeg's scale. Cameras and Photoshop have tables of their own, to which it gives
    the nearest of that scale. ``picture`` is as opened; nothing is decoded.
    """
    tables = getattr(picture, "quantization", None)
    if not tables:
        return None
    distance = np.abs(_tables() - np.log(tables[min(tables)])).mean(axis=1)  # the first: brightness
    return int(distance.argmin()) + 1


@cache
def _tables() -> np.ndarray:
    """(100, 64) logarithms of the brightness tables that Pillow writes at quality 1 to 100."""
    written = []
    for quality in range(1, 101):
        file = BytesIO()
        Image.new("L", (8, 8)).save(file, "JPEG", quality=quality)
        written.append(Image.open(file).quantization[0])
    return np.log(written)
