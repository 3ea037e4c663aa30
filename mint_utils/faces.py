"""FaceSet: one table of images, pixels on demand, roles, and splits disjoint by person.

Knows no source: it is handed opened sources and asks them for images.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches

import numpy as np
import pandas as pd
from PIL import Image

from mint_utils.chance import chance
from mint_utils.hidden import HIDDEN, coded
from mint_utils.scenario import FaceSource, Roles, Scenario, Splits
from mint_utils.sources import Source, UnreadableImage

COLUMNS = ["image_id", "identity", "source", "role", "split"]
SPLITS = ["fit", "calibrate", "test"]
CONTRASTS = {  # contrast -> (role counted positive, role counted negative)
    "member_vs_external": ("member", "external"),
    "member_vs_held_out": ("member", "held_out"),
    "held_out_vs_external": ("held_out", "external"),
}


@dataclass(frozen=True)
class FaceSet:
    """Images as a table (COLUMNS and ``set_aside``), with the sources their pixels come from.

    The table has ``group`` where a source tells it, and ``read_as``, the sources' own image ids,
    where reports are to hide faces (hidden.py).

    ``set_aside`` marks the part of an external person's images that corresponds to the held_out
    part of a member person's, so that albums of both sides are drawn from equally many photos.
    """

    table: pd.DataFrame
    sources: Mapping[str, Source]

    def __len__(self) -> int:
        return len(self.table)

    def where(self, mask: np.ndarray | pd.Series) -> "FaceSet":
        """The images for which ``mask`` (bool, one an image) holds, renumbered from 0."""
        return replace(self, table=self.table[np.asarray(mask)].reset_index(drop=True))

    def read(self, row: int) -> np.ndarray:
        """Image ``row`` as its source has it: uint8 (height, width, 3), RGB."""
        source, name = self.source_of(row)
        if "read_as" not in self.table:
            return source.read(name)
        try:
            return source.read(name)
        except UnreadableImage:  # whose words name the file
            raise UnreadableImage(f"{self.table['image_id'][row]}: cannot be read") from None

    def source_of(self, row: int) -> tuple[Source, str]:
        """Where image ``row`` comes from, and what it is called there."""
        image = self.table.iloc[row]
        return self.sources[image["source"]], image.get("read_as", image["image_id"])

    def listed(self) -> pd.DataFrame:
        """What a report tells of the images: COLUMNS, and ``group`` where a source has it."""
        return self.table[[*COLUMNS, *({"group"} & {*self.table.columns})]]

    def pixels(self, size: int, rows=None) -> np.ndarray:
        """Images resized to a square: uint8 (n, size, size, 3), RGB, in the order of ``rows``."""
        rows = range(len(self)) if rows is None else rows
        out = np.empty((len(rows), size, size, 3), np.uint8)
        for place, row in enumerate(rows):
            out[place] = resized(self.read(row), size)
        return out

    def described(self) -> pd.DataFrame:
        """Images and persons by role and split, for people to read."""
        groups = self.table.groupby(["role", "split"], sort=False)["identity"]
        return groups.agg(images="size", persons="nunique").reset_index()


def resized(image: np.ndarray, size: int) -> np.ndarray:
    """``image`` (height, width, 3) as (size, size, 3), bilinear with antialiasing."""
    if image.shape[:2] == (size, size):
        return image
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR))


def assemble(sources: Mapping[str, Source], scenario: Scenario) -> FaceSet:
    """List the images, give each a role and each person a split.

    Raises ValueError if a person is on both sides undeclared or too few persons can be split.

    Taught in notebook 01.
    """
    specs = {spec.group or spec.kind: spec for spec in scenario.faces}
    listed = _listed(sources, specs)
    table = pd.concat(listed, ignore_index=True)
    for spec in scenario.faces:
        _refuse_unknown_persons("held_out_persons", spec.held_out_persons, table["identity"])
    table = _kept_persons(table, scenario.roles, scenario.seed)
    if scenario.assignment == "random":
        table["role"], table["set_aside"] = _random_roles(table, scenario.roles, scenario.seed)
    else:
        table["role"] = _observed_roles(table, specs)
        table["set_aside"] = False
    _refuse_persons_on_both_sides(table)
    table["split"] = _splits(table, scenario.splits, scenario.seed)
    table = table[[*COLUMNS, "set_aside", *({"group"} & {*table.columns})]]
    if scenario.report.faces == HIDDEN:
        table = coded(table, lambda source, image_id: sources[source].read(image_id))
    return FaceSet(table, sources)


def without_excluded(images: pd.DataFrame, spec: FaceSource) -> pd.DataFrame:
    """A source's images but those of persons whom it excludes; ValueError for an unknown one."""
    _refuse_unknown_persons("exclude", spec.exclude, images["identity"])
    return images[~images["identity"].isin(spec.exclude)].reset_index(drop=True)


