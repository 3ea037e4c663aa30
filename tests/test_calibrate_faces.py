"""What the run's own faces look like: the crop, the quality, when two are of one person."""

import numpy as np
import pytest

from mint_utils.alignment import SIZE, TEMPLATE
from mint_utils.asking.calibrate_faces import LOOKS, CalibrateFaces
from mint_utils.asking.finished_run import finished_run
from mint_utils.asking.whose_face import cosines
from mint_utils.audited import reopen
from mint_utils.faces import resized


@pytest.fixture(scope="module")
def calibrate(finished) -> CalibrateFaces:
    return CalibrateFaces(finished_run(finished.report))


def test_they_are_calibrate_externals_and_few_of_one_person(finished, calibrate):
    table = finished.faces.table.set_index("image_id").loc[calibrate.faces.table["image_id"]]
    assert set(table["split"]) == {"calibrate"} and set(table["role"]) == {"external"}
    assert table["identity"].value_counts().max() <= 4
    assert calibrate.side == 32


def test_the_crop_of_drawn_faces_is_not_arcfaces(calibrate):
    points = calibrate.template
    assert points.shape == (5, 2) and (points > 0).all() and (points < 32).all()
    assert points[0, 0] < points[2, 0] < points[1, 0] and points[0, 1] < points[2, 1] < points[3, 1]
    assert np.linalg.norm(points * SIZE / 32 - TEMPLATE, axis=1).mean() > 5


def test_own_images_are_such_crops_and_others_are_not(calibrate):
    face = calibrate.images[0]
    assert calibrate.is_such_a_crop(face) is True
    photograph = np.pad(resized(face, 200), ((150, 100), (300, 200), (0, 0)), "edge")
    assert calibrate.is_such_a_crop(photograph) is False
    square = np.pad(resized(face, 200), ((60, 240), (240, 60), (0, 0)), "edge")
    assert calibrate.is_such_a_crop(square) is False
    assert calibrate.is_such_a_crop(np.full((90, 90, 3), 90, np.uint8)) is None


def test_only_what_is_unusual_is_called_so(calibrate):
    usual = {name: calibrate.looks[name].median() for name in LOOKS} | {"face_pixels": 40.0}
    assert calibrate.unlike(usual) == ""
    said = calibrate.unlike(usual | {"sharpness": 1e6, "face_pixels": 12.0})
    assert "sharpness 1000000 is above the run's" in said and "enlarged from 12 to 32" in said
    assert "brightness 1 is below" in calibrate.unlike(usual | {"brightness": 1.0})
    assert "sharpness" in calibrate.usual and calibrate.usual.startswith("32 pixels")


def test_a_run_whose_faces_show_none_is_told_to_align_itself(finished):
    broken = CalibrateFaces(finished_run(finished.report))
    broken.__dict__["images"] = [np.full((32, 32, 3), 90, np.uint8)] * 4
    with pytest.raises(ValueError, match="a face in 0 of 4 images.*ask with --aligned"):
        broken.template  # noqa: B018


def test_the_threshold_tells_persons_apart_better_than_chance(finished, calibrate):
    from mint_utils.activations.extract import embeddings

    model = reopen(finished.scenario, finished.report / "models")
    same = calibrate.same_person(model)
    identity = calibrate.faces.table["identity"].to_numpy()
    cosine = cosines(embeddings(model, calibrate.faces))
    first, second = np.triu_indices(len(identity), 1)
    genuine = identity[first] == identity[second]
    said = cosine[first, second] >= same
    assert (said[genuine].mean() + (~said[~genuine]).mean()) / 2 > 0.6
