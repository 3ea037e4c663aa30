"""The MINT models: they find what is there, nothing where there is nothing, and repeat."""

import numpy as np
import pytest
import torch

from mint_utils.detectors import Detector
from mint_utils.evidence.metrics import auc

PERSONS = 60
IMAGES = 8
N = PERSONS * IMAGES
METHODS = ["vanilla", "cnn"]


class Planted:
    """Images of 60 persons, half of them members; members are shifted in one channel by ``by``.

    Every person has a look of their own too, larger than the shift, so that a detector which
    learned persons by heart would fail on new ones.
    """

    def __init__(self, by: float, seed: int = 0):
        rng = np.random.default_rng(seed)
        self.person = np.repeat(np.arange(PERSONS), IMAGES)
        self.is_member = self.person % 2 == 0
        look = rng.normal(size=(PERSONS, 6))[self.person]
        values = look + rng.normal(size=(N, 6))
        values[:, 2] = rng.normal(size=N) + by * self.is_member
        maps = values[:, :, None, None] + 0.5 * rng.normal(size=(N, 6, 4, 4))
        self.vectors = torch.from_numpy(values).float()
        self.maps = torch.from_numpy(maps).half()
        self.fit = self.person < 40
        self.validation = self.person >= 28

    def inputs(self, method: str, rows: np.ndarray) -> list[torch.Tensor]:
        some = torch.from_numpy(np.flatnonzero(rows))
        return (
            [self.vectors[some]] if method == "vanilla" else [self.maps[some], self.vectors[some]]
        )

    def fitted(self, method: str, is_member=None, **how) -> Detector:
        label = self.is_member if is_member is None else is_member
        detector = Detector(method, **{"epochs": 40, "width": 32} | how)
        return detector.fit(
            self.inputs(method, self.fit), label[self.fit], self.validation[self.fit]
        )

    def on_new_persons(self, detector: Detector) -> float:
        score = detector.score(self.inputs(detector.method, ~self.fit))
        return auc(score, self.is_member[~self.fit])


@pytest.mark.parametrize("method", METHODS)
def test_a_planted_signal_is_found_on_persons_never_seen(method):
    planted = Planted(by=4)
    detector = planted.fitted(method)
    assert planted.on_new_persons(detector) > 0.85
    assert detector.validation_auc > 0.85


@pytest.mark.parametrize("method", METHODS)
def test_shuffled_roles_leave_nothing_to_find(method):
    planted = Planted(by=4)
    shuffled = np.random.default_rng(1).permutation(PERSONS)[planted.person] % 2 == 0
    detector = planted.fitted(method, is_member=shuffled)
    score = detector.score(planted.inputs(method, ~planted.fit))
    assert abs(auc(score, shuffled[~planted.fit]) - 0.5) < 0.3


@pytest.mark.parametrize("method", METHODS)
def test_no_signal_is_no_signal(method):
    planted = Planted(by=0)
    assert abs(planted.on_new_persons(planted.fitted(method)) - 0.5) < 0.25


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_scores_and_another_other_ones(method):
    planted = Planted(by=1)
    scores = []
    for seed in (3, 3, 4):
        torch.rand(7)  # the state of the global generator must not matter
        detector = planted.fitted(method, seed=seed, epochs=4)
        scores.append(detector.score(planted.inputs(method, ~planted.fit)))
    np.testing.assert_array_equal(scores[0], scores[1])
    assert (scores[0] != scores[2]).any()
    assert scores[0].dtype == np.float32
    assert np.isfinite(scores[0]).all()


@pytest.mark.parametrize("method", METHODS)
def test_a_saved_detector_gives_identical_scores(method, tmp_path):
    planted = Planted(by=1)
    detector = planted.fitted(method, epochs=4, seed=2)
    inputs = planted.inputs(method, ~planted.fit)
    file = tmp_path / "models" / "audited" / f"{method}.safetensors"
    detector.save(file)
    loaded = Detector.load(file)
    np.testing.assert_array_equal(loaded.score(inputs), detector.score(inputs))
    assert (loaded.method, loaded.seed, loaded.epochs, loaded.width) == (method, 2, 4, 32)
    assert loaded.shapes == detector.shapes
    with pytest.raises(ValueError, match="fitted on inputs of shape"):
        loaded.score([x[:, :3] for x in inputs])


