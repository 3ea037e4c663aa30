"""The LFW protocol: its pairs, its folds, and the accuracies that are committed."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from torch import nn

from mint_utils.audited import AuditedModel, Preprocess
from mint_utils.audited.lfw_protocol import (
    best_threshold,
    fold_accuracies,
    lfw_accuracy,
    lfw_pairs,
)
from mint_utils.scenario import LfwFaces
from mint_utils.sources import LfwSource

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
PAIRS = "2\t1\nAnn_Lee\t1\t2\nAnn_Lee\t1\tBob\t1\nCid\t1\t3\nCid\t3\tDee\t1\n"


@pytest.fixture
def lfw(data_folder):
    """Four persons with a pattern of their own, and two folds of two pairs."""
    for seed, person in enumerate(("Ann_Lee", "Bob", "Cid", "Dee")):
        folder = data_folder / "lfw" / "images" / person
        folder.mkdir(parents=True)
        for number in (1, 2, 3):
            image = np.random.default_rng(seed).integers(0, 256, (8, 8, 1)).repeat(3, 2)
            image = image.astype(np.uint8)
            Image.fromarray(image).save(folder / f"{person}_{number:04d}.jpg", quality=100)
    (data_folder / "lfw" / "pairs.txt").write_text(PAIRS)
    return LfwSource(LfwFaces(kind="lfw"), 0)


def test_pairs_are_read_with_their_folds(lfw):
    pairs = lfw_pairs(lfw)
    assert pairs["fold"].tolist() == [0, 0, 1, 1]
    assert pairs["genuine"].tolist() == [True, False, True, False]
    assert pairs["first"].tolist()[1] == "lfw/Ann_Lee/Ann_Lee_0001.jpg"
    assert pairs["second"].tolist()[1] == "lfw/Bob/Bob_0001.jpg"
    assert pairs["second"].tolist()[2] == "lfw/Cid/Cid_0003.jpg"


@pytest.mark.parametrize(
    "content", ["", "10\n", "2\t1\nAnn\n", "2\t1\nAnn\tone\ttwo\n", "5\t300\n"]
)
def test_another_list_is_refused(lfw, content):
    (lfw.root.parent / "pairs.txt").write_text(content)
    with pytest.raises(ValueError, match="pairs.txt"):
        lfw_pairs(lfw)


def test_a_missing_list_says_where_it_goes(lfw):
    (lfw.root.parent / "pairs.txt").unlink()
    with pytest.raises(FileNotFoundError, match="no pairs.txt in .*lfw"):
        lfw_pairs(lfw)


def test_a_missing_image_is_named(lfw):
    pairs = lfw_pairs(lfw)
    (lfw.root / "Bob" / "Bob_0001.jpg").unlink()
    model = AuditedModel("flat", nn.Flatten(), Preprocess(8), ())
    with pytest.raises(ValueError, match="1 images of the pairs are not here.*Bob_0001.jpg"):
        lfw_accuracy(model, lfw, pairs)


def test_a_model_that_sees_the_person_is_right_in_every_fold(lfw, isolated):
    model = AuditedModel("flat", nn.Flatten(), Preprocess(8), ())
    assert lfw_accuracy(model, lfw, lfw_pairs(lfw)).tolist() == [1, 1]


def test_the_best_threshold_makes_the_fewest_errors():
    rng = np.random.default_rng(0)
    for _ in range(20):
        genuine = rng.random(60) < 0.5
        cosine = np.round(rng.normal(genuine, 0.8), 1)  # ties, too
        found = ((cosine > best_threshold(cosine, genuine)) != genuine).sum()
        every = [((cosine > t) != genuine).sum() for t in np.arange(-4, 5, 0.05)]
        assert found == min(every)


def test_a_fold_is_judged_by_the_threshold_of_the_others():
    genuine = np.tile([True, False], 30)
    fold = np.repeat([0, 1, 2], 20)
    cosine = np.where(genuine, 0.8, 0.2)
    cosine[fold == 2] -= 0.5  # its own best threshold would be another
    assert fold_accuracies(cosine, genuine, fold).tolist() == [1, 1, 0.5]


def test_chance_is_a_half():
    rng = np.random.default_rng(0)
    genuine, fold = np.tile([True, False], 3000), np.repeat(np.arange(10), 600)
    assert abs(fold_accuracies(rng.random(6000), genuine, fold).mean() - 0.5) < 0.03


def test_the_committed_table_is_what_the_weights_are_published_for():
    table = pd.read_csv(BENCHMARKS / "lfw_protocol.csv").set_index("model")
    assert (table["pairs"] == 6000).all()
    assert table.loc["mobilefacenet_casia", "accuracy"] > 98
    assert table.loc["facenet_casia", "accuracy"] > 98
    assert table.loc["facenet_ms1m", "accuracy"] > 99
    page = (BENCHMARKS / "lfw_protocol.md").read_text()
    for name, row in table.iterrows():
        assert f"| {name} |" in page and f"| {row['accuracy']} | {row['std']} |" in page
