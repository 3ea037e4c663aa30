"""Faces that a model is trained on and the audit does not ask about."""

import numpy as np

from mint_utils.faces import COLUMNS, FaceSet, without_excluded
from mint_utils.hygiene import inspect
from mint_utils.scenario import FaceSource
from mint_utils.sources import SOURCES


def training_faces(spec: FaceSource, seed: int) -> FaceSet:
    """All readable images of a source, every one a member, in no split."""
    group = spec.group or spec.kind
    source = SOURCES[spec.kind](spec, seed)
    table = without_excluded(source.images(), spec).assign(source=group, role="member", split="")
    table["set_aside"] = np.zeros(len(table), bool)
    return inspect(FaceSet(table[[*COLUMNS, "set_aside"]], {group: source})).faces


def refuse_audited_persons(spec: FaceSource, seed: int, audited: FaceSet) -> None:
    """Raise ValueError if a person to be trained on is one whom the audit takes for unseen."""
    persons = set(without_excluded(SOURCES[spec.kind](spec, seed).images(), spec)["identity"])
    both = sorted(persons & set(audited.table["identity"]))
    if both:
        raise ValueError(
            f"audited_model.trained_on has {len(both)} persons who are in the audit as well, such "
            f"as {both[0]}: exclude them, or give drawn faces another `first` or `group`"
        )
