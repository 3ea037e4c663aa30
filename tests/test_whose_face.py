"""Faces of one person in several photographs: by agreement, or by a reference."""

import numpy as np
import pytest

from mint_utils.asking.whose_face import closest, cosines, in_most_photographs, of_reference

SAME = 0.5


def faces(*persons: int, noise: float = 0.25, seed: int = 0) -> np.ndarray:
    """Embeddings of 32 numbers: a direction a person, and some noise."""
    rng = np.random.default_rng(seed)
    centres = np.linalg.qr(np.random.default_rng(9).normal(size=(32, 32)))[0]
    return centres[list(persons)] + noise * rng.normal(size=(len(persons), 32)) / np.sqrt(32) * 3


@pytest.mark.parametrize("seed", range(5))
def test_the_person_in_most_photographs_is_found(seed):
    """Person 1 is in four photographs of five, beside others, and not always first."""
    who = [1, 2, 3, 1, 1, 4, 2, 5, 1]
    photograph = np.array([0, 0, 1, 1, 2, 2, 3, 3, 4])
    chosen = in_most_photographs(faces(*who, seed=seed), photograph, SAME)
    np.testing.assert_array_equal(chosen, np.array(who) == 1)


def test_two_faces_in_one_photograph_are_two_persons():
    """A mirror, or a photograph on the wall: one face of each photograph is taken."""
    embedding = np.repeat(faces(1, 1, 1, noise=0.1), 2, axis=0)
    photograph = np.repeat(np.arange(3), 2)
    chosen = in_most_photographs(embedding, photograph, SAME)
    assert (np.bincount(photograph[chosen], minlength=3) == 1).all()


def test_nobody_is_chosen_where_nobody_is_seen_twice():
    assert not in_most_photographs(faces(1, 2, 3), np.arange(3), SAME).any()
    assert not in_most_photographs(faces(1), np.zeros(1, int), SAME).any()
    assert not in_most_photographs(faces(1, 1), np.zeros(2, int), SAME).any()


def test_of_two_persons_in_as_many_photographs_the_more_alike_counts():
    embedding = np.vstack([faces(1, 1, noise=0.3), faces(2, 2, noise=0.02)])
    chosen = in_most_photographs(embedding, np.array([0, 1, 0, 1]), SAME)
    assert chosen.tolist() == [False, False, True, True]


def test_a_reference_decides_whose_photographs_they_are():
    """Person 2 is in fewer photographs than person 1, and meant."""
    who = [1, 2, 1, 1, 2, 3]
    photograph = np.array([0, 0, 1, 2, 3, 3])
    (reference,) = faces(2, seed=5)
    chosen = of_reference(faces(*who), photograph, reference, SAME)
    np.testing.assert_array_equal(chosen, np.array(who) == 2)
    (stranger,) = faces(7)
    assert not of_reference(faces(*who), photograph, stranger, SAME).any()


def test_a_face_too_far_from_the_reference_is_found_through_the_others():
    angles = np.radians([0, 40, 75])  # a reference, a face near to it, one near to that
    line = np.column_stack([np.cos(angles), np.sin(angles)])
    chosen = of_reference(line[1:], np.array([0, 1]), line[0], np.cos(np.radians(60)))
    assert chosen.tolist() == [True, True]
    assert np.cos(angles[2]) < np.cos(np.radians(60))


def test_the_closest_is_closest_on_average_to_faces_elsewhere():
    embedding, photograph = faces(1, 1, 2), np.array([0, 1, 1])
    chosen = closest(cosines(embedding), photograph, np.array([True, True, False]), SAME)
    assert chosen.tolist() == [True, True, False]


def test_an_embedding_of_zeros_is_like_nothing():
    assert cosines(np.zeros((2, 4))).tolist() == [[0, 0], [0, 0]]
