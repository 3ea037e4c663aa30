"""Where MTCNN (arXiv 1604.02878) sees the face in a picture."""

from collections.abc import Iterable

import numpy as np
from PIL import Image

from mint_utils.faces import resized

SURE = 0.8  # MTCNN's confidence from which we believe it saw a face
SIZE, FRAME = 160, 40  # pixels: a tight crop is enlarged and framed, or MTCNN misses its face


def face_boxes(images: Iterable[np.ndarray]) -> np.ndarray:
    """(n, 4): left, top, right and bottom of the surest face, as parts of the width and height.

    ``images`` are uint8 (height, width, 3), RGB. NaN where MTCNN is not SURE of any face.
    """
    from facenet_pytorch import MTCNN  # torch takes seconds to import; most callers need it not

    finder = MTCNN(keep_all=False, device="cpu")
    boxes = []
    for image in images:
        framed = np.pad(resized(image, SIZE), ((FRAME, FRAME), (FRAME, FRAME), (0, 0)), "edge")
        found, probability = finder.detect(Image.fromarray(framed))
        sure = probability[0] is not None and probability[0] >= SURE
        boxes.append((found[0] - FRAME) / SIZE if sure else np.full(4, np.nan))
    return np.array(boxes, float).reshape(-1, 4)
