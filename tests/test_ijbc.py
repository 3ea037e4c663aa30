"""IJB-C in both layouts: NIST's table of face boxes, InsightFace's lists of landmarks."""

import numpy as np
import pytest
from conftest import drawn_faces
from PIL import Image

from mint_utils.alignment import TEMPLATE
from mint_utils.scenario import IjbcFaces
from mint_utils.sources import UnreadableImage
from mint_utils.sources.ijbc import IjbcSource

HEADER = "SUBJECT_ID,FILENAME,SIGHTING_ID,FACE_X,FACE_Y,FACE_WIDTH,FACE_HEIGHT,FRAME_NUM,YAW\n"
ROWS = [
    "3,img/11.jpg,1,20,30,40,50,NaN,3.5",
    "3,frames/7.png,2,10,10,30,30,99,",
    "12,img/11.jpg,3,70,0,40,40,NaN,",  # a second face in the first picture
    "3,img/11.jpg,1,20,30,40,50,NaN,3.5",  # twice there, as some are
    "NaN,img/11.jpg,4,0,0,10,10,NaN,",  # nobody knows whose
    "12,img/12.jpg,5,NaN,NaN,NaN,NaN,NaN,",  # nor where
]


def scene() -> Image.Image:
    """Grey, with a white square from (20, 35) to (60, 75) and a black one inside."""
    pixels = np.full((100, 120, 3), 128, np.uint8)
    pixels[35:75, 20:60] = 255
    pixels[45:65, 30:50] = 0
    return Image.fromarray(pixels)


