"""Photographs as they come from a phone: found in a folder, opened upright and in RGB.

They are read where they are and copied nowhere. Whatever cannot be read is named with the reason.
"""

import os
import warnings
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError

from mint_utils.sources import UnreadableImage
from mint_utils.sources.files import IMAGE_ENDINGS, UPRIGHT
from mint_utils.sources.folders import HIDDEN

HEIC = {".heic", ".heif"}  # what iPhones write
PHOTOGRAPH_ENDINGS = {*IMAGE_ENDINGS, *HEIC, ".jfif", ".gif", ".tif", ".tiff", ".avif"}
LARGEST = 3072  # pixels of the longer side: a larger photograph is made smaller when it is opened
MOST_PIXELS = 90_000_000  # of a picture that cannot be opened at a smaller size, as JPEG can


@dataclass(frozen=True)
class PhotographFolder:
    """The photographs under a folder by name, what was skipped and why, and how many other files.

    A name is the path in the folder, with what cannot be printed written as an escape sequence.
    """

    files: dict[str, Path]
    skipped: dict[str, str]
    others: int


def photographs_in(folder: Path) -> PhotographFolder:
    """Look through ``folder`` and its subfolders; hidden files and folders are passed over.

    Links that lead out of it are skipped, and linked folders are not entered: what somebody asks
    about lies in the folder that they name.
    """
    root, files, skipped, others = folder.resolve(), {}, {}, 0
    for place, inside, names in os.walk(root):
        inside[:] = sorted(name for name in inside if not name.startswith(HIDDEN))
        for name in [name for name in inside if (Path(place) / name).is_symlink()]:
            skipped[printable((Path(place) / name).relative_to(root))] = "is a link to a folder"
        for file in (Path(place) / name for name in names if not name.startswith(HIDDEN)):
            shown = printable(file.relative_to(root))
            if file.suffix.lower() not in PHOTOGRAPH_ENDINGS:
                others += 1
            elif not file.resolve().is_relative_to(root):
                skipped[shown] = "is a link that leads out of the folder"
            elif file.is_file():
                files[shown] = file
            else:
                skipped[shown] = "is a link to nothing, or no file"
    return PhotographFolder(dict(sorted(files.items())), dict(sorted(skipped.items())), others)


def printable(path: Path | str) -> str:
    """A path with control characters, broken bytes and the like written as escape sequences."""
    text = path.as_posix() if isinstance(path, Path) else path
    escaped = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return "".join(escaped)


def opened(file: Path) -> np.ndarray:
    """A photograph: uint8 (height, width, 3), RGB, upright, LARGEST pixels at most.

    Of an animation the first frame. Raises UnreadableImage that says why, whatever the file holds.
    """
    _refuse_heic_without_reader(file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of broken EXIF and of large pictures
            return _read(file)
    except UnidentifiedImageError:
        raise UnreadableImage("is no picture") from None
    except Image.DecompressionBombError:
        raise UnreadableImage("is too large: make it smaller") from None
    except UnreadableImage:
        raise
    except Exception as error:  # a broken file can raise anything in a decoder
        reason = printable(str(error)) or type(error).__name__
        raise UnreadableImage(f"is broken: {reason}") from error


def _read(file: Path) -> np.ndarray:
    with Image.open(file) as picture:
        picture.draft(None, (LARGEST, LARGEST))  # JPEG is decoded at a part of its size
        if picture.width * picture.height > MOST_PIXELS:
            size = f"{picture.width} x {picture.height} pixels"
            raise UnreadableImage(f"is too large ({size}): make it smaller")
        move = UPRIGHT.get(picture.getexif().get(ExifTags.Base.Orientation))  # may decode a PNG
        image, profile = in_rgb(picture), picture.info.get("icc_profile")
    if max(image.size) > LARGEST:
        image.thumbnail((LARGEST, LARGEST), Image.Resampling.BILINEAR, reducing_gap=3)
    image = in_srgb(image, profile) if profile else image
    return np.asarray(image if move is None else image.transpose(move))


def in_rgb(picture: Image.Image) -> Image.Image:
    """Any mode as RGB of 8 bits: transparent parts on white, 16 and 32 bits scaled."""
    if picture.mode[0] in "IF":
        values = np.nan_to_num(np.asarray(picture, np.float64))
        top = max(values.max(initial=1), 1 if picture.mode == "F" else 65535)
        grey = np.clip(values / top, 0, 1) * 255
        return Image.fromarray(grey.round().astype(np.uint8)).convert("RGB")
    if picture.has_transparency_data:
        coloured = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), coloured).convert(
            "RGB"
        )
    return picture.convert("RGB")


def in_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """``image`` (RGB) from the colours of ``profile`` (ICC; of iPhones: Display P3) in sRGB.

    Models have learned from sRGB, in which a face of another profile looks pale. A profile that is
    broken or not of RGB is passed over.
    """
    try:
        known = ImageCms.ImageCmsProfile(BytesIO(profile))
        if "srgb" in ImageCms.getProfileDescription(known).lower():
            return image
        return ImageCms.profileToProfile(image, known, ImageCms.createProfile("sRGB"))
    except (ImageCms.PyCMSError, OSError):
        return image


def _refuse_heic_without_reader(file: Path) -> None:
    """Pillow reads HEIC with a plug-in, which registers itself once."""
    if file.suffix.lower() not in HEIC:
        return
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        raise UnreadableImage(
            "is HEIC: install the extra `photos` (pip install -e '.[photos]') to read it"
        ) from None
    register_heif_opener()
