"""Audited models, one file a family. A new family is one file and one line in FAMILIES."""

from mint_utils.audited.facenet import open_facenet
from mint_utils.audited.iresnet import open_iresnet
from mint_utils.audited.model import AuditedModel, Preprocess
from mint_utils.faces import FaceSet
from mint_utils.scenario import Scenario

__all__ = ["FAMILIES", "AuditedModel", "Preprocess", "open_model"]

FAMILIES = {"iresnet": open_iresnet, "facenet": open_facenet}


def open_model(scenario: Scenario, faces: FaceSet) -> AuditedModel:
    """The scenario's audited model, ready to be audited: loaded, or trained on the members.

    A family's opener takes (spec, faces, seed).
    """
    family = FAMILIES[scenario.audited_model.family]
    return family(scenario.audited_model, faces, scenario.seed)
