"""Photographs of every kind, broken ones and traps: opened upright in RGB, or skipped by name."""

import builtins
import io
import os
import struct
import zlib
from contextlib import suppress

import numpy as np
import pytest
from conftest import drawn_faces
from PIL import ExifTags, Image, ImageCms

from mint_utils.asking.photographs import LARGEST, in_rgb, opened, photographs_in, printable
from mint_utils.sources import UnreadableImage

WIDE = np.zeros((60, 90, 3), np.uint8)  # red left half, blue right half: a turn is seen
WIDE[:, :45, 0] = WIDE[:, 45:, 2] = 200


@pytest.fixture
def wide(tmp_path):
    """Saves WIDE under a name, as it is or as another mode."""

    def save(name: str, mode: str = "RGB", **how):
        Image.fromarray(WIDE).convert(mode).save(tmp_path / name, **how)
        return tmp_path / name

    return save


# Every kind of picture


@pytest.mark.parametrize("name", ["a.jpg", "a.JPEG", "a.png", "a.webp", "a.bmp", "a.tif", "a.gif"])
def test_usual_formats_are_read(wide, name):
    image = opened(wide(name))
    assert image.dtype == np.uint8 and image.shape == WIDE.shape
    assert np.abs(image.astype(int) - WIDE).mean() < 6


@pytest.mark.parametrize(
    ("held", "shape"), [(1, (60, 90)), (3, (60, 90)), (6, (90, 60)), (8, (90, 60))]
)
def test_a_photograph_is_turned_as_the_phone_was_held(wide, held, shape):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = held
    image = opened(wide("a.jpg", exif=exif))
    assert image.shape[:2] == shape
    red_first = {1: image[30, 5], 3: image[30, -5], 6: image[5, 30], 8: image[-5, 30]}[held]
    assert red_first[0] > 150 > 60 > red_first[2]


def exchanged_profile() -> bytes:
    """An ICC profile in which red and blue are exchanged: what is read with it looks otherwise."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    profile = profile.replace("sRGB".encode("utf-16-be"), "tBGR".encode("utf-16-be"))
    return profile.replace(b"rXYZ", b"?XYZ").replace(b"bXYZ", b"rXYZ").replace(b"?XYZ", b"bXYZ")


def test_colours_are_those_that_the_profile_of_the_camera_means(wide):
    plain, other = opened(wide("a.png")), opened(wide("b.png", icc_profile=exchanged_profile()))
    assert np.abs(other.astype(int) - plain[..., ::-1]).mean() < 3
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.array_equal(opened(wide("c.png", icc_profile=srgb)), plain)


@pytest.mark.parametrize("mode", ["RGB", "CMYK", "L"])
def test_a_profile_that_cannot_be_used_is_passed_over(wide, mode):
    for name, profile in (("a.jpg", b"no profile"), ("b.jpg", exchanged_profile()[:300])):
        image = opened(wide(name, mode, icc_profile=profile, quality=95))
        assert np.abs(image.astype(int) - opened(wide("c.jpg", mode, quality=95))).mean() < 3


def test_heic_is_read_where_the_extra_is_installed(tmp_path):
    heif = pytest.importorskip("pillow_heif", reason="the extra `photos` is not installed")
    heif.from_pillow(Image.fromarray(WIDE)).save(tmp_path / "a.heic")
    assert np.abs(opened(tmp_path / "a.heic").astype(int) - WIDE).mean() < 10


def test_heic_without_the_extra_says_what_to_install(tmp_path, monkeypatch):
    usual = builtins.__import__

    def without(name, *rest, **more):
        if name.startswith("pillow_heif"):
            raise ImportError(name)
        return usual(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UnreadableImage, match=r"is HEIC: install the extra `photos`"):
        opened(tmp_path / "IMG_1.HEIC")


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "1", "YCbCr"])
def test_grey_palette_and_printed_pictures_become_rgb(mode):
    picture = Image.fromarray(WIDE).convert(mode)
    image = np.asarray(in_rgb(picture)).astype(int)
    assert image.shape == WIDE.shape
    if mode in ("L", "1"):
        assert (image == image[..., :1]).all()
    else:
        assert np.abs(image - WIDE).mean() < 4


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_what_is_transparent_is_white(mode):
    clear = Image.new("RGBA", (8, 8), (10, 20, 30, 0)).convert(mode)
    assert (np.asarray(in_rgb(clear)) == 255).all()
    solid = Image.new("RGBA", (8, 8), (90, 90, 90, 255)).convert(mode)
    assert np.abs(np.asarray(in_rgb(solid)).astype(int) - 90).max() <= 2


def test_a_transparent_palette_is_white_too(tmp_path):
    picture = Image.new("P", (8, 8), 0)
    picture.putpalette([200, 0, 0] + [0] * 765)
    picture.save(tmp_path / "a.gif", transparency=0)
    assert (opened(tmp_path / "a.gif") == 255).all()


def test_sixteen_bits_are_scaled_not_cut(tmp_path):
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None].repeat(4, 0)
    Image.fromarray(ramp).save(tmp_path / "a.png")
    Image.fromarray(ramp).save(tmp_path / "a.tif")
    for name in ("a.png", "a.tif"):
        assert np.abs(opened(tmp_path / name)[0, :, 0].astype(int) - np.arange(256)).max() <= 1
    floats = Image.fromarray(np.array([[0.0, 0.5, np.nan, 1.0]], np.float32))
    assert np.asarray(in_rgb(floats))[0, :, 0].tolist() == [0, 128, 0, 255]


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png"])
def test_of_an_animation_the_first_frame_counts(tmp_path, name):
    frames = [Image.fromarray(WIDE), Image.new("RGB", (90, 60), "white")]
    frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], lossless=True)
    assert np.abs(opened(tmp_path / name).astype(int) - WIDE).mean() < 6


def test_huge_photographs_are_made_smaller(tmp_path):
    Image.new("RGB", (8000, 6000), (90, 120, 150)).save(tmp_path / "a.jpg")
    image = opened(tmp_path / "a.jpg")
    assert image.shape == (LARGEST * 6000 // 8000, LARGEST, 3)
    assert np.abs(image.astype(int) - (90, 120, 150)).max() <= 2


def test_tiny_pictures_are_read(tmp_path):
    Image.new("RGB", (1, 1), "red").save(tmp_path / "a.png")
    assert opened(tmp_path / "a.png").tolist() == [[[255, 0, 0]]]


# Broken files and traps


def png_of(width: int, height: int) -> bytes:
    """A PNG that says it is that large, and holds nothing."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        for chunk in (header, b"IDAT" + zlib.compress(b""), b"IEND")
    )