def _listed(sources: Mapping[str, Source], specs: Mapping[str, FaceSource]) -> list[pd.DataFrame]:
    """The images of each source. Raises one FileNotFoundError for all sources that are not here."""
    listed, missing = [], []
    for group, source in sources.items():
        try:
            images = without_excluded(source.images(), specs[group])
            listed.append(images.assign(source=group))
        except FileNotFoundError as error:
            missing.append(f"{group}: {error}" if len(sources) > 1 else str(error))
    if missing:
        raise FileNotFoundError("\n\n".join(missing))
    return listed


def _rank_in_person(table: pd.DataFrame, seed: int, purpose: str) -> pd.Series:
    draw = pd.Series([chance(seed, purpose, i) for i in table["image_id"]], index=table.index)
    return draw.groupby(table["identity"]).rank(method="first")


def _kept_persons(table: pd.DataFrame, roles: Roles, seed: int) -> pd.DataFrame:
    _refuse_unknown_persons("roles.exclude", roles.exclude, table["identity"])
    table = table[~table["identity"].isin(roles.exclude)]
    counts = table["identity"].map(table["identity"].value_counts())
    table = table[counts >= roles.min_images]
    if table.empty:
        raise ValueError(
            f"no person has {roles.min_images} images or more after exclusions: "
            "lower roles.min_images or add images"
        )
    table = table[_rank_in_person(table, seed, "cap") <= roles.max_images]
    return table.reset_index(drop=True)


def _refuse_unknown_persons(key: str, named: tuple[str, ...], known: pd.Series) -> None:
    """A mistyped name must not leave a person on the wrong side."""
    persons = set(known)
    for person in named:
        if person not in persons:
            nearest = get_close_matches(person, persons, n=3)
            hint = f"; did you mean one of {nearest}?" if nearest else ""
            raise ValueError(f"{key}: no person {person!r} among {len(persons)}{hint}")


def _observed_roles(table: pd.DataFrame, specs: Mapping[str, FaceSource]) -> list[str]:
    """Role of each image: what its source's block says, or its row where that says ``column``."""
    own = table["role"] if "role" in table else [None] * len(table)
    roles = []
    for group, identity, role in zip(table["source"], table["identity"], own, strict=True):
        spec = specs[group]
        stated = role if spec.role == "column" else spec.role
        roles.append("held_out" if identity in spec.held_out_persons else stated)
    return roles


def _random_roles(table: pd.DataFrame, roles: Roles, seed: int):
    persons = sorted(table["identity"].unique(), key=lambda p: chance(seed, "member person", p))
    members = set(persons[: round(len(persons) * roles.member_persons)])
    counts = table["identity"].map(table["identity"].value_counts())
    most = np.minimum((counts * roles.held_out_images).round(), counts - 1)  # one is trained on
    away = _rank_in_person(table, seed, "held out") <= most
    is_member = table["identity"].isin(members)
    role = np.where(~is_member, "external", np.where(away, "held_out", "member"))
    return role, away & ~is_member


def _refuse_persons_on_both_sides(table: pd.DataFrame) -> None:
    external = set(table.loc[table["role"] == "external", "identity"])
    both = sorted(external & set(table.loc[table["role"] != "external", "identity"]))
    if both:
        raise ValueError(
            f"{len(both)} persons are both member persons and externals: {', '.join(both[:5])}"
            f"{' ...' if len(both) > 5 else ''}. Leave them out with roles.exclude, or declare "
            "their unseen photos with held_out_persons."
        )


def _splits(table: pd.DataFrame, splits: Splits, seed: int) -> pd.Series:
    """Split of each image; every person is in one split, sides in the same proportions."""
    side = np.where(table["role"] == "external", "external", "member")
    chosen: dict[str, str] = {}
    for name in ("member", "external"):
        persons = sorted(
            table.loc[side == name, "identity"].unique(), key=lambda p: chance(seed, "split", p)
        )
        bounds = np.round(np.cumsum([splits.fit, splits.calibrate, splits.test]) * len(persons))
        sizes = np.diff(np.concatenate([[0], bounds])).astype(int)
        wanted = np.array([splits.fit, splits.calibrate, splits.test]) > 0
        if (sizes[wanted] < 2).any():
            raise ValueError(
                f"{len(persons)} {name} persons are too few to split: "
                + ", ".join(f"{s} {n}" for s, n in zip(SPLITS, sizes, strict=True))
                + ". At least 2 are needed in each split that is used; add persons, or set "
                "splits to {fit: 0, calibrate: 0, test: 1} and audit with label-free rivals."
            )
        chosen |= dict(zip(persons, np.repeat(SPLITS, sizes), strict=True))
    return table["identity"].map(chosen)
