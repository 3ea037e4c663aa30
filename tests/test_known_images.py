"""Which images an audit used, without a picture of anybody."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mint_utils.faces import assemble
from mint_utils.hygiene import inspect
from mint_utils.known_images import COLUMNS, FILE, keep_known_images, known_images
from mint_utils.scenario_file import load_scenario
from mint_utils.sources import open_sources


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """40 persons with 2 photographs each in folders of somebody's machine, and their face set."""
    root = tmp_path_factory.mktemp("private") / "of_somebody"
    rng = np.random.default_rng(0)
    for number in range(40):
        person = root / f"Person_{number:02d}"
        person.mkdir(parents=True)
        for photo in range(2):
            pixels = rng.integers(0, 255, (24, 24, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(person / f"{photo}.png")
    source = {"kind": "folders", "path": str(root), "group": "album"}
    scenario = load_scenario("synthetic", {"faces": [source]})
    return root, inspect(assemble(open_sources(scenario), scenario)).faces


def test_every_image_is_kept_with_its_person_split_and_hashes(photographs, tmp_path):
    _, faces = photographs
    keep_known_images(faces, tmp_path)
    known = known_images(tmp_path)
    assert list(known) == COLUMNS == ["image_id", "identity", "split", "digest", "perceptual"]
    pd.testing.assert_frame_equal(known, faces.table[COLUMNS], check_dtype=False)
    assert set(known["split"]) == {"fit", "calibrate", "test"}
    assert known["digest"].is_unique


def test_neither_a_path_of_this_machine_nor_a_picture_nor_a_role_is_kept(photographs, tmp_path):
    root, faces = photographs
    private = faces.table.assign(
        path=str(root / "Person_00" / "0.png"), pixels=[faces.read(0).tobytes()] * len(faces)
    )
    keep_known_images(type(faces)(private, faces.sources), tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == [FILE]
    known = known_images(tmp_path)
    assert list(known) == COLUMNS
    assert known.dtypes.map(pd.api.types.is_string_dtype).all()
    assert known.map(len).to_numpy().max() <= 256  # a hash is the longest thing there
    for part in ("private", "of_somebody", str(root)):
        assert not known.map(lambda value, part=part: part in value).any(axis=None)


def test_images_that_were_not_hashed_are_kept_without_hashes(tmp_path):
    scenario = load_scenario("synthetic", {"faces.0.persons": 20, "faces.0.images": 2})
    faces = assemble(open_sources(scenario), scenario)
    keep_known_images(faces, tmp_path)
    assert list(known_images(tmp_path)) == ["image_id", "identity", "split"]


def test_a_report_without_known_images_says_what_to_run(tmp_path):
    with pytest.raises(FileNotFoundError, match=f"{FILE}.*run the scenario again"):
        known_images(tmp_path)
