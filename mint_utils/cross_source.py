"""From one source of externals to another: does what a detector learned hold elsewhere?

Each detector is fitted with the members against externals of some sources only, always equally
many of them, and tested on the same members against the test persons of every source. Where it
has learned membership, it does not matter which externals it knows. Where it has learned what its
own externals look like, strangers from elsewhere are something else to it. The reverse does not
hold: a trained network knows the style of its training pictures, and what sets the members apart
from every source carries over as well.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from tqdm import tqdm

from mint_utils.activations.recorded import Activations
from mint_utils.chance import chance
from mint_utils.evidence.metrics import auc
from mint_utils.evidence.rungs import CONTROLS
from mint_utils.faces import FaceSet
from mint_utils.scenario import Scenario
from mint_utils.scores import Scoring, recordings
from mint_utils.trials import Trial, detector_samples, trials

FEWEST = {"fit": 10, "test": 5}  # external persons of a source that takes part
MOST = 10  # combinations of equally many sources that are fitted; more are drawn by chance


@dataclass(frozen=True, eq=False)
class Fit:
    """One method on one target, fitted against externals of ``sources``."""

    sources: tuple[str, ...]
    target: str
    trial: Trial
    validation: float  # AUC on persons inside fit who did not stop it
    score: np.ndarray  # (n,) one an image; NaN where it was fitted

    @property
    def rung(self) -> tuple[str, str]:
        """Method and level of access, which one kind of data represents."""
        return self.trial.method, self.trial.access


@dataclass(frozen=True)
class Fits:
    """Every fit, on the rows of ``table``."""

    table: pd.DataFrame
    found: list[Fit]

    def chosen(self) -> list[Fit]:
        """The kind of data with the best AUC on validation persons, for each rung and target."""
        return _best(self.found, lambda fit: (fit.sources, fit.target, fit.rung))

    def controls_of(self, fit: Fit) -> list[Fit]:
        """What stands beside a fit, fitted on the same persons: of each control the same rung,
        and the rung that validation persons prefer.
        """
        same = [f for f in self.chosen() if f.sources == fit.sources and f.target != "audited"]
        preferred = _best(same, lambda other: other.target)
        return [other for other in same if other.rung == fit.rung or other in preferred]


def _best(fits: list[Fit], key: Callable[[Fit], object]) -> list[Fit]:
    """Of the fits with the same key the one with the best AUC on validation persons."""
    found: dict[object, Fit] = {}
    for fit in fits:
        if key(fit) not in found or fit.validation > found[key(fit)].validation:
            found[key(fit)] = fit
    return list(found.values())


def external_sources(table: pd.DataFrame) -> list[str]:
    """Sources with FEWEST external persons or more in fit and in test, in the table's order."""
    external = table[(table["role"] == "external") & ~table["set_aside"]]
    persons = external.groupby(["source", "split"])["identity"].nunique().unstack(fill_value=0)
    persons = persons.reindex(table["source"].unique(), fill_value=0)
    persons = persons.reindex(columns=list(FEWEST), fill_value=0)
    return [s for s, row in persons.iterrows() if all(row[k] >= n for k, n in FEWEST.items())]


def fit_by_sources(targets: Mapping[str, Activations], faces: FaceSet, scenario: Scenario) -> Fits:
    """Fit every MINT method on every target, against each choice of some of the sources.

    Nothing is fitted where there are fewer than two sources with FEWEST persons.

    Taught in notebook 04.
    """
    rows = np.flatnonzero(detector_samples(faces, scenario))
    table = faces.table.iloc[rows].reset_index(drop=True)
    sources = external_sources(table)
    if len(sources) < 2 or not scenario.detectors.methods:
        return Fits(table, [])
    scoring = Scoring(rows, table, scenario, (), None, seeds=1)
    asked = recordings(targets, faces, scenario)
    work = [
        (some, target, trial)
        for some in choices(sources, scenario.seed)
        for target in ("audited", *CONTROLS)
        if target in asked and (target == "audited" or target in scenario.controls)
        for trial in trials(asked[target][0].activations, scenario)
        if trial.kind == "mint" and trial.aad != "beyond_twins"
    ]
    found = []
    with tqdm(work, desc="from source to source", unit="fit") as progress:
        for some, target, trial in progress:
            progress.set_postfix_str(f"{trial.method} on {target} {trial.aad}")
            roles = fitted_roles(table, sources, some, scenario.seed)
            try:
                score = scoring.of_target(trial, asked[target], roles)["all"]
            except ValueError:  # few persons with many photos: too few are left to fit on
                continue
            found.append(Fit(some, target, trial, _validation_auc(score, roles), score))
    return Fits(table, found)


def choices(sources: list[str], seed: int) -> list[tuple[str, ...]]:
    """Every choice of one source, of two ...: of all but one at most, MOST of each size."""
    found = []
    for count in range(1, len(sources)):
        some = list(combinations(sources, count))
        if len(some) > MOST:
            some = sorted(some, key=lambda names: chance(seed, "sources", *names))[:MOST]
        found += some
    return found


def fitted_roles(
    table: pd.DataFrame, sources: list[str], some: tuple[str, ...], seed: int
) -> pd.DataFrame:
    """The table in which of the externals in fit only persons of ``some`` sources are left.

    Whole persons, drawn by chance, until as many images are reached as the smallest of all
    ``sources`` has in fit, in equal parts; the others are in the split ``left_out``.
    """
    in_fit = (table["role"] == "external") & (table["split"] == "fit")
    pool = table[in_fit & ~table["set_aside"] & table["source"].isin(sources)]
    budget = pool["source"].value_counts().min()
    kept: set[str] = set()
    for source in some:
        images = pool.loc[pool["source"] == source, "identity"].value_counts()
        persons = sorted(images.index, key=lambda p: chance(seed, "source person", p))
        before = np.cumsum([0, *images[persons]])[:-1]
        kept |= {p for p, count in zip(persons, before, strict=True) if count < budget / len(some)}
    left_out = in_fit & ~table["identity"].isin(kept)
    return table.assign(split=np.where(left_out, "left_out", table["split"]))


def _validation_auc(score: np.ndarray, roles: pd.DataFrame) -> float:
    known = (roles["split"] == "fit") & roles["role"].isin(["member", "external"])
    known = known.to_numpy() & np.isfinite(score)
    return auc(score[known], (roles["role"] == "member").to_numpy()[known])
