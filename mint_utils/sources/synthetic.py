"""Faces of persons who do not exist, drawn by :mod:`mint_utils.sources.portrait`."""

import hashlib

import numpy as np
import pandas as pd

from mint_utils.scenario import SyntheticFaces
from mint_utils.sources.portrait import draw_person, draw_shot, render


def _generator(*words: object) -> np.random.Generator:
    digest = hashlib.sha256("/".join(map(str, words)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))


class SyntheticSource:
    """``spec.persons`` persons with ``spec.images`` shots each; the same for the same seed.

    A person's face depends on the seed, the group and the person's number alone, so a larger set
    contains the smaller one.
    """

    def __init__(self, spec: SyntheticFaces, seed: int):
        self.spec, self.seed = spec, seed
        self.group = spec.group or spec.kind

    def images(self) -> pd.DataFrame:
        persons = [
            f"{self.group}_{number:05d}"
            for number in range(self.spec.first, self.spec.first + self.spec.persons)
        ]
        return pd.DataFrame(
            [
                {"image_id": f"{self.group}/{person}/{shot:03d}", "identity": person}
                for person in persons
                for shot in range(self.spec.images)
            ]
        )

    def read(self, image_id: str) -> np.ndarray:
        _, person, shot = image_id.split("/")
        face = draw_person(_generator(self.seed, person))
        photograph = draw_shot(_generator(self.seed, person, shot), self.spec.look)
        return render(face, photograph, self.spec.size)

    def facts(self, image_id: str) -> dict:
        return {"width": self.spec.size, "height": self.spec.size}  # there is no file

    def is_here(self) -> bool:
        return True

    def stamp(self) -> str:
        return "drawn"  # the scenario's block and seed say it all
