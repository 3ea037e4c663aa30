"""Images that look the same but are not the same pixel for pixel: re-encoded, resized, cropped.

Two images are compared by the signs of their brightness steps, across and down, on 16 x 16 places
(imagehash.dhash and dhash_vertical): 512 bits of the whole image, and 512 of the image without its
rim, so that a copy that lost its rim is found as well. At most a tenth of the bits may differ.

Measured on all 13,232 images of LFW, aligned crops of 112 x 112 pixels (88 million pairs):

- 16 pairs are found, all of them the same photograph by eye, in another size or colour; 3 of them
  under two names, such as Emmy_Rossum_0001 and Eva_Amurri_0001.
- Of 1,000 copies 100 % are found when saved as JPEG of quality 50 to 95, resized by 10 % or to
  half, made 5 or 20 % brighter, turned grey, or cropped by 1 to 3 pixels on every side; 71 % when
  cropped by 2 pixels at the left and the top only, or turned by 2 degrees; none when mirrored.

On six sets of 3,840 drawn images of 64 x 64, many shots of one person (44 million pairs), 5 pairs
are found that are no copies, 4 of them of one person in the same pose. Of 400 copies 99.5 % or more
are found when saved, resized, brightened or turned grey as above; but crops, a larger part of so
small a picture, only where they meet the rim that is left out: 71 % by 1 pixel on every side, 100 %
by 2, 39 % by 3.

The usual 64 bits would not do: in LFW 300 pairs of other photographs are within 6 of 64.
"""

import imagehash
import numpy as np
import pandas as pd
from PIL import Image
from tqdm import tqdm

SIDE = 16  # places along each side at which brightness steps are looked at
BYTES = 2 * 2 * SIDE * SIDE // 8  # of a hash: across and down, with the rim and without
RIM = 0.025  # part of the width and height that the second half of the hash leaves out, each side
MOST = 51  # of 512 bits that may differ between two images that look the same
TILE = 2048  # images compared with as many at once: memory does not grow with their number

COLUMNS = [
    "image_id", "identity", "role", "same_as", "same_as_identity", "same_as_role", "distance",
]  # fmt: skip


def perceptual_hash(image: np.ndarray) -> str:
    """``image`` (uint8, height x width x 3, RGB) as 256 hexadecimal digits that survive copying."""
    grey = Image.fromarray(image).convert("L")
    across, down = round(RIM * grey.width), round(RIM * grey.height)
    inner = grey.crop((across, down, grey.width - across, grey.height - down))
    steps = (imagehash.dhash, imagehash.dhash_vertical)
    return "".join(str(step(part, SIDE)) for part in (grey, inner) for step in steps)


def near_duplicates(table: pd.DataFrame) -> pd.DataFrame:
    """Pairs of images of ``table`` that look the same, the closest first (COLUMNS).

    ``table`` has ``image_id``, ``identity``, ``role``, ``digest`` and ``perceptual``; of images
    with the same pixels only the first is compared. ``distance`` counts bits, 0 to MOST of 512.
    Every image is compared with every other, in constant memory: 20,000 images take about 6
    seconds on one core, and ten times as many a hundred times as long.

    Taught in notebook 01.
    """
    images = table.drop_duplicates("digest")
    pairs = [pair for tile in _close_pairs(images["perceptual"].to_list()) for pair in tile]
    distance, one, other = np.array(sorted(pairs), dtype=int).reshape(-1, 3).T
    described = images[["image_id", "identity", "role"]]
    same_as, image = described.iloc[one], described.iloc[other]  # the one listed first is kept
    columns = [*image.to_numpy().T, *same_as.to_numpy().T, distance]
    return pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))


def _close_pairs(hashes: list[str]):
    """For each pair of tiles the (distance, i, j), i < j, of hashes at most MOST bits apart."""
    packed = np.frombuffer(bytes.fromhex("".join(hashes)), np.uint8).reshape(-1, BYTES)
    starts = range(0, len(packed), TILE)
    few = len(starts) < 4
    for first in tqdm(starts, desc="looking for copies", unit="tile", disable=few):
        whole, inner = _signs(packed[first : first + TILE])
        for second in starts[first // TILE :]:
            other_whole, other_inner = _signs(packed[second : second + TILE])
            # Signs multiply to +1 where two bits agree and to -1 where they differ.
            agreement = whole @ other_whole.T
            np.maximum(agreement, whole @ other_inner.T, out=agreement)
            np.maximum(agreement, inner @ other_whole.T, out=agreement)
            distance = (whole.shape[1] - agreement) / 2
            i, j = np.nonzero(distance <= MOST)
            later = i + first < j + second  # each pair once, no image with itself
            i, j = i[later], j[later]
            yield zip(distance[i, j].astype(int), i + first, j + second, strict=True)


def _signs(packed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Packed hashes (n, 128) as +1 and -1: the whole images' (n, 512), and those without a rim."""
    signs = np.unpackbits(packed, axis=1).astype(np.float32) * 2 - 1
    return signs[:, : signs.shape[1] // 2], signs[:, signs.shape[1] // 2 :]


def near_duplicate_warnings(pairs: pd.DataFrame) -> list[str]:
    """What a reader of the verdict must know of ``pairs``, the worst first; [] if nothing.

    Two images of one person in one role that look the same harm nobody and are not mentioned.
    """
    sides = [pairs[column] == "external" for column in ("role", "same_as_role")]
    across = sides[0] != sides[1]
    trained_on = ~across & (pairs["role"] != pairs["same_as_role"])
    names = [pairs[column].fillna("") for column in ("identity", "same_as_identity")]
    two_names = ~across & (names[0] != names[1])  # a person called NA comes back as a blank
    kinds = [
        (across, "look the same across the two sides", "No detector can be right about both"),
        (trained_on, "are a member image and a held-out one that look the same",
         "Such a held-out image was trained on, in effect"),
        (two_names, "look the same under two names",
         "One person may be counted as two, and be in two splits"),
    ]  # fmt: skip
    return [_warning(pairs[mask], what, so) for mask, what, so in kinds if mask.any()]


def _warning(pairs: pd.DataFrame, what: str, so: str) -> str:
    one, other = (
        f"{pairs.iloc[0][name]} ({pairs.iloc[0][role].replace('_', ' ')})"
        for name, role in (("image_id", "role"), ("same_as", "same_as_role"))
    )
    count = f"{len(pairs):,} pairs of images" if len(pairs) > 1 else "2 images"
    example = f", the first: {one} and {other}" if len(pairs) > 1 else f": {one} and {other}"
    return f"{count} {what}{example}. {so}."
