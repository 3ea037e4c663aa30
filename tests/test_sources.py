"""Where faces come from: the same images every time, RGB whatever the file, errors with advice."""

import os
import shutil

import numpy as np
import pytest
from PIL import Image

from mint_utils import locations
from mint_utils.scenario import FolderFaces, LfwFaces, SyntheticFaces
from mint_utils.scenario_file import load_scenario
from mint_utils.sources import UnreadableImage, lfw, open_sources
from mint_utils.sources import synthetic as synthetic_faces
from mint_utils.sources.folders import FolderSource
from mint_utils.sources.lfw import LfwSource
from mint_utils.sources.portrait import draw_shot
from mint_utils.sources.synthetic import SyntheticSource


@pytest.fixture
def data(monkeypatch, tmp_path):
    """A folder for MINT_DATA, and no other place where photographs could be found."""
    monkeypatch.setattr(locations, "RAW", tmp_path / "raw")
    monkeypatch.setattr(lfw, "DOWNLOAD", tmp_path / "download")
    monkeypatch.setattr(lfw, "DOWNLOADED", tmp_path / "download" / "lfw_home" / "lfw_funneled")
    monkeypatch.setenv("MINT_DATA", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


@pytest.fixture
def offline(monkeypatch):
    """Every connection is refused at once, also on a machine that has a network."""
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)


def picture(seed: int = 0, side: int = 24) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3)).astype(np.uint8)
    return Image.fromarray(pixels)


def put(folder, person: str, name: str, image: Image.Image | None = None, **how):
    """Save a picture as folder/person/name."""
    (folder / person).mkdir(parents=True, exist_ok=True)
    (image or picture()).save(folder / person / name, **how)
    return folder / person / name


def folders(path: str = "faces", **more) -> FolderSource:
    return FolderSource(FolderFaces(kind="folders", path=path, **more), 0)


def synthetic(seed: int = 0, **more) -> SyntheticSource:
    return SyntheticSource(SyntheticFaces(kind="synthetic", size=32, **more), seed)


def test_synthetic_faces_are_the_same_for_the_same_seed_and_only_then():
    image_id = synthetic().images()["image_id"][3]
    one, again, other = (synthetic(seed).read(image_id) for seed in (0, 0, 1))
    assert one.shape == (32, 32, 3)
    assert one.dtype == np.uint8
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


def test_seed_and_number_decide_the_person_and_not_the_shot_alone(monkeypatch):
    shot = draw_shot(np.random.default_rng(0), "studio")
    monkeypatch.setattr(synthetic_faces, "draw_shot", lambda rng, look: shot)
    ids = synthetic(persons=2, images=2).images()["image_id"]
    one, same, other = (synthetic().read(image_id) for image_id in ids[:3])
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
    assert (one != synthetic(seed=1).read(ids[0])).any()


def test_a_larger_synthetic_set_contains_the_smaller_one():
    small, large = synthetic(persons=3, images=2), synthetic(persons=5, images=4)
    listed = small.images()
    assert len(listed) == 6
    assert len(large.images()) == 20
    assert set(map(tuple, listed.to_numpy())) < set(map(tuple, large.images().to_numpy()))
    for image_id in listed["image_id"]:
        np.testing.assert_array_equal(small.read(image_id), large.read(image_id))


def test_two_synthetic_groups_are_two_sets_of_persons():
    one, other = synthetic(group="one", persons=2), synthetic(group="other", persons=2)
    assert not set(one.images()["identity"]) & set(other.images()["identity"])
    assert (one.read("one/one_00000/000") != other.read("other/other_00000/000")).any()


def test_every_synthetic_picture_is_its_own():
    source = synthetic(persons=4, images=4)
    pictures = {source.read(image_id).tobytes() for image_id in source.images()["image_id"]}
    assert len(pictures) == 16


def test_folders_list_persons_and_images_in_order(data):
    for person, name in (("Bo", "2.png"), ("Bo", "1.JPG"), ("Ann", "b.bmp"), ("Ann", "a.webp")):
        put(data / "faces", person, name)
    (data / "faces" / "Ann" / "notes.txt").write_text("no picture")
    (data / "faces" / "list.csv").write_text("no person")
    listed = folders(group="mine").images()
    assert listed["image_id"].tolist() == [
        "mine/Ann/a.webp",
        "mine/Ann/b.bmp",
        "mine/Bo/1.JPG",
        "mine/Bo/2.png",
    ]
    assert listed["identity"].tolist() == ["Ann", "Ann", "Bo", "Bo"]
    assert all(folders(group="mine").read(image).ndim == 3 for image in listed["image_id"])


