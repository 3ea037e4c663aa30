"""Strangers whom somebody names: enough of them, none known to the run, each counting once."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from finished_report import Finished, written
from PIL import Image

from mint_utils.asking.answers import in_words
from mint_utils.asking.ask import ask
from mint_utils.asking.strangers import FEWEST
from mint_utils.evidence.conformal import image_p_values
from mint_utils.scenario import SyntheticFaces
from mint_utils.sources import SyntheticSource


def saved(folder: Path, persons: int, images: int = 1, first: int = 5000) -> Path:
    """Aligned images of persons who are in no run: a folder each."""
    spec = SyntheticFaces(kind="synthetic", first=first, persons=persons, images=images, size=32)
    source = SyntheticSource(spec, 0)
    for row in source.images().itertuples():
        place = folder / row.identity / f"{row.image_id[-3:]}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(source.read(row.image_id)).save(place)
    return folder


@pytest.fixture
def asked(finished, tmp_path) -> Path:
    """Three images of a test external."""
    rows = finished.rows("test", "external")[:4]
    return written(finished.faces, rows, tmp_path / "asked")


@pytest.fixture
def nineteen(tmp_path) -> Path:
    return saved(tmp_path / "strangers", FEWEST, 4)


def test_every_stranger_counts_once_by_the_rule_of_evidence(finished: Finished, asked, nineteen):
    answer = ask(finished.report, asked, strangers=nineteen)
    alone = ask(finished.report, nineteen).images  # their own scores, by the same methods
    for access, rows in answer.images.groupby("access"):
        theirs = alone[alone["access"] == access]
        person = theirs["unit"].str.partition("/")[0].to_numpy()
        wanted = image_p_values(rows["score"].to_numpy(), theirs["score"].to_numpy(), person)
        np.testing.assert_allclose(rows["p_value"], wanted)
    assert (answer.images["smallest_p"] == 1 / (FEWEST + 1)).all()
    assert (answer.folder["persons"] == FEWEST).all()


def test_a_person_is_ranked_among_one_album_of_each(finished, asked, nineteen):
    answer = ask(finished.report, asked, True, strangers=nineteen)
    assert set(answer.person["photos"]) == {2, 4}  # as many as the run knows of each question
    assert (answer.person["persons"] == FEWEST).all()
    assert (answer.person["p_value"] >= 1 / (FEWEST + 1)).all()
    assert "the 19 strangers that were named" in in_words(answer)
    assert "It holds if the model never saw the 19 strangers" in in_words(answer)


def test_the_albums_are_as_large_as_enough_strangers_can_fill(finished, asked, tmp_path):
    two = saved(tmp_path / "strangers", FEWEST, 2)
    assert set(ask(finished.report, asked, True, strangers=two).person["photos"]) == {2}
    one = saved(tmp_path / "others", FEWEST, 1)
    with pytest.raises(ValueError, match="0 of 19 persons in .* have 2 different photographs; 19"):
        ask(finished.report, asked, True, strangers=one)


def test_too_few_strangers_are_refused(finished, asked, tmp_path):
    few = saved(tmp_path / "few", FEWEST - 1)
    with pytest.raises(ValueError, match="18 persons with usable.*19 are needed"):
        ask(finished.report, asked, strangers=few)
    with pytest.raises(NotADirectoryError, match="a subfolder a person"):
        ask(finished.report, asked, strangers=tmp_path / "none")


def test_one_face_cannot_stand_for_two_strangers(finished, asked, nineteen):
    first, second = sorted(nineteen.iterdir())[:2]
    Image.open(next(first.iterdir())).save(second / "copied.jpg", quality=90)
    with pytest.raises(ValueError, match="shows the face of .*: a stranger counts once"):
        ask(finished.report, asked, strangers=nineteen)


def test_strangers_are_not_compared_with_faces_chosen_for_their_likeness(finished, asked, nineteen):
    photograph = next(asked.iterdir())
    with pytest.raises(ValueError, match="--one-person"):
        ask(finished.report, asked, reference=photograph, strangers=nineteen)


def test_who_cannot_be_read_is_left_out_and_named(finished, asked, nineteen):
    (nineteen / "broken").mkdir()
    (nineteen / "broken" / "a.png").write_text("words")
    (nineteen / "empty").mkdir()
    (nineteen / ".hidden").mkdir()
    answer = ask(finished.report, asked, strangers=nineteen)
    assert answer.strangers_left_out == ("broken", "empty")
    assert "Strangers without a usable photograph, left out: broken, empty." in in_words(answer)


@pytest.mark.parametrize("split", ["fit", "calibrate", "test"])
def test_members_are_no_strangers(finished, asked, nineteen, split):
    row = finished.rows(split, "member")[0]
    written(finished.faces, [row], nineteen / "somebody")
    with pytest.raises(ValueError, match="no stranger to it|was in (fit|calibrate) of this run"):
        ask(finished.report, asked, strangers=nineteen)


def test_a_member_person_is_told_by_name(finished, asked, nineteen):
    row = finished.rows("test", "member")[0]
    person = finished.faces.table["identity"][row]
    (nineteen / "synthetic_05000").rename(nineteen / person)
    with pytest.raises(ValueError, match=f"{person} was in the training data.*no stranger"):
        ask(finished.report, asked, strangers=nineteen)


def test_nobody_is_asked_about_and_a_stranger(finished, asked, nineteen, tmp_path):
    row = int(sorted(asked.iterdir())[0].stem)
    picture = Image.fromarray(finished.faces.read(row))
    (nineteen / "me").mkdir()
    picture.save(nineteen / "me" / "again.jpg", quality=90)
    with pytest.raises(ValueError, match="me/again.jpg is also among the photographs"):
        ask(finished.report, asked, strangers=nineteen)
    with pytest.raises(ValueError, match="lies in .*, the folder of strangers"):
        ask(finished.report, nineteen / "synthetic_05000", strangers=nineteen)


def test_strangers_make_no_rank_of_a_p_value(finished, asked, nineteen):
    answer = ask(finished.report, asked, strangers=nineteen)
    assert not replace(answer, photos=True).is_rank
    assert replace(answer, photos=True, strangers=0).is_rank
    assert not replace(answer, strangers=0).is_rank
