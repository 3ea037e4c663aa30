"""Asking about photographs: faces found, the right one taken, ranks and no p-values, no traces."""

import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from mint_utils.asking.answers import in_words
from mint_utils.asking.ask import ask
from mint_utils.asking.calibrate_faces import CalibrateFaces
from mint_utils.asking.drawn_photographs import drawn_photographs, write_photograph
from mint_utils.asking.finished_run import finished_run
from mint_utils.cli import app
from mint_utils.scenario import SyntheticFaces
from mint_utils.sources import SyntheticSource


@pytest.fixture(scope="module")
def drawn(finished, tmp_path_factory) -> Path:
    """Photographs of a member person and of a stranger, of the run's test persons."""
    return drawn_photographs(finished_run(finished.report), tmp_path_factory.mktemp("drawn") / "p")


@pytest.fixture
def mine(drawn, tmp_path) -> Path:
    """The member person's, to be added to."""
    return Path(shutil.copytree(drawn / "member", tmp_path / "mine"))


@pytest.fixture(scope="module")
def calibrate(finished) -> CalibrateFaces:
    return CalibrateFaces(finished_run(finished.report))


def others(folder: Path, persons: int, images: int) -> Path:
    """Photographs of persons who are in no run: a folder each."""
    spec = SyntheticFaces(kind="synthetic", first=5000, persons=persons, images=images, size=32)
    source = SyntheticSource(spec, 0)
    for number, row in enumerate(source.images().itertuples()):
        file = folder / row.identity / f"{number % images}.jpg"
        write_photograph([source.read(row.image_id)], file, np.random.default_rng(number))
    return folder


def state(*folders: Path) -> dict:
    """Every file and folder with its time and content."""
    found = [path for folder in folders for path in [folder, *folder.rglob("*")]]
    return {p: (p.lstat().st_mtime_ns, p.read_bytes() if p.is_file() else None) for p in found}


# Photographs or aligned images


def test_photographs_and_aligned_images_are_told_apart(finished, drawn, tmp_path):
    rows = finished.rows("test", "external", 0, 3)[:4]
    for row in rows:
        (tmp_path / "q").mkdir(exist_ok=True)
        Image.fromarray(finished.faces.read(row)).save(tmp_path / "q" / f"{row}.png")
    aligned = ask(finished.report, tmp_path / "q")
    assert not aligned.photos and "Taken as aligned images: cropped" in in_words(aligned)
    found = ask(finished.report, drawn / "stranger")
    assert found.photos and "Taken as photographs: faces were found" in in_words(found)
    told = ask(finished.report, drawn / "stranger", photos=False)
    assert not told.photos and (told.quality["face_pixels"] >= 900).all()


def test_faces_are_cropped_as_the_runs_own(finished, drawn, calibrate):
    answer = ask(finished.report, drawn / "member")
    assert len(answer.faces) == 6
    for row in range(6):
        face = answer.faces.read(row)
        assert face.shape == (32, 32, 3)
        assert calibrate.is_such_a_crop(face)
    assert answer.quality["face_pixels"].between(200, 420).all()
    assert (answer.quality["sharpness"] > 0).all()


def test_the_runs_faces_must_be_here_to_crop_like_them(finished, drawn, monkeypatch):
    monkeypatch.setattr("mint_utils.asking.ask._calibrate_faces", lambda run: None)
    with pytest.raises(FileNotFoundError, match="cannot be told how to crop.*MINT_DATA.*--aligned"):
        ask(finished.report, drawn / "member", photos=True)
    unchecked = ask(finished.report, drawn / "member")
    assert "not here to compare their crop with" in in_words(unchecked)


# Whose face


def test_a_reference_says_who_is_meant(finished, mine, drawn):
    """Every third photograph shows somebody else as well."""
    reference = drawn / "member" / "IMG_0000.jpg"
    answer = ask(finished.report, mine, reference=reference)
    assert answer.photos and answer.folder.empty
    assert answer.quality["faces"].max() == 2
    assert "nearest to the reference" in set(answer.quality["chosen"])
    alone = ask(finished.report, mine)
    sizes = dict(zip(alone.quality["image_id"], alone.quality["face_pixels"], strict=True))
    for row in answer.quality.itertuples():
        assert row.face_pixels == pytest.approx(sizes[row.image_id])


def test_photographs_without_the_person_are_named(finished, mine, drawn):
    shutil.copyfile(drawn / "stranger" / "IMG_0000.jpg", mine / "somebody_else.jpg")
    Image.new("RGB", (900, 700), "grey").save(mine / "wall.jpg")
    answer = ask(finished.report, mine, reference=mine / "IMG_0000.jpg")
    skipped = dict(zip(answer.skipped["image_id"], answer.skipped["why"], strict=True))
    assert skipped["wall.jpg"] == "shows no face that can be found"
    assert skipped["somebody_else.jpg"] == "the person is not found in it"
    said = in_words(answer)
    assert "somebody_else.jpg the person is not found in it" in said and "wall.jpg shows" in said


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("wall.png", "shows no face"),
        ("words.png", "is no picture: name another reference"),
    ],
)
def test_a_reference_that_shows_nobody_is_refused(finished, mine, tmp_path, name, why):
    Image.new("RGB", (300, 300)).save(tmp_path / "wall.png")
    (tmp_path / "words.png").write_text("words")
    with pytest.raises(ValueError, match=why):
        ask(finished.report, mine, reference=tmp_path / name)
    with pytest.raises(FileNotFoundError, match="names one photograph"):
        ask(finished.report, mine, reference=tmp_path / "nothing.png")
    with pytest.raises(ValueError, match="aligned images show one each"):
        ask(finished.report, mine, photos=False, reference=tmp_path / name)