def test_hidden_files_and_folders_are_no_persons(data):
    put(data / "faces", "Ann", "a.png")
    put(data / "faces", "Ann", "._a.png")  # what macOS leaves beside every file it copies
    put(data / "faces", ".ipynb_checkpoints", "a-checkpoint.png")
    assert folders().images()["image_id"].tolist() == ["folders/Ann/a.png"]


def test_folder_image_ids_start_with_the_group_and_are_read_back(data):
    put(data / "faces", "folders", "folders.png")  # a person called like the group
    source = folders()
    (image_id,) = source.images()["image_id"]
    assert image_id == "folders/folders/folders.png"
    np.testing.assert_array_equal(source.read(image_id), np.asarray(picture()))


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1", "CMYK", "I;16"])
def test_every_kind_of_picture_becomes_rgb(data, mode):
    grey = picture().convert("L")
    converted = grey if mode == "I;16" else picture().convert(mode)
    if mode == "I;16":
        converted = Image.fromarray(np.asarray(grey).astype(np.uint16))
    put(data / "faces", "Ann", "a.jpg" if mode == "CMYK" else "a.png", converted)
    pixels = folders().read(folders().images()["image_id"][0])
    assert pixels.shape == (24, 24, 3)
    assert pixels.dtype == np.uint8
    if mode in ("L", "LA", "I;16"):
        np.testing.assert_array_equal(pixels, np.repeat(np.asarray(grey)[..., None], 3, 2))
    if mode == "RGBA":
        np.testing.assert_array_equal(pixels, np.asarray(picture()))


@pytest.mark.parametrize("kept", [0, 1, 2, 20, 300])
def test_a_truncated_jpeg_is_unreadable_and_named(data, kept):
    file = put(data / "faces", "Ann", "a.jpg")
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(UnreadableImage, match="folders/Ann/a.jpg"):
        folders().read("folders/Ann/a.jpg")


@pytest.mark.parametrize("ending", ["jpg", "png", "bmp", "webp"])
def test_text_called_a_picture_and_a_folder_called_a_picture_are_unreadable(data, ending):
    (data / "faces" / "Ann" / f"folder.{ending}").mkdir(parents=True)
    (data / "faces" / "Ann" / f"text.{ending}").write_text("<html>404 Not Found</html>")
    source = folders()
    for image_id in source.images()["image_id"]:
        with pytest.raises(UnreadableImage):
            source.read(image_id)


def test_a_picture_that_vanished_is_unreadable(data):
    put(data / "faces", "Ann", "a.png").unlink()
    with pytest.raises(UnreadableImage, match="a.png"):
        folders().read("folders/Ann/a.png")


def test_folder_without_person_folders_says_what_is_expected(data):
    (data / "faces").mkdir()
    picture().save(data / "faces" / "loose.png")
    with pytest.raises(ValueError, match="one folder a person.*Some_Person/1.jpg"):
        folders().images()


@pytest.mark.parametrize("depth", [2, 3])
def test_person_folders_may_lie_deeper(data, depth):
    """BUPT has RACE/PERSON/*.jpg."""
    above = data / "bupt" if depth == 2 else data / "bupt" / "train"
    put(above / "African", "m.01", "1.png")
    put(above / "Asian", "m.02", "1.png")
    put(above / "Asian", "m.02", "2.png")
    put(above / ".trash", "m.03", "1.png")
    (above / "Asian" / "list.txt").write_text("no person")
    source = folders("bupt", depth=depth)
    listed = source.images()
    assert listed["identity"].tolist() == ["m.01", "m.02", "m.02"]
    assert listed["image_id"][0].endswith("African/m.01/1.png")
    assert source.read(listed["image_id"][2]).shape == (24, 24, 3)
    before = source.stamp()
    put(above / "Asian", "m.02", "3.png")
    assert source.stamp() != before
    with pytest.raises(ValueError, match=f"no images in folders 1 deep.*say `depth: {depth}`"):
        folders("bupt").images()


