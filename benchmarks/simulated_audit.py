"""A simulated audit: the long table of scores of a study that has neither pictures nor a model.

Roles, splits, validation persons and albums are drawn by the package itself, from persons with 5
to 20 photographs each. A score is a person's level plus the noise of the photograph; both are
partly shared by all targets (they look at the same pictures), partly by the methods of a target,
partly the method's own.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mint_utils.albums import draw_albums
from mint_utils.faces import assemble
from mint_utils.scenario import Scenario
from mint_utils.score_table import COLUMNS
from mint_utils.scores import validation_persons

ALBUMS = (2, 4, 8)
MEMBER_SIDE = ("member", "held_out")
HELD_OUT_SHARE = 0.5  # of a planted effect, that unseen photos of a member person have
RIVALS = (
    "embedding_norm", "flip_consistency", "augmentation_consistency", "head_max", "head_margin",
    "head_entropy", "lira_norm", "rmia_norm",
)  # fmt: skip
TAPS = ("stage1", "stage2", "stage3", "stage4")
OUTCOME = [("vanilla", "outcome"), *((rival, "outcome") for rival in RIVALS[:3])]
ACTIVATIONS = [
    *(("vanilla", tap) for tap in TAPS), *(("cnn", tap) for tap in TAPS),
    ("vanilla", "combination"), ("calibrated", "consistency"),
]  # fmt: skip
HEAD = [("vanilla", "head"), *((rival, "head") for rival in RIVALS[3:6])]
TWIN = [("calibrated", "beyond_twins"), *((rival, "outcome") for rival in RIVALS[6:])]
BLIND = [("vanilla", "pixels"), ("cnn", "pixels"), ("embedding_norm", "pixels")]
MINT = ("vanilla", "cnn", "calibrated")
SIMILARITY = "similarity"  # what only an album has; here the mean of something no image shows


@dataclass(frozen=True)
class World:
    """What is true in an audit. Effects are d': differences of means in deviations of one image.

    ``control_shift`` is what the sets differ by in the eyes of the controls, ``audited_shift`` in
    those of the audited model; ``planted`` is what training on an image adds at the access level
    ``planted_at``. The best method of a target or level has all of it, the others a half to all.
    """

    persons: int  # a side, in all splits together
    assignment: str = "random"
    control_shift: float = 0.0
    audited_shift: float = 0.0
    planted: float = 0.0
    planted_at: str = "outcome"


class Persons:
    """A source of persons for the package's own drawing of roles; there is nothing to read."""

    def __init__(self, photos: np.ndarray):
        names = np.char.add("p", np.arange(len(photos)).astype(str))
        self.identity = np.repeat(names, photos)
        first = np.repeat(np.cumsum(photos) - photos, photos)
        number = np.arange(photos.sum()) - first
        self.image_id = [f"{p}/{i}" for p, i in zip(self.identity, number, strict=True)]

    def images(self) -> pd.DataFrame:
        return pd.DataFrame({"image_id": self.image_id, "identity": self.identity})


def simulated(world: World, rng: np.random.Generator) -> pd.DataFrame:
    """The score table of one audit: score_table.COLUMNS, seed ``all``, no p-values."""
    table = _images(world.persons, rng)
    trials = _trials(rng)
    score = _noise(table, trials, rng) + _effects(table, trials, world, rng)
    albums = draw_albums(table, ALBUMS, 0)
    # What only albums have is no image's score.
    of_images = (trials["method"] != SIMILARITY).to_numpy()
    images = table.rename(columns={"image_id": "unit"}).assign(n_images=1)
    parts = [_rows(images, trials[of_images], score[:, of_images])]
    for k in ALBUMS:
        some = albums[albums["n_images"] == k]
        if len(some):
            parts.append(_rows(some, trials, score[np.stack(some["rows"])].mean(axis=1)))
    found = pd.concat(parts, ignore_index=True)
    # The same names, sorted faster.
    return found.astype(dict.fromkeys(["unit", "identity", "split", "role"], "category"))


