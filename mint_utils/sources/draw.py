"""Some persons of a large set, drawn by chance, so that an audit of millions stays possible."""

from collections.abc import Sequence

import pandas as pd

from mint_utils.chance import chance
from mint_utils.scenario import PhotographFaces


def drawn_names(names: Sequence[str], spec: PhotographFaces, seed: int) -> Sequence[str]:
    """``spec.persons`` of ``names`` (each once), or all of them where it is None.

    A larger draw holds the smaller one. Persons whom the block names come on top: nobody can be
    excluded, or declared held out, who is not there.
    """
    if spec.persons is None:
        return names
    named = {*spec.exclude, *spec.held_out_persons}
    others = [name for name in names if name not in named]
    drawn = sorted(others, key=lambda name: chance(seed, "drawn", name))[: spec.persons]
    return [name for name in names if name in named] + drawn


def drawn_persons(images: pd.DataFrame, spec: PhotographFaces, seed: int) -> pd.DataFrame:
    """The rows of ``images`` (``image_id``, ``identity``) of the persons who are drawn."""
    if spec.persons is None:
        return images
    drawn = drawn_names(images["identity"].unique().tolist(), spec, seed)
    return images[images["identity"].isin(drawn)].reset_index(drop=True)
