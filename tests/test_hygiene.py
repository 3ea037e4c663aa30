"""Before any audit: what cannot be read, what is there twice, what shows no face; and who is told.

Near duplicates and parity have test files of their own.
"""

from io import StringIO

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageFilter

from mint_utils.check import described
from mint_utils.faces import FaceSet, assemble
from mint_utils.hygiene import faces_found, hygiene_warnings, inspect, share_with_a_face
from mint_utils.near_duplicates import near_duplicates, perceptual_hash
from mint_utils.parity import compared
from mint_utils.scenario_file import load_scenario
from mint_utils.sources import open_sources

PERSONS = 6
IMAGES = 4
OVERRIDES = {
    "detectors.methods": [],
    "splits": {"fit": 0, "calibrate": 0, "test": 1},
    "roles.held_out_images": 0.25,
}


@pytest.fixture
def folder(tmp_path):
    """Six persons with four pictures of noise each; a picture is its person and number."""
    for person in range(PERSONS):
        (tmp_path / f"p{person}").mkdir()
        for number in range(IMAGES):
            noise = np.random.default_rng([person, number]).integers(0, 256, (20, 20, 3))
            Image.fromarray(noise.astype(np.uint8)).save(tmp_path / f"p{person}" / f"{number}.png")
    return tmp_path


def scenario(folder, **more):
    faces = [{"kind": "folders", "path": str(folder)}]
    return load_scenario("synthetic", OVERRIDES | {"faces": faces} | more)


def assembled(folder) -> FaceSet:
    spec = scenario(folder)
    return assemble(open_sources(spec), spec)


def of_role(faces: FaceSet, role: str, folder, person: int = 0):
    """The files of the ``person``-th person with this role."""
    table = faces.table[faces.table["role"] == role]
    table = table[table["identity"] == sorted(table["identity"].unique())[person]]
    return [folder / image_id.removeprefix("folders/") for image_id in table["image_id"]]


def test_clean_images_are_all_kept_with_their_digests(folder):
    found = inspect(assembled(folder))
    assert len(found.faces) == PERSONS * IMAGES
    assert found.faces.table["digest"].is_unique
    assert found.faces.table["perceptual"].str.fullmatch("[0-9a-f]{256}").all()
    assert found.skipped.empty
    assert found.duplicates.empty
    assert list(found.skipped) == ["image_id", "why"]


def test_corrupt_images_are_skipped_and_listed_and_the_rest_is_renumbered(folder):
    faces = assembled(folder)
    broken = [folder / "p0" / "0.png", folder / "p3" / "2.png"]
    for file in broken:
        file.write_bytes(file.read_bytes()[:60])
    found = inspect(faces)
    assert found.skipped["image_id"].tolist() == ["folders/p0/0.png", "folders/p3/2.png"]
    assert found.skipped["why"].str.len().min() > 10
    assert len(found.faces) == PERSONS * IMAGES - 2
    assert found.faces.table.index.tolist() == list(range(len(found.faces)))
    kept = found.faces.table["image_id"]
    for row in (0, 12, len(kept) - 1):  # rows and pictures still belong together
        expected = np.asarray(Image.open(folder / kept[row].removeprefix("folders/")))
        np.testing.assert_array_equal(found.faces.read(row), expected)
        assert found.faces.table["perceptual"][row] == perceptual_hash(expected)


def test_nothing_readable_is_an_error_that_shows_the_first(folder):
    faces = assembled(folder)
    for file in folder.glob("*/*.png"):
        file.write_bytes(b"")
    with pytest.raises(ValueError, match="none of 24 images can be read.*folders/p0/0.png"):
        inspect(faces)


@pytest.mark.parametrize("other", ["external", "held_out"])
def test_one_picture_on_both_sides_is_refused_by_name(folder, other):
    faces = assembled(folder)
    one, two = of_role(faces, "member", folder)[0], of_role(faces, other, folder)[0]
    two.write_bytes(one.read_bytes())
    with pytest.raises(ValueError, match="1 images are on both sides") as error:
        inspect(faces)
    assert f"{one.parent.name}/{one.name}" in str(error.value)
    assert f"{two.parent.name}/{two.name}" in str(error.value)


def test_the_same_pixels_in_another_file_format_are_found(folder):
    faces = assembled(folder)
    one, two = of_role(faces, "member", folder)[0], of_role(faces, "external", folder)[0]
    Image.open(one).save(two, compress_level=0)
    assert one.read_bytes() != two.read_bytes()
    with pytest.raises(ValueError, match="on both sides"):
        inspect(faces)


def test_pictures_that_are_there_twice_within_a_role_are_listed(folder):
    faces = assembled(folder)
    one, two, three = of_role(faces, "external", folder)[:3]
    for copy in (two, three):
        copy.write_bytes(one.read_bytes())
    duplicates = inspect(faces).duplicates
    assert len(duplicates) == 2
    assert duplicates["same_as"].str.endswith(one.name).all()
    assert (duplicates["role"] == "external").all()
    assert (duplicates["same_as_role"] == "external").all()


