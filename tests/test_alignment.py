"""Faces brought to ArcFace's five points: exactly by geometry, within a few pixels by MTCNN."""

import io
import struct

import numpy as np
import pytest
from conftest import drawn_faces
from PIL import Image
from scipy.ndimage import affine_transform

from mint_utils import alignment, locations
from mint_utils.alignment import (
    SIZE,
    TEMPLATE,
    NoFaceFound,
    aligned,
    aligned_once,
    landmarks,
    similarity,
    warped,
)
from mint_utils.faces import assemble
from mint_utils.hygiene import inspect
from mint_utils.scenario import FolderFaces, LfwFaces, ManifestFaces
from mint_utils.scenario_file import load_scenario
from mint_utils.sources import UnreadableImage, open_sources
from mint_utils.sources.folders import FolderSource
from mint_utils.sources.lfw import LfwSource
from mint_utils.sources.manifest import ManifestSource


def turn(scale: float, angle: float, x: float, y: float) -> np.ndarray:
    """(2, 3): a scale, a turn in degrees, a shift in pixels."""
    cosine, sine = scale * np.cos(np.radians(angle)), scale * np.sin(np.radians(angle))
    return np.array([[cosine, -sine, x], [sine, cosine, y]])


def moved(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return points @ matrix[:, :2].T + matrix[:, 2]


def put(face: np.ndarray, side: int, angle: float, canvas=(420, 300)) -> np.ndarray:
    """A photograph: the crop made small, turned and put beside the middle of a grey canvas."""
    small = Image.fromarray(face).convert("RGBA").resize((side, side), Image.Resampling.LANCZOS)
    small = small.rotate(angle, expand=True, resample=Image.Resampling.BICUBIC)
    photograph = Image.new("RGB", canvas, (128, 120, 110))
    photograph.paste(small, (canvas[0] // 5, canvas[1] // 5), small)
    return np.asarray(photograph)


# The transform


@pytest.mark.parametrize(("scale", "angle"), [(1, 0), (0.3, 20), (2.5, -75), (1, 180)])
def test_the_transform_is_found_exactly_where_there_is_one(scale, angle):
    wanted = turn(scale, angle, 30, -12)
    np.testing.assert_allclose(similarity(TEMPLATE, moved(TEMPLATE, wanted)), wanted, atol=1e-9)


def test_the_transform_is_the_closest_one():
    rng = np.random.default_rng(0)
    points = TEMPLATE * 2 + rng.normal(0, 6, TEMPLATE.shape)
    best = similarity(points, TEMPLATE)
    left = ((moved(points, best) - TEMPLATE) ** 2).sum()
    for _ in range(200):
        other = best + rng.normal(0, 0.01, 4) @ turning_basis()
        assert ((moved(points, other) - TEMPLATE) ** 2).sum() >= left


def turning_basis() -> np.ndarray:
    """(4, 2, 3) flattened by ``@``: the four ways in which a similarity can differ."""
    basis = np.zeros((4, 2, 3))
    basis[0, 0, 0] = basis[0, 1, 1] = basis[1, 1, 0] = basis[2, 0, 2] = basis[3, 1, 2] = 1
    basis[1, 0, 1] = -1
    return basis.transpose(1, 0, 2)


def test_a_mirrored_face_is_not_mirrored_back():
    matrix = similarity(TEMPLATE * [-1, 1], TEMPLATE)
    assert np.linalg.det(matrix[:, :2]) > 0


def test_points_that_are_one_are_refused():
    with pytest.raises(ValueError, match="are one point: nothing can be aligned"):
        similarity(np.full((5, 2), 7.0), TEMPLATE)


# The picture


def test_nothing_moves_without_a_move():
    (face,) = drawn_faces(1, SIZE)
    np.testing.assert_array_equal(warped(face, turn(1, 0, 0, 0)), face)
    np.testing.assert_array_equal(warped(face, turn(1, 0, 5, -3))[:-3, 5:], face[3:, :-5])


@pytest.mark.parametrize("matrix", [turn(0.7, 15, 9.3, -4.2), turn(1.6, -30, -40, 25.5)])
def test_pixels_go_where_scipy_puts_them(matrix):
    """As cv2.warpAffine, which InsightFace uses: bilinear, black outside, pixels counted from 0."""
    (face,) = drawn_faces(1, 150)
    whole = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))
    turned, shift = whole[:2, :2][::-1, ::-1], whole[:2, 2][::-1]  # scipy counts rows first
    expected = np.stack(
        [
            affine_transform(face[..., c].astype(float), turned, shift, (SIZE, SIZE), order=1)
            for c in range(3)
        ],
        axis=2,
    )
    inside = expected.min(axis=2) > 0
    difference = np.abs(warped(face, matrix) - expected)[inside]
    assert difference.mean() < 0.6
    assert np.quantile(difference, 0.99) < 3


@pytest.mark.parametrize("times", [2, 3.7, 8])
def test_a_large_face_is_averaged_not_sampled_in_dots(times):
    (face,) = drawn_faces(1, SIZE)
    side = round(SIZE * times)
    large = np.asarray(Image.fromarray(face).resize((side, side), Image.Resampling.BICUBIC))
    noisy = large + np.random.default_rng(0).integers(-60, 60, large.shape)
    scale = SIZE / side
    matrix = turn(scale, 0, (scale - 1) / 2, (scale - 1) / 2)  # corners stay corners
    difference = warped(np.clip(noisy, 0, 255).astype(np.uint8), matrix).astype(int) - face
    plain = warped(large, matrix).astype(int) - face
    assert np.abs(plain).mean() < 3
    assert np.abs(difference).mean() < 35 / times + 4  # of noise with a deviation of 35


# The face


@pytest.mark.parametrize(("side", "angle"), [(80, 0), (140, 25), (140, -25)])
def test_a_small_turned_face_is_found_and_brought_upright(side, angle):
    (face,) = drawn_faces(1, 160)
    image = aligned(put(face, side, angle))
    assert image.shape == (SIZE, SIZE, 3)
    assert image.dtype == np.uint8
    found = similarity(landmarks(image), TEMPLATE)
    assert np.linalg.norm(moved(TEMPLATE, found) - TEMPLATE, axis=1).mean() < 6


def test_the_largest_face_is_taken():
    one, other = drawn_faces(2, 160)
    photograph = put(one, 140, 0).copy()
    photograph[-70:, -70:] = np.asarray(Image.fromarray(other).resize((70, 70)))
    np.testing.assert_array_equal(aligned(photograph), aligned(put(one, 140, 0)))


@pytest.mark.parametrize("size", [(1, 1), (40, 3), (300, 200)])
def test_a_picture_without_a_face_says_so(size):
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    with pytest.raises(NoFaceFound, match="finds no face"):
        aligned(noise)


def test_what_is_aligned_is_left_alone():
    """Also where it is larger than 112 pixels, and not where it is cropped otherwise."""
    once = aligned(put(drawn_faces(1, 160)[0], 150, 10))
    again = aligned(once)
    if again is not once:  # a drawn face has eyes and mouth where no person has them
        once, again = again, aligned(again)
    np.testing.assert_array_equal(again, once)
    large = np.asarray(Image.fromarray(once).resize((224, 224), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(aligned(large), large)
    wide = np.pad(once, ((60, 60), (60, 60), (0, 0)))
    assert aligned(wide).shape == (SIZE, SIZE, 3)


# The cache


def test_a_face_is_looked_for_once(isolated, monkeypatch):
    photograph = put(drawn_faces(1, 160)[0], 140, 5)
    first = aligned_once(photograph)
    np.testing.assert_array_equal(first, aligned(photograph))
    (kept,) = (locations.cache() / "aligned").glob("*/*")
    assert kept.suffix == ".png"
    monkeypatch.setattr(alignment, "landmarks", None)
    np.testing.assert_array_equal(aligned_once(photograph), first)
    with pytest.raises(TypeError):
        aligned_once(photograph[:-1])  # another picture


def test_that_there_is_no_face_is_remembered_too(isolated, monkeypatch):
    blank = np.full((60, 60, 3), 90, np.uint8)
    for _ in range(2):
        with pytest.raises(NoFaceFound):
            aligned_once(blank)
        monkeypatch.setattr(alignment, "landmarks", lambda image: pytest.fail("looked again"))


# Sources that align


@pytest.fixture
def photographs(data_folder):
    """Two persons with a photograph each, and a picture of nothing."""
    for person, face in zip(("Ann", "Bo"), drawn_faces(2, 160), strict=True):
        (data_folder / "raw" / person).mkdir(parents=True)
        Image.fromarray(put(face, 140, 12)).save(data_folder / "raw" / person / "1.png")
    Image.new("RGB", (90, 90), "grey").save(data_folder / "raw" / "Bo" / "2.png")
    return data_folder


def folders(align: bool = True) -> FolderSource:
    return FolderSource(FolderFaces(kind="folders", path="raw", align=align), 0)


def test_a_source_aligns_where_the_scenario_says_so(photographs):
    assert folders(False).read("folders/Ann/1.png").shape == (300, 420, 3)
    image = folders().read("folders/Ann/1.png")
    np.testing.assert_array_equal(image, aligned(folders(False).read("folders/Ann/1.png")))
    assert folders().facts("folders/Ann/1.png")["width"] == 420  # as stored
    with pytest.raises(UnreadableImage, match="folders/Bo/2.png: MTCNN finds no face"):
        folders().read("folders/Bo/2.png")


def test_a_table_and_lfw_align_as_well(photographs):
    (photographs / "mine.csv").write_text("path,identity\nraw/Ann/1.png,Ann\n")
    spec = ManifestFaces(kind="manifest", path="mine.csv", align=True)
    expected = folders().read("folders/Ann/1.png")
    np.testing.assert_array_equal(ManifestSource(spec, 0).read("manifest/raw/Ann/1.png"), expected)
    (photographs / "lfw" / "Ann").mkdir(parents=True)
    square = put(drawn_faces(1, 160)[0], 120, 0, (250, 250))
    Image.fromarray(square).save(photographs / "lfw" / "Ann" / "Ann_0001.png")
    lfw = LfwSource(LfwFaces(kind="lfw", align=True), 0)
    np.testing.assert_array_equal(lfw.read("lfw/Ann/Ann_0001.png"), aligned(square))


def test_photographs_without_a_face_are_counted(photographs):
    scenario = load_scenario("synthetic", {
        "assignment": "observed", "detectors.methods": [], "rivals": ["embedding_norm"],
        "splits": {"fit": 0, "calibrate": 0, "test": 1}, "faces": [
            {"kind": "folders", "path": "raw", "role": "member", "align": True},
            {"kind": "synthetic", "persons": 3, "images": 1, "role": "external"}],
    })  # fmt: skip
    found = inspect(assemble(open_sources(scenario), scenario))
    assert found.skipped["image_id"].tolist() == ["folders/Bo/2.png"]


# How photographs are stored


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_is_turned_as_the_camera_was_held(data_folder, orientation):
    pixels = np.asarray(Image.fromarray(drawn_faces(1, 48)[0]).resize((48, 32)))
    undo = {1: lambda p: p, 2: lambda p: p[:, ::-1], 3: lambda p: p[::-1, ::-1],
            4: lambda p: p[::-1], 5: lambda p: p.transpose(1, 0, 2),
            6: lambda p: np.rot90(p, 1), 7: lambda p: np.rot90(p, 2).transpose(1, 0, 2),
            8: lambda p: np.rot90(p, -1)}  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    (data_folder / "raw" / "Ann").mkdir(parents=True)
    stored = Image.fromarray(np.ascontiguousarray(undo[orientation](pixels)))
    stored.save(data_folder / "raw" / "Ann" / "1.png", exif=exif)
    np.testing.assert_array_equal(folders(False).read("folders/Ann/1.png"), pixels)


@pytest.mark.parametrize("exif", [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b""])
@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_broken_exif_does_no_harm(data_folder, exif):
    (data_folder / "raw" / "Ann").mkdir(parents=True)
    Image.fromarray(drawn_faces(1)[0]).save(data_folder / "raw" / "Ann" / "1.jpg", exif=exif)
    assert folders(False).read("folders/Ann/1.jpg").shape == (32, 32, 3)


def test_a_photograph_is_turned_though_other_exif_data_are_broken(data_folder):
    """Its width is a word: Pillow reads that, and fails to write it again."""
    entries = (0x0100, 2, 4, b"abc\0", 0x0112, 3, 1, 6)
    exif = b"Exif\0\0II*\0" + struct.pack("<IHHHI4sHHIII", 8, 2, *entries, 0)
    (data_folder / "raw" / "Ann").mkdir(parents=True)
    Image.new("RGB", (20, 30)).save(data_folder / "raw" / "Ann" / "1.jpg", exif=exif)
    assert folders(False).read("folders/Ann/1.jpg").shape == (20, 30, 3)


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "CMYK"])
def test_grey_transparent_and_printed_photographs_align_like_others(photographs, mode):
    photograph = Image.fromarray(folders(False).read("folders/Ann/1.png"))
    file = io.BytesIO()
    ending = "TIFF" if mode == "CMYK" else "PNG"
    photograph.convert(mode).save(file, ending)
    (photographs / "raw" / "Ann" / "2.png").write_bytes(file.getvalue())
    image = folders().read("folders/Ann/2.png").astype(int)
    expected = folders().read("folders/Ann/1.png").astype(int)
    if mode in ("L", "LA"):  # MTCNN sees the points of a grey face a pixel or two elsewhere
        assert (image == image[..., :1]).all()
        assert np.corrcoef(image.mean(axis=2).ravel(), expected.mean(axis=2).ravel())[0, 1] > 0.9
    else:
        assert np.abs(image - expected).mean() < 4


# Real photographs


def test_real_faces_land_on_the_template(real_data):
    """LFW's aligned crops, made small and turned: back to where they were."""
    files = sorted((real_data / "lfw" / "images").glob("*/*.jpg"))[::700]
    rng = np.random.default_rng(0)
    points, away = [], []
    for file in files:
        crop = np.asarray(Image.open(file).convert("RGB"))
        image = aligned(put(crop, int(rng.integers(80, 160)), rng.uniform(-25, 25)))
        points.append(landmarks(image))
        away.append(np.linalg.norm(points[-1] - landmarks(crop), axis=1).mean())
    assert np.abs(np.mean(points, axis=0) - TEMPLATE).max() < 2.5
    assert np.median(away) < 2.5


def test_real_aligned_crops_are_left_alone(real_data):
    files = sorted((real_data / "lfw" / "images").glob("*/*.jpg"))[::700]
    crops = [np.asarray(Image.open(file).convert("RGB")) for file in files]
    assert np.mean([aligned(crop) is crop for crop in crops]) >= 0.9
