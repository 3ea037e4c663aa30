"""Reference twins: trained models of the same kind that did not see the person they look at.

What they show of members and externals is what *any* face model makes of these pictures: how
hard a face is, and how the sets differ. Only what the audited model shows beyond them can be
membership (offline LiRA, arXiv 2112.03570).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mint_utils.audited.families import FAMILIES
from mint_utils.audited.iresnet import train_iresnet
from mint_utils.audited.model import AuditedModel
from mint_utils.chance import chance
from mint_utils.faces import FaceSet
from mint_utils.scenario import Halves, Scenario, TrainedIResNet

NAME = "reference_twin"


@dataclass(frozen=True)
class ReferenceTwin:
    """A model and the persons it was trained on, whom it must not be asked about."""

    model: AuditedModel
    seen: frozenset[str]


def reference_twins(scenario: Scenario, faces: FaceSet) -> dict[str, ReferenceTwin]:
    """The scenario's reference models by target name: ``reference_twin.0``, ``.1``, ...

    Trained or loaded when called; trained ones are kept by fingerprint like any other.
    """
    if scenario.references is None:
        return {}
    if not isinstance(scenario.references, Halves):
        spec = scenario.references.model
        model = FAMILIES[spec.family](spec, faces, scenario.seed)
        return {f"{NAME}.0": ReferenceTwin(model, frozenset())}
    spec = _recipe(scenario)
    found = {}
    for number, seen in enumerate(halves(faces.table, scenario)):
        kept_away = (faces.table["role"] == "held_out") | faces.table["set_aside"]
        own = faces.where(faces.table["identity"].isin(seen) & ~kept_away)
        name = f"{NAME}.{number}"
        model = train_iresnet(spec, own, scenario.seed + 1 + number, name)
        found[name] = ReferenceTwin(model, seen)
    return found


def halves(table: pd.DataFrame, scenario: Scenario) -> list[frozenset[str]]:
    """The persons each trained reference sees: two complementary halves a pair.

    Halves of each side, drawn apart, so that no reference knows more of one than of the other.
    """
    if not isinstance(scenario.references, Halves):
        return []
    side = table["role"] == "external"
    found = []
    for pair in range(scenario.references.pairs):
        first: set[str] = set()
        for persons in (table.loc[side, "identity"], table.loc[~side, "identity"]):
            drawn = sorted(
                persons.unique(), key=lambda p: chance(scenario.seed, "reference", pair, p)
            )
            first |= set(drawn[: len(drawn) // 2])
        found += [frozenset(first), frozenset(set(table["identity"]) - first)]
    return found


def unseen_by(target: str, table: pd.DataFrame, scenario: Scenario) -> np.ndarray:
    """bool (n,): images of persons that a target's model was not trained on as a reference."""
    number = target.removeprefix(f"{NAME}.")
    parts = halves(table, scenario)
    if number == target or not parts:
        return np.ones(len(table), bool)
    return ~table["identity"].isin(parts[int(number)]).to_numpy()


def _recipe(scenario: Scenario) -> TrainedIResNet:
    """The audited model's own recipe where the study trained it."""
    audited = scenario.audited_model
    trained_here = isinstance(audited, TrainedIResNet)
    spec = audited if trained_here else TrainedIResNet(family="iresnet")
    epochs = scenario.references.epochs or spec.epochs
    return spec.model_copy(update={"epochs": epochs, "trained_on": None, "amint": None})
