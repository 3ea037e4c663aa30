"""Activation differences before any detector: which images are shown, what chance reaches."""

import numpy as np
import pandas as pd

from mint_utils.separation import opposite_rows

TABLE = pd.DataFrame(
    {
        "identity": ["a", "a", "b", "c", "x", "y", "z"],
        "role": ["member", "member", "member", "member", "external", "external", "external"],
    }
)


def test_two_persons_of_each_side_are_shown():
    assert opposite_rows(TABLE, np.ones(7, bool)) == [0, 2, 4, 5]


def test_only_images_whose_maps_are_kept_are_shown():
    mapped = np.array([False, True, False, True, False, True, True])
    assert opposite_rows(TABLE, mapped) == [1, 3, 5, 6]


def test_held_out_images_stand_in_where_there_are_no_members():
    table = TABLE.assign(role=TABLE["role"].replace("member", "held_out"))
    assert opposite_rows(table, np.ones(7, bool)) == [0, 2, 4, 5]
