"""Where each pixel lies on the head: pose, outline, and the lines that features hang on."""

from math import cos, sin

import numpy as np

from mint_utils.sources.portrait.person import Person
from mint_utils.sources.portrait.scene import Scene, grid
from mint_utils.sources.portrait.shot import Shot

EYE_LINE = -0.12
CHEEK_LINE = -0.06  # the head is widest here
_HEAD_DEPTH = 0.66


def place(person: Person, shot: Shot, size: int) -> Scene:
    """An empty scene with every pixel carried back on to the face seen from the front."""
    x, y = grid(size)
    x, y = (x - shot.shift_x) / shot.scale, (y - shot.shift_y) / shot.scale
    cosine, sine = cos(shot.roll), sin(shot.roll)
    plane_x, plane_y = x * cosine + y * sine, y * cosine - x * sine
    dome = np.exp(-np.square(plane_x / 0.62) - np.square((plane_y - 0.1) / 0.95))
    # Taking most of the average depth off keeps the face in the crop, as an eye-aligned crop does.
    depth = _HEAD_DEPTH * (dome - 0.6)
    across = plane_x - depth * sin(shot.yaw)
    down = plane_y - depth * sin(shot.pitch)
    across += 0.05 * person.asymmetry * down * down
    down += 0.05 * person.asymmetry * across
    folded = np.abs(across)
    radius = _outline(person, folded, down)
    square = radius * radius
    # Flatter in front and steeper at the sides than a ball, and smooth far outside the head.
    height = 0.72 * np.exp(-square * (0.35 + 0.5 * square))
    head, body, gloss = np.zeros((3, size, size), dtype=np.float32)
    return Scene(
        plane=plane_x,
        across=across,
        down=down,
        folded=folded,
        side=np.sign(across),
        radius=radius,
        height=height,
        head=head,
        body=body,
        gloss=gloss,
        image=np.empty((3, size, size), dtype=np.float32),
        pixel=2.0 / (size * shot.scale),
    )


def _outline(person: Person, folded: np.ndarray, down: np.ndarray) -> np.ndarray:
    """Radius of each point in a head-shaped oval: 1 on the outline of the face."""
    chin = EYE_LINE + person.chin_length - CHEEK_LINE
    crown = CHEEK_LINE - EYE_LINE + person.skull_height
    offset = down - CHEEK_LINE
    along = np.where(offset > 0, offset * (1.0 / chin), offset * (1.0 / crown))
    low = np.clip(along, 0.0, 1.0)
    square = low * low
    rest = 1.0 - low
    width = person.skull_width * (
        1.0
        + 4.0 * person.jaw_width * square * (1.0 - square)
        + person.chin_width * square * square
        + 6.75 * person.cheek_width * low * rest * rest
    )
    fall = along * along
    # Less fall-off half-way down makes the jaw squarer; every crown is a little flat.
    flat = 0.5 + (0.6 * person.jaw_square - 0.5) * (offset > 0).astype(np.float32)
    bent = fall * (1.0 - flat * (1.0 - np.minimum(fall, 1.0)))
    return np.sqrt(np.square(folded / width) + np.maximum(bent, 0.0))


def mouth_line(person: Person) -> float:
    """Height of the middle of the mouth."""
    return EYE_LINE + person.nose_length + person.philtrum + 0.02
