"""Adience as its authors give it out: fold files with tabs, crops whose names hold the face."""

import os

import numpy as np
import pytest
from conftest import drawn_faces
from PIL import Image

from mint_utils.scenario import AdienceFaces
from mint_utils.sources import UnreadableImage
from mint_utils.sources.adience import AdienceSource

HEADER = (
    "user_id\toriginal_image\tface_id\tage\tgender\tx\ty\tdx\tdy\ttilt_ang\t"
    "fiducial_yaw_angle\tfiducial_score\n"
)
ROWS = [  # (fold, user, photograph, face)
    (0, "30601258@N03", "10399646885_67c7d20df9_o.jpg", 1),
    (0, "30601258@N03", "10424815813_e94629b1ec_o.jpg", 2),
    (3, "30601258@N03", "10437979845_5985be4b26_o.jpg", 1),
    (4, "7285955@N06", "9486768763_e52727c632_o.jpg", 1),
]


def row(user: str, photograph: str, face: int) -> str:
    return f"{user}\t{photograph}\t{face}\t(25, 32)\tf\t0\t414\t1086\t1383\t-115\t30\t17\n"


@pytest.fixture
def adience(data_folder):
    """Four crops of three persons in data/adience/faces, and one of them in aligned/ too."""
    folder = data_folder / "adience"
    pictures = [Image.fromarray(face) for face in drawn_faces(len(ROWS))]
    for picture, (_, user, photograph, face) in zip(pictures, ROWS, strict=True):
        for kind, prefix in (("faces", "coarse_tilt"), ("aligned", "landmark")):
            (folder / kind / user).mkdir(parents=True, exist_ok=True)
            picture.save(folder / kind / user / f"{prefix}_aligned_face.{face}.{photograph}")
    for fold in range(5):
        lines = [row(*rest) for number, *rest in ROWS if number == fold]
        (folder / f"fold_{fold}_data.txt").write_text(HEADER + "".join(lines))
        (folder / f"fold_frontal_{fold}_data.txt").write_text(HEADER + "".join(lines[:1]))
    return folder


def source(**more) -> AdienceSource:
    return AdienceSource(AdienceFaces(kind="adience", **more), 0)


def test_a_person_is_one_face_of_one_album(adience):
    listed = source().images()
    assert listed["identity"].tolist() == [
        "30601258@N03_1", "30601258@N03_2", "30601258@N03_1", "7285955@N06_1",
    ]  # fmt: skip
    assert listed["image_id"][0] == (
        "adience/faces/30601258@N03/coarse_tilt_aligned_face.1.10399646885_67c7d20df9_o.jpg"
    )
    assert listed["image_id"].is_unique
    assert source().is_here()


@pytest.mark.parametrize("faces", ["faces", "aligned"])
def test_either_folder_of_crops_is_read(adience, faces):
    read = [source(faces=faces).read(i) for i in source(faces=faces).images()["image_id"]]
    for image, face in zip(read, drawn_faces(len(ROWS)), strict=True):
        assert image.shape == (32, 32, 3)
        assert np.abs(image.astype(int) - face).mean() < 12  # a JPEG of it


def test_a_crop_that_is_listed_and_not_there_is_unreadable(adience):
    image_id = source().images()["image_id"][1]
    before = source().stamp()
    (adience / image_id.removeprefix("adience/")).unlink()
    with pytest.raises(UnreadableImage, match="coarse_tilt_aligned_face.2"):
        source().read(image_id)
    assert len(source().images()) == 4
    assert source().stamp() != before


def test_stamp_follows_crops_and_folds(adience):
    stamps = [source().stamp(), source().stamp()]
    assert stamps[0] == stamps[1]
    crop = adience / source().images()["image_id"][0].removeprefix("adience/")
    os.utime(crop, (0, 2_000_000_000))
    stamps.append(source().stamp())
    fold = adience / "fold_0_data.txt"
    fold.write_text(fold.read_text().replace("\t1\t", "\t7\t"))
    stamps.append(source().stamp())
    assert len(set(stamps)) == 3


def test_what_is_missing_is_named(adience, data_folder):
    with pytest.raises(FileNotFoundError, match="the Adience folder 'nowhere' not found") as error:
        source(path="nowhere").images()
    assert str(data_folder / "nowhere") in str(error.value)
    (adience / "faces").rename(adience / "renamed")
    with pytest.raises(FileNotFoundError, match=r"lacks the folder faces/ \(from faces.tar.gz\)"):
        source().images()
    for fold in adience.glob("fold_?_data.txt"):
        fold.unlink()
    with pytest.raises(FileNotFoundError, match="lacks fold_0_data.txt to fold_4_data.txt and the"):
        source().images()
    assert not source().is_here() and not source(path="nowhere").is_here()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "fold_0_data.txt is no table with tabs"),
        ("user_id,original_image,face_id\nu,a.jpg,1\n", "has no column 'user_id' but user_id,orig"),
        ("user_id\tface_id\nu\t1\n", "has no column 'original_image'"),
        ("a\tb\n1\t2\t3\t4\n1\t2\n", "fold_0_data.txt"),
        (HEADER + row("u", "a.jpg", 1) + "u\tb.jp\n", "row 2 of 2 lacks one of user_id"),
        (HEADER + row("../..", "a.jpg", 1), r"names '\.\./\.\./a.jpg', outside of its folder"),
    ],
)
def test_a_foreign_fold_file_is_refused(adience, content, words):
    (adience / "fold_0_data.txt").write_text(content)
    with pytest.raises(ValueError, match=words):
        source().images()


def test_a_tab_at_the_end_of_rows_shifts_nothing(adience):
    before = source().images()
    for fold in adience.glob("fold_?_data.txt"):
        header, _, rows = fold.read_text().partition("\n")
        fold.write_text(f"{header}\n" + rows.replace("\n", "\t\n"))
    assert source().images().equals(before)


def test_some_persons_are_drawn(adience):
    assert source(persons=1).images()["identity"].nunique() == 1
    named = source(persons=1, exclude=("7285955@N06_1",)).images()["identity"]
    assert named.nunique() == 2 and "7285955@N06_1" in set(named)
