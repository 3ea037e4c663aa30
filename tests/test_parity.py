"""What differs between the two sides is named in plain words; what chance explains is not."""

from dataclasses import dataclass
from io import BytesIO, StringIO

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageFilter, ImageOps

from mint_utils import appearance
from mint_utils import parity as module
from mint_utils.face_boxes import face_boxes
from mint_utils.faces import FaceSet
from mint_utils.parity import COLUMNS, compared, parity, parity_warnings
from mint_utils.scenario import FolderFaces, LfwFaces, SyntheticFaces
from mint_utils.sources.folders import FolderSource
from mint_utils.sources.jpeg import jpeg_quality
from mint_utils.sources.lfw import LfwSource
from mint_utils.sources.synthetic import SyntheticSource

PERSONS, SHOTS = 15, 2  # a side


@dataclass
class Pictures:
    """A source as a user may write one: it reads images and knows nothing of files."""

    pictures: dict[str, np.ndarray]
    asked: int = 0

    def read(self, image_id: str) -> np.ndarray:
        self.asked += 1
        return self.pictures[image_id]


def face_set(members, externals, sources: dict) -> FaceSet:
    """A face set of (image_id, identity, source) rows on each side."""
    rows = [(*row, "member") for row in members] + [(*row, "external") for row in externals]
    return FaceSet(pd.DataFrame(rows, columns=["image_id", "identity", "source", "role"]), sources)


@pytest.fixture(scope="module")
def drawn() -> list[list[Image.Image]]:
    """Thirty drawn persons with two shots each."""
    spec = SyntheticFaces(kind="synthetic", persons=2 * PERSONS, images=SHOTS, size=64)
    source = SyntheticSource(spec, 0)
    shots = [Image.fromarray(source.read(i)) for i in source.images()["image_id"]]
    return [shots[at : at + SHOTS] for at in range(0, len(shots), SHOTS)]


@pytest.fixture(autouse=True)
def few_face_boxes(monkeypatch):
    """MTCNN is the slow part, and drawn faces in a folder are asked about like photographs."""
    monkeypatch.setattr(module, "FACES", 2)


def in_folders(drawn, folder, member_side: dict, external_side: dict) -> FaceSet:
    """The drawn persons as files, each side with its ``change``, ``ending`` and save options."""
    sides = []
    for name, how in (("in", dict(member_side)), ("out", dict(external_side))):
        change, ending = how.pop("change", lambda image: image), how.pop("ending", "png")
        for number, shots in enumerate(drawn[:PERSONS] if name == "in" else drawn[PERSONS:]):
            (folder / name / f"{name}{number}").mkdir(parents=True)
            for shot, image in enumerate(shots):
                file = folder / name / f"{name}{number}" / f"{shot}.{ending}"
                change(image).save(file, **how)
        source = FolderSource(FolderFaces(kind="folders", path=str(folder / name), group=name), 0)
        listed = source.images()
        rows = [(i, who, name) for i, who in listed.itertuples(index=False)]
        sides.append((rows, source))
    (members, one), (externals, other) = sides
    return face_set(members, externals, {"in": one, "out": other})


def resaved(image: Image.Image, quality: int) -> Image.Image:
    file = BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