def test_duplicate_across_more_than_two_images_is_refused_whatever_comes_first(folder):
    faces = assembled(folder)
    files = of_role(faces, "external", folder)[:2] + of_role(faces, "member", folder)[:2]
    for file in files[1:]:
        file.write_bytes(files[0].read_bytes())
    with pytest.raises(ValueError, match="on both sides"):
        inspect(faces)


def saved(table: pd.DataFrame) -> pd.DataFrame:
    """The table as a later notebook reads it."""
    return pd.read_csv(StringIO(table.to_csv(index=False)))


@pytest.mark.parametrize("other", ["external", "held_out"])
def test_a_copy_with_other_pixels_stops_nothing_and_is_said(folder, other):
    faces = assembled(folder)
    one, two = of_role(faces, "member", folder)[0], of_role(faces, other, folder)[0]
    picture = Image.open(one).resize((80, 80)).filter(ImageFilter.GaussianBlur(8))
    picture.save(one)
    picture.point(lambda value: min(255, value + 3)).save(two)
    found = inspect(faces)
    assert len(found.faces) == PERSONS * IMAGES and found.duplicates.empty
    pairs = near_duplicates(found.faces.table)
    assert set(pairs[["role", "same_as_role"]].to_numpy()[0]) == {"member", other}
    (words,) = hygiene_warnings(saved(pairs), saved(compared(pd.DataFrame(), [], [])))
    assert f"{one.parent.name}/{one.name}" in words and f"{two.parent.name}/{two.name}" in words


def test_a_report_says_what_looks_alike_and_what_differs(folder):
    table = inspect(assembled(folder)).faces.table
    pairs = near_duplicates(table.assign(perceptual=table["perceptual"][0]).iloc[[0, -1]])
    pairs[["role", "same_as_role"]] = "external", "member"
    side = np.arange(40) % 2 == 0
    differs = compared(pd.DataFrame({"brightness": 100.0 + 9 * side}), np.arange(40), side)
    alike, unlike = hygiene_warnings(saved(pairs), saved(differs))
    assert "look the same across the two sides" in alike
    assert "differ in brightness (median 109 against 100" in unlike
    same = compared(pd.DataFrame({"brightness": np.ones(40)}), np.arange(40), side)
    assert hygiene_warnings(saved(pairs.iloc[:0]), saved(same)) == []


def test_a_check_tells_both_sides_and_how_they_differ():
    looks = [("studio", "member"), ("street", "external")]
    drawn = {"kind": "synthetic", "persons": 12, "images": 2, "size": 32}
    faces = [drawn | {"group": look, "look": look, "role": role} for look, role in looks]
    told = list(described(load_scenario("synthetic", {"assignment": "observed", "faces": faces})))
    assert "member side: 12 persons, 24 images" in told
    assert "external side: 12 persons, 24 images" in told
    assert "pairs of images that look the same: 0" in told
    assert any("property" in words and "saturation" in words for words in told)
    (warning,) = [words for words in told if words.startswith("warning: ")]
    assert "brightness (median" in warning


def test_noise_is_no_folder_of_faces(folder):
    spec = scenario(folder)
    with pytest.raises(ValueError, match="MTCNN found no face in any of 6 .*folder of faces"):
        share_with_a_face(assembled(folder), sample=6)
    drawn = load_scenario("synthetic")
    assert faces_found(assembled(folder), drawn).empty  # drawn faces are not asked about
    assert [source.kind for source in spec.faces] == ["folders"]


def test_landscapes_are_no_folder_of_faces(folder):
    for file in folder.glob("*/*.png"):
        sky = np.linspace(250, 120, 40)[:, None, None] * np.array([0.6, 0.8, 1.0])
        ground = np.linspace(60, 120, 24)[:, None, None] * np.array([0.5, 1.0, 0.3])
        scene = np.repeat(np.concatenate([sky, ground]), 64, axis=1)
        Image.fromarray(scene.astype(np.uint8)).save(file)
    with pytest.raises(ValueError, match="is this a folder of faces"):
        share_with_a_face(assembled(folder), sample=6)


def test_a_source_of_which_nothing_is_left_is_named(folder):
    faces = assembled(folder)
    with pytest.raises(ValueError, match="no images"):
        share_with_a_face(faces.where(np.zeros(len(faces), bool)))


def test_faces_are_found_in_photographs_of_faces(real_data):
    faces = [{"kind": "folders", "path": str(real_data / "glint_celebs" / "images")}]
    spec = load_scenario("synthetic", OVERRIDES | {"faces": faces, "roles.max_images": 1})
    found = assemble(open_sources(spec), spec)
    assert share_with_a_face(found, sample=8) > 0.8


def test_every_photographed_source_gets_its_share(real_data):
    wanted = [{"kind": "folders", "path": str(real_data / "glint_celebs" / "images")}]
    spec = load_scenario("synthetic", OVERRIDES | {"faces": wanted, "roles.max_images": 1})
    faces = assemble(open_sources(spec), spec)
    few = faces.where(np.arange(len(faces)) < 4)
    table = faces_found(few, spec)
    assert table["source"].tolist() == ["folders"]
    assert 0 < table["with_a_face"][0] <= 1
