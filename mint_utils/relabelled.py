"""The same images with other roles: whole persons exchange sides, by chance or all at once."""

import numpy as np
import pandas as pd

from mint_utils.chance import chance


def swapped(table: pd.DataFrame) -> pd.DataFrame:
    """The roles as a model has them that was trained on the externals instead of the members."""
    return with_member_persons(table, table["role"] == "external")


def shuffled_over_persons(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Roles exchanged at random over the persons of each split, as many on each side as before."""
    side = (table["role"] != "external").groupby(table["identity"]).any()
    split = table.groupby("identity")["split"].first()
    member_persons: set[str] = set()
    for _, persons in split.groupby(split):
        drawn = sorted(persons.index, key=lambda p: chance(seed, "shuffled label", p))
        member_persons |= set(drawn[: int(side[persons.index].sum())])
    return with_member_persons(table, table["identity"].isin(member_persons))


def with_member_persons(table: pd.DataFrame, is_member_person: pd.Series) -> pd.DataFrame:
    """Roles as a model has them that was trained on these persons (bool, one an image).

    The part of the images that was kept aside stays so on either side.
    """
    aside = (table["role"] == "held_out") | table["set_aside"]
    role = np.where(~is_member_person, "external", np.where(aside, "held_out", "member"))
    return table.assign(role=role, set_aside=aside & ~is_member_person)