JPEG = {"ending": "jpg", "quality": 95}
PLANTED = {  # property -> (member side, external side, sign of the member side's difference)
    "JPEG quality": (JPEG | {"quality": 85}, JPEG, -1),
    "JPEG format": (JPEG, {}, 1),
    "width": ({"change": lambda image: image.resize((80, 64))}, {}, 1),
    "height": ({"change": lambda image: image.resize((64, 60))}, {}, -1),
    "brightness": ({"change": lambda image: image.point(lambda v: min(255, 1.6 * v))}, {}, 1),
    "contrast": ({"change": lambda image: image.point(lambda v: 70 + v // 2)}, {}, -1),
    "saturation": ({"change": lambda image: image.convert("L").convert("RGB")}, {}, -1),
    "sharpness": ({"change": lambda image: image.filter(ImageFilter.GaussianBlur(1))}, {}, -1),
    "noise": ({"change": lambda image: image.filter(ImageFilter.GaussianBlur(1))}, {}, -1),
    "block edges": ({"change": lambda image: resaved(image, 30)}, {}, 1),
    "rim brightness": (
        {"change": lambda image: ImageOps.expand(image.crop((4, 4, 60, 60)), 4)},
        {},
        -1,
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_difference_is_flagged(drawn, tmp_path, name):
    member_side, external_side, sign = PLANTED[name]
    table = parity(in_folders(drawn, tmp_path, member_side, external_side))
    assert list(table) == COLUMNS
    row = table.set_index("property").loc[name]
    assert row["differs"]
    assert sign * (row["auc"] - 0.5) > 0.2
    assert row["low"] <= row["auc"] <= row["high"]
    assert not row["low"] <= 0.5 <= row["high"]


def test_a_jpeg_quality_is_told_in_plain_words(drawn, tmp_path):
    table = parity(in_folders(drawn, tmp_path, JPEG | {"quality": 85}, JPEG))
    only = table[table["property"].isin(["width", "JPEG format", "JPEG quality"])]
    assert only["differs"].tolist() == [False, False, True]
    assert parity_warnings(only) == [
        "The two sides differ in JPEG quality (median 85 against 95; a random member-side image is "
        "the lower in 100 %): a detector can tell the sets apart without any model."
    ]


def test_persons_drawn_alike_and_saved_alike_do_not_differ(drawn, tmp_path):
    table = parity(in_folders(drawn, tmp_path, JPEG, JPEG))
    assert not table["differs"].any()
    assert parity_warnings(table) == []
    assert set(PLANTED) <= set(table["property"])


def cheap(seed: int, persons: int = 60, properties: int = 12):
    """Numbers for 4 images of each person, who has a level of his own: no side means anything."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(persons), 4)
    values = rng.standard_normal((persons, properties))[who]
    values += 0.3 * rng.standard_normal(values.shape)
    member_side = np.isin(who, rng.permutation(persons)[: persons // 2])
    return pd.DataFrame(values, columns=[f"p{n}" for n in range(properties)]), who, member_side


@pytest.mark.parametrize("persons", [8, 40])
def test_random_halves_of_one_set_are_not_flagged(persons):
    tables = [compared(*cheap(seed, persons)) for seed in range(20)]
    assert not any(table["differs"].any() for table in tables)
    if persons == 40:  # intervals alone would have cried wolf: there are so many properties
        assert sum(((t["low"] > 0.5) | (t["high"] < 0.5)).any() for t in tables) >= 5


def test_a_difference_of_a_standard_deviation_is_found_and_the_others_left_alone():
    values, who, member_side = cheap(0)
    values["p3"] += 1.5 * member_side
    table = compared(values, who, member_side)
    assert table.loc[table["differs"], "property"].tolist() == ["p3"]
    assert table["p"].min() <= module.LEVEL


def test_a_certain_difference_that_is_slight_is_none():
    values, who, member_side = cheap(0, persons=2000, properties=1)
    values["p0"] += 0.2 * member_side
    table = compared(values, who, member_side)
    assert table["low"][0] > 0.5 and table["p"][0] < 0.001 and not table["differs"][0]


def test_images_of_few_persons_are_no_crowd():
    """Three persons a side with a hundred images each: levels differ, and prove nothing."""
    who = np.repeat(np.arange(6), 100)
    values = pd.DataFrame({"level": who + np.random.default_rng(0).random(600)})
    table = compared(values, who, who >= 3)
    assert table["auc"][0] == 1 and not table["differs"][0]


def test_p_values_agree_with_every_exchange_of_persons():
    """One property, 3 against 3: 2 of the 20 exchanges are as extreme as all in order."""
    who = np.arange(6)
    table = compared(pd.DataFrame({"one": [1.0, 2, 3, 4, 5, 6]}), who, who >= 3)
    assert table["p"][0] == pytest.approx(2 / 20, abs=0.02)


@pytest.mark.parametrize("member_side", [[True] * 6, [False] * 6, [True, False] * 3])
def test_constants_blanks_and_a_missing_side_are_no_difference(member_side):
    values = pd.DataFrame(
        {
            "constant": [7.0] * 6,
            "half known": [1.0, np.nan, 1.5, np.nan, 2.0, np.nan],
            "unknown": [np.nan] * 6,
            "varies": [1.0, 2, 3, 4, 5, 6],
        }
    )
    table = compared(values, np.arange(6), np.array(member_side))
    assert table["property"].tolist() == ["constant", "half known", "varies"]
    assert not table["differs"].any() and parity_warnings(table) == []
    both = len(set(member_side)) == 2
    assert table["auc"].notna().tolist() == [both, False, both]
    assert table.loc[0, "auc"] == 0.5 or not both


def test_nothing_at_all_gives_an_empty_table():
    table = compared(pd.DataFrame(index=range(4)), np.arange(4), np.arange(4) > 1)
    assert list(table) == COLUMNS and table.empty
    again = pd.read_csv(StringIO(table.to_csv(index=False)))
    assert parity_warnings(table) == parity_warnings(again) == []


def test_the_clearest_three_are_named_and_the_rest_counted():
    values, who, member_side = cheap(1)
    for place, size in enumerate((2, 6, 3, 4, 5)):
        values[f"p{place}"] += size * member_side
    table = compared(values, who, member_side)
    saved = pd.read_csv(StringIO(table.to_csv(index=False)))
    (words,) = parity_warnings(saved)
    assert words == parity_warnings(table)[0]
    places = [words.index(f"p{place} (median") for place in (1, 4, 3)]
    assert places == sorted(places)
    assert "and 2 more (parity table): a detector can tell" in words


def test_a_source_without_facts_is_compared_by_its_pixels(drawn):
    large = np.zeros((70, 90, 3), np.uint8)
    pictures = {f"x/{n}": np.asarray(drawn[n][0]) if n < 20 else large + n for n in range(30)}
    rows = [(name, name, "x") for name in pictures]
    table = parity(face_set(rows[:20], rows[20:], {"x": Pictures(pictures)})).set_index("property")
    assert table.loc["width", ["member_side", "external_side"]].tolist() == [64, 90]
    assert table.loc["height", "differs"]
    assert not {"JPEG format", "JPEG quality"} & set(table.index)


def test_so_many_images_a_side_are_read_and_always_the_same(monkeypatch):
    monkeypatch.setattr(module, "IMAGES", 5)
    rng = np.random.default_rng(0)
    pictures = {f"x/{n}": rng.integers(0, 256, (16, 16, 3)).astype(np.uint8) for n in range(40)}
    source = Pictures(pictures)
    rows = [(name, name, "x") for name in pictures]
    faces = face_set(rows[:30], rows[30:], {"x": source})
    table = parity(faces)
    assert source.asked == 5 + 5 + 2 + 2  # and two a side for the face
    backwards = FaceSet(faces.table[::-1].reset_index(drop=True), faces.sources)
    pd.testing.assert_frame_equal(parity(backwards), table)


def test_faces_are_measured_in_photographs_and_not_in_drawings(drawn, tmp_path, monkeypatch):
    """Boxes given by hand: height and middle of the face, and nothing where none is seen."""
    seen = []

    def by_hand(images):
        seen.extend(images)
        boxes = np.full((len(seen), 4), np.nan)
        boxes[: len(seen) // 2] = [0.2, 0.1, 0.8, 0.7]
        return boxes

    monkeypatch.setattr(module, "face_boxes", by_hand)
    monkeypatch.setattr(module, "FACES", 6)
    table = parity(in_folders(drawn, tmp_path, {}, {})).set_index("property")
    assert len(seen) == 12
    assert table.loc["face height", "external_side"] == pytest.approx(0.6)
    assert table.loc["face middle", "external_side"] == pytest.approx(0.4)
    assert table.loc["face height", ["member_side", "auc"]].isna().all()
    spec = SyntheticFaces(kind="synthetic", persons=4, images=1, size=32)
    source = SyntheticSource(spec, 0)
    rows = [(i, who, "s") for i, who in source.images().itertuples(index=False)]
    table = parity(face_set(rows[:2], rows[2:], {"s": source}))
    assert len(seen) == 12
    assert not table["property"].str.contains("face|JPEG").any()


@pytest.mark.parametrize("subsampling", [0, 2])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_jpeg_quality_is_read_off_the_file(drawn, mode, subsampling):
    for quality in range(50, 96):
        file = BytesIO()
        how = {} if mode == "L" else {"subsampling": subsampling}
        drawn[0][0].convert(mode).save(file, "JPEG", quality=quality, **how)
        assert abs(jpeg_quality(Image.open(file)) - quality) <= 2


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "BMP"])
def test_other_files_have_no_jpeg_quality(drawn, kind):
    file = BytesIO()
    drawn[0][0].save(file, kind)
    assert jpeg_quality(Image.open(file)) is None


def test_tables_that_are_not_libjpegs_get_the_nearest_quality(drawn):
    file = BytesIO()
    tables = [[max(1, v // 2 + v % 3) for v in Image.open(_saved(drawn, 50)).quantization[0]]]
    drawn[0][0].save(file, "JPEG", qtables=tables * 2)
    assert abs(jpeg_quality(Image.open(file)) - 75) <= 3


def _saved(drawn, quality: int) -> BytesIO:
    file = BytesIO()
    drawn[0][0].save(file, "JPEG", quality=quality)
    return file


def test_facts_are_those_of_the_file_and_not_of_the_crop(tmp_path):
    (tmp_path / "Ann").mkdir()
    Image.new("RGB", (250, 250)).save(tmp_path / "Ann" / "a.jpg", quality=70)
    Image.new("RGB", (30, 20)).save(tmp_path / "Ann" / "b.png")
    source = LfwSource(LfwFaces(kind="lfw", path=str(tmp_path)), 0)
    assert source.read("lfw/Ann/a.jpg").shape[0] < 250
    assert source.facts("lfw/Ann/a.jpg") == {"width": 250, "height": 250, "jpeg_quality": 70}
    assert source.facts("lfw/Ann/b.png") == {"width": 30, "height": 20, "jpeg_quality": None}
    drawn = SyntheticSource(SyntheticFaces(kind="synthetic", size=48), 0)
    assert drawn.facts(drawn.images()["image_id"][0]) == {"width": 48, "height": 48}


def test_the_look_of_known_pictures():
    rng = np.random.default_rng(0)
    flat = np.full((112, 112, 3), (200, 100, 50), np.uint8)
    look = appearance.look(flat)
    assert look["brightness"] == pytest.approx(350 / 3, abs=0.01)
    for name in ("contrast", "sharpness", "noise"):
        assert look[name] == pytest.approx(0, abs=1e-3)
    assert (look["red against green"], look["yellow against blue"]) == (100, 100)
    assert look["saturation"] == pytest.approx(0.75)
    noisy = np.repeat((128 + 5 * rng.standard_normal((112, 112, 1))).round(), 3, 2)
    assert appearance.look(noisy.astype(np.uint8))["noise"] == pytest.approx(5, rel=0.1)
    edged = flat.copy()
    edged[3::8] = 255
    assert appearance.look(edged)["block edges"] > 10
    assert np.isnan(appearance.look(flat[:20])["block edges"])


@pytest.fixture(scope="module")
def photographs(real_data) -> list[np.ndarray]:
    """One photograph each of thirty persons of LFW."""
    people = sorted((real_data / "lfw" / "images").iterdir())[::190][:30]
    return [np.asarray(Image.open(min(p.glob("*.jpg"))).convert("RGB")) for p in people]


def test_the_box_follows_the_face(photographs):
    whole = face_boxes(photographs[:6])
    framed = face_boxes(
        np.pad(p, ((112, 0), (56, 56), (0, 0)), constant_values=128) for p in photographs[:6]
    )
    known = np.isfinite(whole[:, 0]) & np.isfinite(framed[:, 0])
    assert known.sum() >= 4
    height = (whole[:, 3] - whole[:, 1])[known]
    assert ((height > 0.6) & (height < 1.3)).all()
    np.testing.assert_allclose((framed[:, 3] - framed[:, 1])[known], height / 2, atol=0.12)
    assert (framed[known, 1] > 0.4).all()  # the face is in the lower half now


def test_a_planted_crop_of_photographs_is_flagged(photographs, monkeypatch):
    monkeypatch.setattr(module, "FACES", 15)
    pictures = {
        f"x/{n}": photograph if n < 15 else photograph[14:98, 14:98]
        for n, photograph in enumerate(photographs)
    }
    rows = [(name, name, "x") for name in pictures]
    table = parity(face_set(rows[:15], rows[15:], {"x": Pictures(pictures)})).set_index("property")
    assert table.loc["face height", "differs"]
    assert table.loc["face height", "member_side"] < table.loc["face height", "external_side"]