@pytest.mark.parametrize("width", [10_000, 200_000])
def test_a_decompression_bomb_is_not_opened(tmp_path, width):
    (tmp_path / "bomb.png").write_bytes(png_of(width, 10_000))
    with pytest.raises(UnreadableImage, match="is too large.*make it smaller"):
        opened(tmp_path / "bomb.png")


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.gif", "a.tif"])
@pytest.mark.parametrize("part", [0.02, 0.5, 0.9])
def test_a_truncated_photograph_is_broken(tmp_path, name, part):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, {"jpg": "JPEG", "tif": "TIFF"}.get(name[2:], name[2:]))
    (tmp_path / name).write_bytes(file.getvalue()[: int(len(file.getvalue()) * part)])
    with pytest.raises(UnreadableImage, match="is broken|is no picture"):
        opened(tmp_path / name)


@pytest.mark.parametrize("content", [b"", b"no picture", b"\xff\xd8\xff", b"GIF89a", b"%PDF-1.4"])
def test_what_is_no_picture_says_so_without_its_path(tmp_path, content):
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(UnreadableImage) as error:
        opened(tmp_path / "a.jpg")
    assert str(tmp_path) not in str(error.value)


def test_garbage_of_every_kind_never_raises_anything_else(tmp_path):
    """A thousandth of the bytes of a good file changed, many times over."""
    rng, file = np.random.default_rng(0), io.BytesIO()
    for kind in ("JPEG", "PNG", "GIF", "TIFF", "WEBP"):
        file = io.BytesIO()
        Image.fromarray(drawn_faces(1)[0]).save(file, kind)
        for _ in range(40):
            damaged = bytearray(file.getvalue())
            for place in rng.integers(0, len(damaged), 1 + len(damaged) // 300):
                damaged[place] = rng.integers(256)
            (tmp_path / "a.jpg").write_bytes(damaged)
            with suppress(UnreadableImage):
                assert opened(tmp_path / "a.jpg").ndim == 3


# Which files


def test_a_folder_is_looked_through_and_every_file_accounted_for(tmp_path, wide):
    folder = tmp_path / "mine"
    (folder / "b" / "c").mkdir(parents=True)
    (folder / ".trash").mkdir()
    outside = wide("outside.png")
    for name in ("2.JPG", "b/c/1.png", ".trash/3.png", "._2.jpg"):
        (folder / name).write_bytes(outside.read_bytes())
    (folder / "notes.txt").write_text("words")
    (folder / "film.mov").write_bytes(b"film")
    (folder / "linked.png").symlink_to(outside)
    (folder / "again.png").symlink_to(folder / "2.JPG")
    (folder / "gone.png").symlink_to(folder / "nothing.png")
    (folder / "up").symlink_to(tmp_path)
    (folder / "folder.png").mkdir()
    found = photographs_in(folder)
    assert list(found.files) == ["2.JPG", "again.png", "b/c/1.png"]
    assert found.skipped == {
        "gone.png": "is a link to nothing, or no file",
        "linked.png": "is a link that leads out of the folder",
        "up": "is a link to a folder",
    }
    assert found.others == 2


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.jpg")
    assert photographs_in(tmp_path).skipped == {"a.jpg": "is a link to nothing, or no file"}


def test_names_that_cannot_be_printed_are_escaped_and_still_read(tmp_path, wide):
    strange = [
        b"\xff\xfe.png",
        b"a\nb.png",
        b"\x1b[31mred.png",
        "\u202egnp.png".encode(),
        b"\xc3\xa9.png",
    ]
    for name in strange:
        (tmp_path / os.fsdecode(name)).write_bytes(wide("a.png").read_bytes())
    found = photographs_in(tmp_path).files
    assert {r"\udcff\udcfe.png", r"a\nb.png", r"\x1b[31mred.png", r"\u202egnp.png", "é.png"} < set(
        found
    )
    for name, file in found.items():
        assert name.isprintable() and name.encode() and opened(file).shape == WIDE.shape


def test_nothing_but_the_unprintable_changes():
    assert printable("Müller & <söhne> 'x'.jpg") == "Müller & <söhne> 'x'.jpg"