def test_a_folder_without_a_face_is_refused(finished, tmp_path):
    (tmp_path / "q").mkdir()
    Image.new("RGB", (900, 700), "grey").save(tmp_path / "q" / "wall.jpg")
    with pytest.raises(ValueError, match="none of 1 photographs shows a face: wall.jpg shows no"):
        ask(finished.report, tmp_path / "q", photos=True)


# What is said


def test_a_photograph_gets_a_rank_and_no_p_value(finished, mine):
    (mine / "IMG_9999.HEIC").write_bytes(b"no picture")
    answer = ask(finished.report, mine, reference=mine / "IMG_0000.jpg")
    said = in_words(answer)
    assert "p-value" not in said and "(p " not in said
    assert "only a rank among the run's strangers, not a probability" in said
    assert said.index("READ THIS FIRST") < said.index("EACH PHOTOGRAPH")
    assert {"rank", "smallest_rank"} < set(answer.table) and "p_value" not in answer.table
    assert "IMG_9999.HEIC is no picture" in said


def test_copies_and_what_is_unlike_the_run_are_named(finished, mine):
    Image.open(mine / "IMG_0000.jpg").save(
        mine / "sent.jpg", quality=60, exif=Image.open(mine / "IMG_0000.jpg").getexif()
    )
    dark = Image.open(mine / "IMG_0001.jpg")
    dark.point(lambda value: value // 4).save(mine / "night.jpg", exif=dark.getexif())
    answer = ask(finished.report, mine)
    table = answer.quality.set_index("image_id")
    assert table.loc["sent.jpg", "copy_of"] == "IMG_0000.jpg" and answer.copies >= 1
    assert "below the run's" in table.loc["night.jpg", "unlike"]
    assert "sent.jpg of IMG_0000.jpg" in in_words(answer)


# Nothing is kept


def test_photographs_stay_where_they_are_and_nothing_is_written(
    finished, mine, tmp_path, monkeypatch
):
    for name in ("cache", "tmp", "reports"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("MINT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MINT_REPORTS", str(tmp_path / "reports"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    before = state(mine, finished.report, tmp_path / "cache", tmp_path / "reports")
    ask(finished.report, mine, reference=mine / "IMG_0000.jpg")
    assert state(mine, finished.report, tmp_path / "cache", tmp_path / "reports") == before
    assert not list((tmp_path / "tmp").iterdir())


def test_the_command_writes_what_it_is_asked_for_and_nothing_else(finished, mine, tmp_path):
    def mint(*words):
        return CliRunner().invoke(app, ["ask", str(finished.report), str(mine), *map(str, words)])

    (tmp_path / "out").mkdir()
    page, csv = tmp_path / "out" / "a.html", tmp_path / "out" / "a.csv"
    before = state(mine)
    shown = mint("--photos", "--page", page, "--csv", csv)
    assert shown.exit_code == 0, shown.output
    assert state(mine) == before and sorted(os.listdir(tmp_path / "out")) == ["a.csv", "a.html"]
    assert "data:image" not in page.read_text() and "p-value" not in page.read_text()
    assert "rank" in pd.read_csv(csv)
    lost = mint("--page", tmp_path / "nowhere" / "a.html")
    assert lost.exit_code == 1 and "cannot be written" in lost.output
    alone = mint("--with-faces")
    assert alone.exit_code == 1 and "name one with --page" in alone.output


# Strangers taken in the same way


def test_named_strangers_give_p_values(finished, mine, tmp_path):
    folder = others(tmp_path / "strangers", 19, 1)
    answer = ask(finished.report, mine, strangers=folder)
    assert answer.strangers == 19 and not answer.is_rank
    assert (answer.images["persons"] == 19).all() and (answer.images["smallest_p"] == 0.05).all()
    said = in_words(answer)
    assert "(p " in said and "the 19 strangers that were named" in said
    assert "taken in the same way" not in said


def test_a_real_face_is_found_in_a_photograph(real_data, tmp_path):
    """LFW crops on a wall, held in every way: the crops come back."""
    from mint_utils.alignment import TEMPLATE, landmarks
    from mint_utils.asking.asked_photographs import faces_in
    from mint_utils.asking.photographs import opened

    class Like:
        template, side = TEMPLATE, 112

    files = sorted((real_data / "lfw" / "images").glob("*/*.jpg"))[::1500]
    for number, file in enumerate(files):
        crop = np.asarray(Image.open(file).convert("RGB"))
        write_photograph([crop], tmp_path / "a.jpg", np.random.default_rng(number))
        ((face, pixels),) = faces_in(opened(tmp_path / "a.jpg"), Like)
        assert np.linalg.norm(landmarks(face) - landmarks(crop), axis=1).mean() < 4
        assert 220 < pixels < 400


def test_one_person_is_whoever_is_in_most_photographs(finished, mine, drawn):
    """An album of hers, though others stand beside her and one photograph shows somebody else."""
    shutil.copyfile(drawn / "stranger" / "IMG_0000.jpg", mine / "somebody_else.jpg")
    answer = ask(finished.report, mine, one_person=True)
    assert answer.folder.empty and answer.person["photos"].max() == 4
    assert "somebody_else.jpg" in set(answer.skipped["image_id"])
    assert answer.quality["image_id"].is_unique and answer.quality["faces"].max() == 2
    assert "Photographs count as the person's if the audited model finds them alike" in in_words(
        answer
    )
    assert "p-value" not in in_words(answer)


def test_nobody_in_two_photographs_is_no_album(finished, tmp_path):
    folder = others(tmp_path / "several", 2, 1)
    with pytest.raises(ValueError, match="no person is recognised in two of 2.*--reference"):
        ask(finished.report, folder, one_person=True)
