"""Audited models, one file a family. A new family is one file and one line in families.py."""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from mint_utils.audited.families import FAMILIES
from mint_utils.audited.iresnet import new_iresnet
from mint_utils.audited.model import AuditedModel, Preprocess
from mint_utils.audited.training import load_weights
from mint_utils.faces import FaceSet
from mint_utils.scenario import Scenario, TrainedIResNet
from mint_utils.training_faces import refuse_audited_persons

__all__ = ["FAMILIES", "AuditedModel", "Preprocess", "open_model", "reopen"]


def open_model(scenario: Scenario, faces: FaceSet) -> AuditedModel:
    """The scenario's audited model, ready to be audited: loaded, or trained on the members.

    A family's opener takes (spec, faces, seed). Raises ValueError if a model that is trained on
    other faces would be trained on somebody in the audit.

    Taught in notebook 02.
    """
    spec = scenario.audited_model
    if isinstance(spec, TrainedIResNet) and spec.trained_on:
        refuse_audited_persons(spec.trained_on, scenario.seed, faces)
    return FAMILIES[spec.family](spec, faces, scenario.seed)


def reopen(scenario: Scenario, models: Path) -> AuditedModel:
    """The audited model of a finished run; ``models`` is the folder that its report keeps.

    Nothing is trained: raises FileNotFoundError if weights that the study trained are gone.
    """
    spec = scenario.audited_model
    if not isinstance(spec, TrainedIResNet):
        return FAMILIES[spec.family](spec, FaceSet(pd.DataFrame(), {}), scenario.seed)
    file = models / "audited_model.safetensors"
    if not file.is_file():
        raise FileNotFoundError(
            f"{file} is missing: run `mint-study run {scenario.name}` again to train it"
        )
    untrained = new_iresnet(spec, scenario.seed)
    head, notes = load_weights(file, untrained.module)
    return replace(untrained, head=head, classes=tuple(notes.pop("classes")), notes=notes)