@pytest.fixture
def nist(data_folder):
    folder = data_folder / "ijbc"
    for name in ("img/11.jpg", "frames/7.png", "img/12.jpg"):
        (folder / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        scene().save(folder / "images" / name, quality=100)
    (folder / "protocols").mkdir()
    (folder / "protocols" / "ijbc_metadata.csv").write_text(HEADER + "\n".join(ROWS))
    return folder


def turned(face: np.ndarray) -> tuple[Image.Image, np.ndarray]:
    """A crop of 112 pixels turned, enlarged and put somewhere, and where TEMPLATE went with it."""
    cosine, sine, shift = 2 * np.cos(0.3), 2 * np.sin(0.3), np.array([150, 60])
    forward = np.array([[cosine, -sine], [sine, cosine]])
    back = np.linalg.inv(forward)
    edge = shift + 0.5 - forward @ [0.5, 0.5]  # Pillow counts from the edges of pixels
    matrix = np.column_stack([back, -back @ edge])
    picture = Image.fromarray(face).transform(
        (500, 420), Image.Transform.AFFINE, matrix.ravel(), Image.Resampling.BICUBIC
    )
    return picture, TEMPLATE @ forward.T + shift


@pytest.fixture
def insightface(data_folder):
    folder = data_folder / "ijbc"
    (folder / "loose_crop").mkdir(parents=True)
    (folder / "meta").mkdir()
    points, templates = "", ""
    for number, face in enumerate(drawn_faces(4, 112), start=1):
        picture, landmarks = turned(face)
        picture.save(folder / "loose_crop" / f"{number}.jpg", quality=100)
        told = " ".join(f"{value:.3f}" for value in landmarks.ravel())
        points += f"{number}.jpg {told} 0.999\n"
        templates += f"{number}.jpg {number // 2} {7000 + number}\n"
    (folder / "meta" / "ijbc_name_5pts_score.txt").write_text(points)
    (folder / "meta" / "ijbc_face_tid_mid.txt").write_text(templates)
    header = "TEMPLATE_ID,SUBJECT_ID,FILENAME,SIGHTING_ID,FACE_X\n"
    (folder / "meta" / "ijbc_1N_gallery_G1.csv").write_text(f"{header}0,55,img/1.jpg,1,5\n")
    (folder / "meta" / "ijbc_1N_probe_mixed.csv").write_text(f"{header}1,56,img/2.jpg,2,5\n")
    return folder  # template 2, of 4.jpg, is in neither list


def source(**more) -> IjbcSource:
    return IjbcSource(IjbcFaces(kind="ijbc", **more), 0)


def test_faces_whose_subject_and_place_are_known_are_listed_once(nist):
    assert source().images().to_numpy().tolist() == [
        ["ijbc/3/img/11.jpg", "3"], ["ijbc/3/frames/7.png", "3"], ["ijbc/12/img/11.jpg", "12"],
    ]  # fmt: skip
    assert source().is_here()


@pytest.mark.parametrize(("margin", "side"), [(0, 50), (0.3, 80)])
def test_the_square_around_the_box_is_cut_out(nist, margin, side):
    image = source(margin=margin).read("ijbc/3/img/11.jpg")
    assert image.shape == (side, side, 3)
    middle = side // 2  # of the box: x = 40, y = 55, where the black square lies
    assert image[middle - 8 : middle + 8, middle - 8 : middle + 8].mean() < 12
    ring = image[middle - 18 : middle + 18, middle - 18]  # 18 pixels to the left of it: white
    assert ring.mean() > 240


def test_beyond_the_picture_is_black(nist):
    image = source(margin=0.5).read("ijbc/12/img/11.jpg")  # from x = 50, y = -20
    assert image.shape == (80, 80, 3)
    assert image[:15].max() < 5
    assert image[30:, :15].mean() > 100
    assert source().facts("ijbc/12/img/11.jpg")["width"] == 120


def test_landmarks_bring_faces_to_the_template(insightface):
    listed = source().images()
    assert listed.to_numpy().tolist() == [
        ["ijbc/55/1.jpg", "55"], ["ijbc/56/2.jpg", "56"], ["ijbc/56/3.jpg", "56"],
    ]  # fmt: skip
    for image_id, face in zip(listed["image_id"], drawn_faces(3, 112), strict=True):
        image = source().read(image_id)
        assert image.shape == (112, 112, 3)
        inner = np.abs(image.astype(int) - face)[6:-6, 6:-6]
        assert inner.mean() < 6


def test_a_face_that_is_not_where_the_table_says_is_unreadable(nist):
    table = nist / "protocols" / "ijbc_metadata.csv"
    table.write_text(HEADER + "3,img/11.jpg,1,500,30,40,50,,\n3,img/12.jpg,1,5,5,0,0,,\n"
                     "12,img/11.jpg,1,-60,30,40,50,,\n12,img/12.jpg,1,5,-60,9,60,,\n")  # fmt: skip
    for image_id in source().images()["image_id"]:
        with pytest.raises(UnreadableImage, match="face box .* is not in the picture"):
            source().read(image_id)


def test_landmarks_that_are_one_point_are_unreadable(insightface):
    file = insightface / "meta" / "ijbc_name_5pts_score.txt"
    file.write_text("1.jpg" + " 0" * 10 + " 0.1\n" + file.read_text().partition("\n")[2])
    with pytest.raises(UnreadableImage, match="ijbc/55/1.jpg: landmarks .* are one point"):
        source().read("ijbc/55/1.jpg")
    assert source().read("ijbc/56/2.jpg").shape == (112, 112, 3)


def test_what_is_missing_is_named_for_both_layouts(insightface):
    with pytest.raises(FileNotFoundError, match="the IJB-C folder 'nowhere' not found"):
        source(path="nowhere").images()
    (insightface / "meta" / "ijbc_face_tid_mid.txt").unlink()
    with pytest.raises(FileNotFoundError, match="protocols/ijbc_metadata.csv with images/.*NIST"):
        source().images()
    assert not source().is_here() and not source(path="nowhere").is_here()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is no table of IJB-C with SUBJECT_ID"),
        ("A,B\n1,2\n", "is no table of IJB-C with SUBJECT_ID.*FACE_X"),
        (HEADER + "x,img/1.jpg,1,1,1,1,1,,\n", "is no table of IJB-C"),
        (HEADER + "1.5,img/1.jpg,1,1,1,1,1,,\n", "is no table of IJB-C"),
        (HEADER + "3,../../11.jpg,1,1,1,9,9,,\n", r"names 'images/\.\./.*, outside of its folder"),
        (HEADER, "has no face whose subject and place are known"),
    ],
)
def test_a_foreign_table_is_refused(nist, content, words):
    (nist / "protocols" / "ijbc_metadata.csv").write_text(content)
    with pytest.raises(ValueError, match=words):
        source().images()


@pytest.mark.parametrize(
    "content", ["", "1.jpg 1 2 3\n", "1.jpg" + " 1" * 12 + "\n", "1.jpg" + " x" * 11 + "\n"]
)
def test_a_foreign_list_of_landmarks_is_refused(insightface, content):
    (insightface / "meta" / "ijbc_name_5pts_score.txt").write_text(content)
    with pytest.raises(ValueError, match="ijbc_name_5pts_score.txt has no lines of 12 values"):
        source().images()


def test_a_picture_that_is_listed_twice_does_no_harm(insightface):
    before = source().images()
    for file in ("ijbc_name_5pts_score.txt", "ijbc_face_tid_mid.txt"):
        lines = (insightface / "meta" / file).read_text()
        (insightface / "meta" / file).write_text(lines + lines.partition("\n")[0] + "\n")
    assert source().images().equals(before)


def test_stamp_follows_the_tables(nist):
    before = source().stamp()
    assert source().stamp() == before
    table = nist / "protocols" / "ijbc_metadata.csv"
    table.write_text(table.read_text().replace("20,30,40,50", "21,30,40,50"))
    assert source().stamp() != before  # another box, so other pixels


def test_some_subjects_are_drawn(nist):
    assert source(persons=1).images()["identity"].nunique() == 1
