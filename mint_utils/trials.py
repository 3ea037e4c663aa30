"""What can be tried on a target: the rows of the paper's Tables 1 and 4, and the rivals."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mint_utils import one_class
from mint_utils.activations.recorded import Activations
from mint_utils.activations.views import CHANGED, GRADIENTS
from mint_utils.beyond import NEEDS
from mint_utils.chance import chance
from mint_utils.faces import FaceSet
from mint_utils.rivals import RIVALS
from mint_utils.scenario import Scenario
from mint_utils.scenario.audit import KNOWN_PERSONS

GRADIENT_ACCESS = {"class_gradient": "head_blind", "mirror_gradient": "activations"}
BEYOND = ("lira", "rmia")  # rivals that compare the audited model with references


@dataclass(frozen=True)
class Trial:
    """One method on one kind of auxiliary auditable data."""

    method: str
    kind: str  # mint or rival
    # a tap, outcome, combination, head, named, batch_norm, consistency, a gradient, pixels
    aad: str
    access: str


def trials(activations: Activations, scenario: Scenario) -> list[Trial]:
    """What can be tried on a target.

    The ``pixels`` target has no layers: Vanilla MINT takes its image statistics, CNN MINT the
    picture itself. What looks beyond references applies to the audited model alone.
    """
    found = []
    for method in scenario.detectors.fitted:
        found += _detector_trials(method, activations, scenario)
    for rival in scenario.rivals:
        found += _rival_trials(rival, activations)
    return found


def _detector_trials(method: str, activations: Activations, scenario: Scenario) -> list[Trial]:
    if activations.target == "pixels":
        looks_at_pictures = method in ("vanilla", "cnn")
        return [Trial(method, "mint", "pixels", "none")] if looks_at_pictures else []
    if method == "gradient":
        losses = [loss for loss in GRADIENTS if loss in activations.key["views"]]
        return [Trial(method, "mint", loss, GRADIENT_ACCESS[loss]) for loss in losses]
    if method == "calibrated":
        found = [Trial(method, "mint", "consistency", "activations")]
        if scenario.references and activations.target == "audited":
            found.append(Trial(method, "mint", "beyond_twins", "twin"))
        return found
    found = [Trial(method, "mint", tap, "activations") for tap in activations.taps]
    if method == "vanilla":
        found.append(Trial(method, "mint", "outcome", "outcome"))
        if activations.has_head:
            found.append(Trial(method, "mint", "head", "head_blind"))
    return [*found, Trial(method, "mint", "combination", "activations")]


def _rival_trials(rival: str, activations: Activations) -> list[Trial]:
    if rival == one_class.NAME:
        blind = activations.target == "pixels"
        looks_at = {"pixels": "none"} if blind else one_class.LOOKS_AT
        return [Trial(rival, "rival", aad, access) for aad, access in looks_at.items()]
    if rival.startswith(BEYOND):
        audited = activations.target == "audited"
        return [Trial(rival, "rival", "outcome", "twin")] if audited else []
    known = RIVALS[rival]
    if activations.target == "pixels":
        # A picture and its views have the same statistics: consistency is rounding.
        asked = known.aad == "outcome" and known.views == ("plain",)
        return [Trial(rival, "rival", "pixels", "none")] if asked else []
    has = {
        "outcome": True,
        "head": activations.has_head,
        "named": activations.has_names,
        "batch_norm": activations.has_batch_norm,
        "mint": activations.has_mint_head,
    }
    found = [Trial(rival, "rival", known.aad, known.access)] if has[known.aad] else []
    if known.per_tap:
        found += [Trial(rival, "rival", tap, "activations") for tap in activations.taps]
    return found


def trial_table(targets: Mapping[str, Activations], scenario: Scenario) -> pd.DataFrame:
    """The trials of every target, a row each, for people to read.

    Taught in notebook 04.
    """
    return pd.DataFrame(
        {"target": target} | vars(trial)
        for target, activations in targets.items()
        for trial in trials(activations, scenario)
    )


def views_needed(scenario: Scenario) -> tuple[str, ...]:
    """The views of each image that the scenario's methods ask for, plain first, gradients last."""
    steady = "calibrated" in scenario.detectors.fitted or one_class.NAME in scenario.rivals
    wanted = {"plain"} | ({*CHANGED} if steady else set())
    for rival in set(scenario.rivals) - {one_class.NAME}:
        signal = rival.partition("_")[2]
        wanted |= set(NEEDS[signal] if rival.startswith(BEYOND) else RIVALS[rival].views)
    wanted |= {*GRADIENTS} if "gradient" in scenario.detectors.fitted else set()
    return tuple(view for view in ("plain", *CHANGED, *GRADIENTS) if view in wanted)


def batch_norm_needed(scenario: Scenario) -> bool:
    """Whether distances to the batch-norm statistics are asked for."""
    return any(r in RIVALS and RIVALS[r].aad == "batch_norm" for r in scenario.rivals)


def detector_samples(faces: FaceSet, scenario: Scenario) -> np.ndarray:
    """bool (n,): the images that detectors are fitted on and tested with, at most ``samples``.

    Of members outside test only ``known_members`` images of fit where the scenario says so.
    """
    draw = np.array([chance(scenario.seed, "detector sample", i) for i in faces.table["image_id"]])
    sampled = draw.argsort().argsort() < scenario.detectors.samples
    if scenario.detectors.known_members is None:
        return sampled
    return sampled & ~_unknown(faces.table, sampled, scenario)


def _unknown(table: pd.DataFrame, sampled: np.ndarray, scenario: Scenario) -> np.ndarray:
    """bool (n,): images of member persons, outside test, of whom this auditor knows nothing.

    Persons are known in an order that chance gives, as many as have images enough, but four at
    least; of each about as many images as of the others.
    """
    theirs = (table["role"] != "external") & (table["split"] != "test")
    of_fit = table[(table["role"] == "member") & (table["split"] == "fit") & sampled]
    wanted, images = scenario.detectors.known_members, of_fit["identity"].value_counts()
    order = sorted(images.index, key=lambda person: chance(scenario.seed, "known", person))
    enough = int((images[order].cumsum() < wanted).sum()) + 1
    persons = order[: max(enough, KNOWN_PERSONS)]
    some = of_fit[of_fit["identity"].isin(persons)]
    turn = some.groupby("identity").cumcount()
    known = turn.sort_values(kind="stable").index[:wanted]
    return (theirs & ~table.index.isin(known)).to_numpy()