def _images(persons: int, rng: np.random.Generator) -> pd.DataFrame:
    """Every image that has scores: those of fit persons only where they are for validation."""
    seed = int(rng.integers(2**31))
    source = Persons(rng.integers(5, 21, size=2 * persons))
    scenario = Scenario(
        name="simulated", question="?", assignment="random", seed=seed,
        faces=({"kind": "synthetic"},), audited_model={"family": "iresnet"},
    )  # fmt: skip
    table = assemble({"synthetic": source}, scenario).table
    scored = (table["split"] != "fit") | validation_persons(table, seed)
    return table[scored].reset_index(drop=True)


def _trials(rng: np.random.Generator) -> pd.DataFrame:
    """Methods on targets: two or three controls, with or without a look beyond reference models."""
    models = {"outcome": OUTCOME, "activations": ACTIVATIONS, "head_blind": HEAD}
    if rng.random() < 0.5:
        models["twin"] = TWIN
    found = [("audited", access, *trial) for access, some in models.items() for trial in some]
    twins = ["untrained_twin", "reference_twin"] if rng.random() < 0.5 else ["untrained_twin"]
    few = ACTIVATIONS[:8:2] + OUTCOME  # a control has fewer methods than the audited model
    for target in twins:
        access = ["outcome" if aad == "outcome" else "activations" for _, aad in few]
        found += [(target, a, *trial) for a, trial in zip(access, few, strict=True)]
    found += [("pixels", "none", *trial) for trial in BLIND]
    found += [(target, "outcome", SIMILARITY, "outcome") for target in ("audited", *twins)]
    found.append(("pixels", "none", SIMILARITY, "pixels"))
    trials = pd.DataFrame(found, columns=["target", "access", "method", "aad"])
    return trials.assign(kind=np.where(trials["method"].isin(MINT), "mint", "rival"))


def _noise(table: pd.DataFrame, trials: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """(images, trials) scores of variance 1 without any effect; photos of a person correlated."""
    within_person = rng.uniform(0.1, 0.6)  # correlation of two photos of a person
    of_picture, of_target = rng.uniform(0.1, 0.4), rng.uniform(0.2, 0.5)
    person, _ = table["identity"].factorize()
    target, _ = trials["target"].factorize()

    def level(units: int) -> np.ndarray:
        shared = np.sqrt(of_picture) * rng.normal(size=(units, 1))
        shared = shared + np.sqrt(of_target) * rng.normal(size=(units, target.max() + 1))[:, target]
        own = np.sqrt(1 - of_picture - of_target) * rng.normal(size=(units, len(trials)))
        return shared + own

    persons, images = level(person.max() + 1)[person], level(len(table))
    return np.sqrt(within_person) * persons + np.sqrt(1 - within_person) * images


def _effects(
    table: pd.DataFrame, trials: pd.DataFrame, world: World, rng: np.random.Generator
) -> np.ndarray:
    """(images, trials): how the sets differ, and what training adds.

    A difference between sets may raise or lower a rival's number, which was made for something
    else; detectors learn its direction. Training raises every method's number.
    """
    part = rng.uniform(0.5, 1.0, size=len(trials))
    for _, some in trials.groupby(["target", "access"]):
        part[rng.choice(some.index)] = 1.0
    turned = np.where(trials["kind"] == "rival", rng.choice([-1, 1], size=len(trials)), 1)
    audited = (trials["target"] == "audited").to_numpy()
    shift = part * turned * np.where(audited, world.audited_shift, world.control_shift)
    gains = part * world.planted * (audited & (trials["access"] == world.planted_at))
    trained = table["role"].map({"member": 1.0, "held_out": HELD_OUT_SHARE, "external": 0.0})
    return np.outer(table["role"].isin(MEMBER_SIDE), shift) + np.outer(trained, gains)


def _rows(units: pd.DataFrame, trials: pd.DataFrame, score: np.ndarray) -> pd.DataFrame:
    """Long rows of ``units`` (all of one size) for all trials; score is (units, trials)."""
    place = np.tile(np.arange(len(units)), len(trials))
    which = np.repeat(np.arange(len(trials)), len(units))
    long = units[["unit", "identity", "n_images", "split", "role"]].iloc[place]
    long = pd.concat(
        [long.reset_index(drop=True), trials.iloc[which].reset_index(drop=True)], axis=1
    )
    kind = "image" if units["n_images"].iloc[0] == 1 else "album"
    return long.assign(unit_kind=kind, seed="all", score=score.T.ravel(), p_value=np.nan)[COLUMNS]