def test_persons_of_one_name_under_two_folders_are_two(data):
    for race, person in (("African", "1"), ("Asian", "1"), ("Asian", "2")):
        put(data / "bupt" / race, person, "a.png")
    listed = folders("bupt", depth=2).images()
    assert listed["identity"].tolist() == ["African/1", "Asian/1", "2"]


def test_persons_of_one_name_stay_two_however_deep(data):
    for path in ("train/Asian", "test/Asian"):
        put(data / "bupt" / path, "1", "a.png")
    listed = folders("bupt", depth=3).images()
    assert listed["identity"].tolist() == ["test/Asian/1", "train/Asian/1"]


def test_the_folder_above_persons_is_the_group_of_a_report(data):
    put(data / "faces", "Asian/Ann", "1.png")
    put(data / "faces", "Indian/Bo", "1.png")
    assert folders(depth=2).images()["group"].tolist() == ["Asian", "Indian"]
    put(data / "flat", "Ann", "1.png")
    assert "group" not in folders("flat").images()


def test_a_link_in_an_archive_does_not_show_what_lies_elsewhere(data, tmp_path_factory):
    private = tmp_path_factory.mktemp("private")
    put(private, "me", "1.png")
    put(data / "faces", "Ann", "1.png")
    (data / "faces" / "Ann" / "2.png").symlink_to(private / "me" / "1.png")
    (data / "faces" / "Bo").symlink_to(private / "me")
    for image_id in ("folders/Ann/2.png", "folders/Bo/1.png"):
        with pytest.raises(UnreadableImage, match=f"{image_id}: lies outside of"):
            folders().read(image_id)
    assert folders().read("folders/Ann/1.png").ndim == 3


def test_some_persons_of_a_large_folder_are_drawn_by_the_seed(data):
    for number in range(12):
        put(data / "faces", f"p{number:02d}", "a.png")
        put(data / "faces", f"p{number:02d}", "b.png")
    few, more = (folders(persons=n).images() for n in (3, 7))
    assert len(few) == 6 and set(few["identity"]) < set(more["identity"])
    assert few["image_id"].is_monotonic_increasing and few.index.tolist() == list(range(6))
    other = FolderSource(FolderFaces(kind="folders", path="faces", persons=3), 1).images()
    assert set(other["identity"]) != set(few["identity"])
    left = sorted(set(folders().images()["identity"]) - set(few["identity"]))[:2]
    named = folders(persons=3, exclude=left[:1], held_out_persons=left[1:]).images()
    assert set(named["identity"]) == {*few["identity"], *left}


def test_a_file_instead_of_a_folder_is_said_to_be_one(data):
    (data / "faces").write_text("a file")
    with pytest.raises(NotADirectoryError, match="is a file; a folder of person folders"):
        folders().images()


def test_missing_folder_names_places_and_the_fix(data):
    for look in (folders().images, folders().stamp):
        with pytest.raises(FileNotFoundError) as error:
            look()
        assert str(data / "faces") in str(error.value)
        assert str(locations.RAW / "faces") in str(error.value)
        assert "set MINT_DATA" in str(error.value)


def test_stamp_follows_every_change_on_disk_and_nothing_else(data):
    file = put(data / "faces", "Ann", "a.bmp")
    stamps = [folders().stamp(), folders().stamp()]
    assert stamps[0] == stamps[1]
    size = file.stat().st_size
    put(data / "faces", "Ann", "a.bmp", picture(1))
    assert file.stat().st_size == size  # other pixels in as many bytes
    os.utime(file, (0, 2_000_000_000))
    stamps.append(folders().stamp())
    put(data / "faces", "Bo", "b.png")
    stamps.append(folders().stamp())
    (data / "faces" / "Bo" / "b.png").rename(data / "faces" / "Bo" / "c.png")
    stamps.append(folders().stamp())
    (data / "faces" / "Bo" / "c.png").unlink()
    stamps.append(folders().stamp())
    assert len(set(stamps[1:5])) == 4
    assert stamps[5] == stamps[2]


def lfw_source() -> LfwSource:
    return LfwSource(LfwFaces(kind="lfw"), 0)


