"""Other roles for the same images: whole persons move, and what was kept aside stays aside."""

import numpy as np
import pandas as pd
import pytest
from test_albums import observed
from test_scores import listed, planted_scenario

from mint_utils.relabelled import shuffled_over_persons, swapped

ROLES = ["role", "set_aside"]


def table(**more) -> pd.DataFrame:
    return listed(planted_scenario(**more)).table


def member_persons(some: pd.DataFrame) -> set[str]:
    return set(some["identity"][some["role"] != "external"])


def aside(some: pd.DataFrame) -> np.ndarray:
    return ((some["role"] == "held_out") | some["set_aside"]).to_numpy()


def assert_consistent(before: pd.DataFrame, after: pd.DataFrame) -> None:
    """Nothing but roles has changed, and they are roles that a face set could have."""
    pd.testing.assert_frame_equal(after.drop(columns=ROLES), before.drop(columns=ROLES))
    assert not member_persons(after) & set(after["identity"][after["role"] == "external"])
    assert (aside(after) == aside(before)).all()  # photos kept away from one model stay so
    external = after["role"] == "external"
    assert (after["set_aside"] == (external & aside(before))).all()
    assert ((after["role"] == "held_out") == (~external & aside(before))).all()


@pytest.mark.parametrize("seed", range(4))
def test_as_many_persons_of_each_split_are_on_each_side_as_before(seed):
    before = table(faces__0__persons=60, roles__member_persons=0.3)
    after = shuffled_over_persons(before, seed)
    assert_consistent(before, after)
    for split in ("fit", "calibrate", "test"):
        there = before["split"] == split
        assert len(member_persons(after[there])) == len(member_persons(before[there]))
    counts = [some.groupby(["split", *ROLES]).size().to_dict() for some in (before, after)]
    assert counts[0] == counts[1]  # everybody has as many photos


def test_shuffling_is_drawn_by_the_seed():
    before = table()
    one, again, other = (shuffled_over_persons(before, seed) for seed in (0, 0, 1))
    pd.testing.assert_frame_equal(one, again)
    assert member_persons(one) != member_persons(other)
    # Not by whether a person was a member: about half of them stay.
    stayed = len(member_persons(before) & member_persons(one)) / len(member_persons(before))
    assert 0.25 < stayed < 0.75


def test_shuffling_does_not_hang_on_the_order_of_the_images():
    before = table()
    turned = before.iloc[::-1].reset_index(drop=True)
    one, other = shuffled_over_persons(before, 0), shuffled_over_persons(turned, 0)
    assert member_persons(one) == member_persons(other)


def test_the_table_that_is_relabelled_stays_as_it_is():
    before = table()
    kept = before.copy()
    shuffled_over_persons(before, 0)
    swapped(before)
    pd.testing.assert_frame_equal(before, kept)


def test_swapped_makes_members_of_all_externals_and_of_nobody_else():
    before = table()
    after = swapped(before)
    assert_consistent(before, after)
    assert member_persons(after) == set(before["identity"]) - member_persons(before)
    pd.testing.assert_frame_equal(swapped(after), before)


def test_observed_roles_can_be_shuffled_too():
    before = observed().table
    after = shuffled_over_persons(before, 0)
    assert_consistent(before, after)
    for split in ("fit", "calibrate", "test"):
        there = before["split"] == split
        assert len(member_persons(after[there])) == len(member_persons(before[there]))
