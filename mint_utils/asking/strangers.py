"""Strangers whom somebody names: photographed like those asked about, and never seen by the model.

Scores are ranked among theirs as among the run's calibrate persons, each person counting once.
Their faces are found, cropped and chosen in the same way, so that this makes no difference.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from mint_utils.asking.asked_images import Asked, counted, refuse_used
from mint_utils.asking.asked_photographs import Crops
from mint_utils.asking.asked_scores import AskedScores, first_drawn
from mint_utils.asking.photographs import printable
from mint_utils.faces import FaceSet
from mint_utils.near_duplicates import near_duplicates
from mint_utils.sources.folders import HIDDEN

FEWEST = 19  # persons: with fewer no p-value can be 0.05


@dataclass(frozen=True)
class Strangers:
    """The scored faces of persons; the identity of a face is the name of its folder."""

    folder: Path
    scores: AskedScores
    left_out: tuple[str, ...]

    @property
    def table(self) -> pd.DataFrame:
        return self.scores.faces.table

    @property
    def persons(self) -> int:
        return self.table["identity"].nunique()

    def ranked_among(self, rung: dict) -> tuple[np.ndarray, np.ndarray]:
        """Scores and persons: every image, or one album of each person with as many photographs."""
        if rung["k"] == 1:
            return self.scores.images(rung), self.table["identity"].to_numpy()
        albums = self._albums(rung["k"])
        scores = [self.scores.album(rung, rows) for rows in albums.values()]
        return np.array(scores), np.array(list(albums))

    def with_enough(self, rungs: list[dict]) -> list[dict]:
        """The album rungs in which FEWEST persons can be ranked. ValueError if none of some is."""
        enough = [rung for rung in rungs if len(self._albums(rung["k"])) >= FEWEST]
        if rungs and not enough:
            k = min(rung["k"] for rung in rungs)
            raise ValueError(
                f"{len(self._albums(k))} of {self.persons} persons in {self.folder} have {k} "
                f"different photographs; {FEWEST} are needed to rank one person's. Add photographs "
                "of more persons, or ask without --one-person"
            )
        return enough

    def _albums(self, k: int) -> dict[str, np.ndarray]:
        """Rows of one album of ``k`` for each person who has as many different photographs."""
        once, seed = counted(self.table), self.scores.run.scenario.seed
        rows = self.table.index[once].to_series().groupby(self.table["identity"][once])
        photographs = {person: some.to_numpy() for person, some in rows if len(some) >= k}
        return {who: first_drawn(self.table, some, k, seed) for who, some in photographs.items()}

    def refuse(self, asked: pd.DataFrame, known: pd.DataFrame) -> None:
        """Raise ValueError if a stranger is asked about as well, or is no stranger to the run."""
        refuse_used(self.table, known, self.folder)
        run = self.scores.run
        trained = set(run.faces.loc[run.faces["role"] != "external", "identity"])
        seen = run.faces.loc[run.faces["role"] != "external", "image_id"]
        pixels = set(known.loc[known["image_id"].isin(seen), "digest"])
        for row in self.table.itertuples():
            if row.identity in trained or row.digest in pixels:
                raise ValueError(
                    f"{self.folder / row.image_id}: {row.identity} was in the training data of "
                    "this run's model and is no stranger to it. Leave that folder out"
                )
        self._refuse_copies()
        sides = [self.table.assign(role="stranger"), asked.assign(role="query")]
        both = pd.concat(sides, ignore_index=True)
        pairs = near_duplicates(both)
        pairs = pairs[pairs["role"] != pairs["same_as_role"]]
        same = self.table[self.table["digest"].isin(asked["digest"])]["image_id"]
        for image_id in [*same, *pairs["same_as"]]:
            raise ValueError(
                f"{self.folder / image_id} is also among the photographs that are asked about: "
                "strangers are other persons"
            )

    def _refuse_copies(self) -> None:
        """Raise ValueError if one photograph stands for two strangers: it would count twice."""
        owner = self.table.set_index("image_id")["identity"]
        first = self.table.drop_duplicates("digest").set_index("digest")["image_id"]
        same = zip(self.table["image_id"], self.table["digest"].map(first), strict=True)
        pairs = near_duplicates(self.table.assign(role="stranger"))
        for image_id, other in [*same, *zip(pairs["image_id"], pairs["same_as"], strict=True)]:
            if owner[image_id] != owner[other]:
                raise ValueError(
                    f"{self.folder / image_id} shows the face of {self.folder / other}: a stranger "
                    "counts once. Leave one of the two folders out"
                )


def strangers_in(
    folder: Path, asked: Path, read: Callable[[Path], Asked]
) -> tuple[FaceSet, tuple[str, ...]]:
    """The faces of the persons under ``folder``, a subfolder each, and who had to be left out.

    ``read`` gives a person's faces, as it gave those of ``asked``; a ValueError leaves a person
    out. Raises ValueError if FEWEST persons are not left, or ``asked`` lies in there.
    """
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is no folder: name one with a subfolder a person")
    if asked.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"{asked} is asked about and lies in {folder}, the folder of strangers")
    tables, crops, left_out = [], {}, []
    persons = [f for f in sorted(folder.iterdir()) if f.is_dir() and not f.is_symlink()]
    persons = [person for person in persons if not person.name.startswith(HIDDEN)]
    for person in tqdm(persons, desc="strangers", unit="person"):
        try:
            faces = read(person).faces
        except ValueError:  # nothing that can be read, no face, or nobody who is recognised
            left_out.append(printable(person.name))
            continue
        names = printable(person.name) + "/" + faces.table["image_id"]
        crops |= {name: faces.read(row) for row, name in enumerate(names)}
        tables.append(faces.table.assign(image_id=names, identity=person.name))
    if len(tables) < FEWEST:
        raise ValueError(
            f"{len(tables)} persons with usable photographs in {folder}; {FEWEST} are needed, a "
            "subfolder each, so that a p-value can be 0.05. Add persons, or ask without --strangers"
        )
    table = pd.concat(tables, ignore_index=True)
    return FaceSet(table, {"query": Crops(crops)}), tuple(left_out)