@pytest.mark.parametrize("inside", ["", "images"])
def test_lfw_is_found_in_either_layout(data, inside):
    put(data / "lfw" / inside, "Aaron_Eckhart", "Aaron_Eckhart_0001.jpg")
    (data / "lfw" / "pairs.txt").write_text("the protocol")
    listed = lfw_source().images()
    assert listed["image_id"].tolist() == ["lfw/Aaron_Eckhart/Aaron_Eckhart_0001.jpg"]
    assert listed["identity"].tolist() == ["Aaron_Eckhart"]
    assert lfw_source().read(listed["image_id"][0]).shape == (24, 24, 3)


def test_lfw_that_was_downloaded_before_is_found(data):
    put(lfw.DOWNLOADED, "Aaron_Eckhart", "Aaron_Eckhart_0001.jpg")
    assert lfw_source().images()["identity"].tolist() == ["Aaron_Eckhart"]


def test_a_folder_that_is_here_goes_before_a_download(data):
    put(lfw.DOWNLOADED, "Aaron_Eckhart", "Aaron_Eckhart_0001.jpg")
    put(data / "own", "Ann", "1.jpg")
    own = LfwSource(LfwFaces(kind="lfw", path="own"), 0)
    assert own.images()["identity"].tolist() == ["Ann"]


def test_funneled_lfw_is_cropped_to_the_face(data):
    whole = picture(side=250)
    put(data / "lfw", "Ann", "a.png", whole)
    put(data / "lfw", "Ann", "b.png", picture(side=112))
    pixels = lfw_source().read("lfw/Ann/a.png")
    assert pixels.shape[0] == pixels.shape[1] < 250
    np.testing.assert_array_equal(pixels, np.asarray(whole)[lfw.FUNNELED_FACE])
    assert lfw_source().read("lfw/Ann/b.png").shape == (112, 112, 3)


@pytest.mark.filterwarnings("ignore:Retry downloading")
def test_lfw_without_copy_or_network_says_how_to_get_it(data, offline):
    with pytest.raises(FileNotFoundError) as error:
        lfw_source().images()
    words = str(error.value)
    assert "data/raw/lfw" in words
    assert "MINT_DATA" in words
    assert "network" in words
    assert not lfw.DOWNLOADED.exists()  # or the next run would take it for the data


def test_real_lfw_is_listed_whole(real_data):
    source = lfw_source()
    listed = source.images()
    assert listed["image_id"].is_unique
    assert listed["identity"].nunique() > 5000
    assert source.read(listed["image_id"][0]).ndim == 3


def test_two_sources_of_one_name_need_groups(data):
    one = {"kind": "synthetic", "persons": 3}
    with pytest.raises(ValueError, match="two sources are called 'synthetic'.*group"):
        open_sources(load_scenario("synthetic", {"faces": [one, one]}))
    opened = open_sources(load_scenario("synthetic", {"faces": [one, one | {"group": "b"}]}))
    assert list(opened) == ["synthetic", "b"]


def test_sources_are_lazy_until_asked(data):
    spec = {"kind": "folders", "path": "not_here"}
    opened = open_sources(load_scenario("synthetic", {"faces": [spec]}))
    with pytest.raises(FileNotFoundError, match="not_here"):
        opened["folders"].images()


def test_a_moved_copy_of_the_pictures_reads_the_same(data):
    put(data / "faces", "Ann", "a.png")
    shutil.copytree(data / "faces", data / "copy")
    np.testing.assert_array_equal(
        folders().read("folders/Ann/a.png"), folders("copy").read("folders/Ann/a.png")
    )


def test_is_here_says_so_without_downloading(monkeypatch, tmp_path):
    monkeypatch.setenv("MINT_DATA", str(tmp_path))
    kinds = {"kind": "lfw"}, {"kind": "folders", "path": "some_faces"}, {"kind": "synthetic"}
    opened = [open_sources(load_scenario("synthetic", {"faces": [k]})) for k in kinds]
    photos, folders, drawn = (next(iter(sources.values())) for sources in opened)
    if (locations.RAW / "lfw").exists() or (locations.RAW / "lfw_download").exists():
        pytest.skip("LFW lies in data/raw here")
    assert (photos.is_here(), folders.is_here(), drawn.is_here()) == (False, False, True)
    (tmp_path / "lfw").mkdir()
    (tmp_path / "some_faces").mkdir()
    assert photos.is_here() and folders.is_here()