@pytest.mark.parametrize("method", METHODS)
def test_scores_do_not_hang_on_the_images_scored_beside_them(method):
    planted = Planted(by=1)
    detector = planted.fitted(method, epochs=3)
    inputs = planted.inputs(method, ~planted.fit)
    every = detector.score(inputs)
    np.testing.assert_allclose(detector.score([x[5:6] for x in inputs]), every[5:6], atol=1e-5)
    turned = detector.score([x.flip(0) for x in inputs])
    np.testing.assert_allclose(turned[::-1], every, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_validation_images_are_never_fitted_on(method):
    planted = Planted(by=1)
    inputs = planted.inputs(method, planted.fit)
    validation = planted.validation[planted.fit]
    label = planted.is_member[planted.fit]
    one = Detector(method, epochs=1, width=32).fit(inputs, label, validation)
    garbage = [x.clone() for x in inputs]
    for x in garbage:
        x[torch.from_numpy(validation)] = 77
    other = Detector(method, epochs=1, width=32).fit(garbage, label, validation)
    new = planted.inputs(method, ~planted.fit)
    np.testing.assert_array_equal(one.score(new), other.score(new))


def test_scale_and_offset_of_a_channel_do_not_matter():
    planted = Planted(by=4)
    plain = planted.on_new_persons(planted.fitted("vanilla"))
    planted.vectors = planted.vectors * torch.tensor([1e4, 1, 1e-4, 1, 1, 1]) + 300
    assert planted.on_new_persons(planted.fitted("vanilla")) == pytest.approx(plain, abs=0.05)


def test_a_channel_that_never_moves_is_no_trouble():
    planted = Planted(by=4)
    planted.vectors[:, 0] = 5
    planted.vectors[~torch.from_numpy(planted.fit), 0] = 6  # but moves on new images
    detector = planted.fitted("vanilla")
    assert np.isfinite(detector.score(planted.inputs("vanilla", ~planted.fit))).all()


@pytest.mark.parametrize("part", ["fitting", "validation"])
def test_one_side_alone_cannot_be_fitted(part):
    planted = Planted(by=1)
    label = planted.is_member.copy()
    label[planted.validation == (part == "validation")] = True
    with pytest.raises(ValueError, match=f"the {part} part has images of one side only: add pers"):
        planted.fitted("vanilla", is_member=label)


def test_other_shapes_than_fitted_are_refused_with_both():
    planted = Planted(by=1)
    detector = planted.fitted("vanilla", epochs=1)
    with pytest.raises(ValueError, match=r"fitted on inputs of shape \[\(6,\)\], got \[\(5,\)\]"):
        detector.score([planted.vectors[:, :5]])
    with pytest.raises(ValueError, match="fitted on inputs of shape"):
        detector.score([planted.maps])
    with pytest.raises(ValueError, match="fitted on inputs of shape"):
        detector.score([planted.vectors, planted.vectors])


def test_unknown_method_names_the_nearest():
    with pytest.raises(ValueError, match="detector 'vanila'.*did you mean 'vanilla'.*cnn"):
        Detector("vanila")


def test_early_stopping_keeps_the_epoch_that_was_best_on_validation():
    planted = Planted(by=0.5)
    long = planted.fitted("vanilla", epochs=60)
    rows = planted.fit & planted.validation
    reached = auc(long.score(planted.inputs("vanilla", rows)), planted.is_member[rows])
    assert reached == pytest.approx(long.validation_auc)
    assert reached >= planted.fitted("vanilla", epochs=1).validation_auc


@pytest.mark.parametrize("method", METHODS)
def test_inputs_that_are_no_numbers_do_not_become_scores(method):
    planted = Planted(by=1)
    planted.vectors[3, 1] = float("nan")
    planted.maps[3, 1] = float("nan")
    with pytest.raises(ValueError, match="not finite"):
        planted.fitted(method, epochs=1)


@pytest.mark.parametrize("width", [1, 2, 3])
def test_maps_of_any_side_can_be_looked_at(width):
    maps = torch.randn(40, 3, width, width)
    label = np.arange(40) % 2 == 0
    detector = Detector("cnn", epochs=1, width=8).fit([maps], label, np.arange(40) < 20)
    assert np.isfinite(detector.score([maps])).all()
