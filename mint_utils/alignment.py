"""Raw photographs -> upright faces of 112 x 112 pixels, the way InsightFace's models were trained.

MTCNN (arXiv 1604.02878, as in facenet-pytorch) finds eyes, nose and mouth; a similarity transform
(turn, scale, shift) brings them to the five points of ArcFace (arXiv 1801.07698).
"""

import hashlib
import os
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from mint_utils import locations

SIZE = 112  # pixels of an aligned face, square
TEMPLATE = np.array(  # x and y of the eyes, the nose and the corners of the mouth, left ones first
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655],
     [70.7299, 92.2041]]
)  # fmt: skip
SURE = 0.8  # MTCNN's confidence from which we believe it saw a face
LEAST, MOST = 160, 640  # pixels of the longer side at which MTCNN looks
FRAME = 0.25  # of that side, added around: MTCNN misses a face that fills the picture
SMALLEST = 24  # pixels of a face, of the LEAST to MOST: smaller ones are not whom it shows
MOVED = 5.0  # pixels of 112 by which alignment may move the five points of an aligned crop


class NoFaceFound(ValueError):
    """A picture in which MTCNN is not sure of any face."""


def aligned(image: np.ndarray) -> np.ndarray:
    """The largest face of ``image``, uint8 (112, 112, 3); an aligned crop comes back as it is.

    ``image`` is uint8 (height, width, 3), RGB and upright. Black where the face reaches beyond it.
    Raises NoFaceFound.
    """
    points = landmarks(image)
    if points is None:
        raise NoFaceFound("MTCNN finds no face to align")
    return brought(image, points)


def brought(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """``image`` with its ``points`` (5, 2) brought to TEMPLATE; as it is where they are there."""
    matrix = similarity(points, TEMPLATE)
    height, width = image.shape[:2]
    if height == width:
        before = TEMPLATE * width / SIZE  # where an aligned crop of this size has its points
        after = before @ matrix[:, :2].T + matrix[:, 2]
        if np.linalg.norm(after - TEMPLATE, axis=1).mean() <= MOVED:
            return image
    return warped(image, matrix)


def aligned_once(image: np.ndarray) -> np.ndarray:
    """:func:`aligned`, looked up by the picture's pixels in the cache where it was done before."""
    sha = hashlib.sha256(_code() + repr(image.shape).encode() + image.tobytes()).hexdigest()
    file = locations.cache() / "aligned" / sha[:2] / f"{sha}.png"
    if not file.is_file():
        try:
            _keep(aligned(image), file)
        except NoFaceFound:
            _keep(None, file)
    if file.stat().st_size == 0:
        raise NoFaceFound("MTCNN finds no face to align")
    with Image.open(file) as picture:
        return np.asarray(picture)


@cache
def _code() -> bytes:
    return Path(__file__).read_bytes()  # another way to align must not find the old faces


def _keep(crop: np.ndarray | None, file: Path) -> None:
    """Write a face, or an empty file for a picture without one; never half of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=file.parent, suffix=".part", delete=False) as unfinished:
        if crop is not None:
            Image.fromarray(crop).save(unfinished, "PNG", compress_level=1)
    os.replace(unfinished.name, file)


def landmarks(image: np.ndarray) -> np.ndarray | None:
    """(5, 2): x and y of the points of TEMPLATE in the largest face, or None if there is none."""
    points, _ = all_landmarks(image)
    return points[0] if len(points) else None


def all_landmarks(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points of every face that MTCNN is SURE of, (n, 5, 2), the largest first, and how sure (n,).

    Pictures are looked at one by one: a batch of 32 takes as long on a processor (72 ms an image
    against 62), and MTCNN refuses batches of several sizes.
    """
    picture = Image.fromarray(image)
    scale = np.clip(max(picture.size), LEAST, MOST) / max(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    small = np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=3))
    frame = round(FRAME * max(width, height))
    framed = np.pad(small, ((frame, frame), (frame, frame), (0, 0)), "edge")
    boxes, sure, points = _finder().detect(Image.fromarray(framed), landmarks=True)
    if boxes is None:
        return np.empty((0, 5, 2)), np.empty(0)
    kept = sure >= SURE  # MTCNN puts the largest first
    per_pixel = width / image.shape[1], height / image.shape[0]
    return (points[kept].astype(float) - frame) / per_pixel, sure[kept].astype(float)


@cache
def _finder():
    from facenet_pytorch import MTCNN  # torch takes seconds to import; most callers need it not

    return MTCNN(keep_all=True, min_face_size=SMALLEST, device="cpu")


def similarity(points: np.ndarray, onto: np.ndarray) -> np.ndarray:
    """(2, 3): turn, scale and shift that bring ``points`` (n, 2) closest ``onto`` others.

    Least squares without a mirror (Umeyama 1991). Raises ValueError if the points are all one.
    """
    middle, target = points.mean(axis=0), onto.mean(axis=0)
    spread = ((points - middle) ** 2).sum()
    if not spread > 0:
        raise ValueError(f"landmarks {points.tolist()} are one point: nothing can be aligned by it")
    # In the plane a turn with a scale is a complex number: its least squares have a closed form.
    a, b = (points - middle) @ [1, 1j], (onto - target) @ [1, 1j]
    turn = np.vdot(a, b) / spread
    matrix = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    return np.column_stack([matrix, target - matrix @ middle])


def warped(image: np.ndarray, matrix: np.ndarray, size: int = SIZE) -> np.ndarray:
    """``image`` (uint8, height x width x 3) moved by ``matrix`` (2, 3): uint8 (size, size, 3)."""
    picture, scale = Image.fromarray(image), np.sqrt(np.linalg.det(matrix[:, :2]))
    fewer = max(1, int(1 / scale))  # averaged first: a large face would be sampled in dots
    if fewer > 1:
        picture = picture.reduce(fewer)
    turn = matrix[:, :2]
    shift = matrix[:, 2] + 0.5 - turn @ [0.5, 0.5]  # Pillow's pixels have their middle at 0.5
    back = np.linalg.inv(np.vstack([np.column_stack([turn * fewer, shift]), [0, 0, 1]]))
    how = (Image.Transform.AFFINE, back[:2].ravel(), Image.Resampling.BILINEAR)
    return np.asarray(picture.transform((size, size), *how))
