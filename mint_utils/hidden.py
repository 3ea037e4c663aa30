"""Reports without faces: codes in place of persons and files, and what a manifest then leaves out.

``report: {faces: hidden}`` is for a report that is handed over. Names and file names are replaced
when the faces are listed, after roles and splits were drawn, so that no later step, table, page or
message knows them; only ``read_as``, a column that stays on this machine, says which file is which.
"""

import hashlib
from collections.abc import Callable

import numpy as np
import pandas as pd

from mint_utils.chance import chance
from mint_utils.scenario import Scenario
from mint_utils.sources import UnreadableImage

KEYED_BY = 16  # images whose pixels decide the order of the codes
HIDDEN = "hidden"
PLACES = {  # keys of a scenario whose values can hold a path or a name, and what stands for them
    "path": HIDDEN, "weights": HIDDEN, "file": HIDDEN, "head": HIDDEN, "source": HIDDEN,
    "module": f"{HIDDEN}:{HIDDEN}",
}  # fmt: skip


def coded(table: pd.DataFrame, read: Callable[[str, str], np.ndarray]) -> pd.DataFrame:
    """``table`` with codes for ``image_id`` and ``identity``, in their order; ``read_as`` is new.

    ``read(source, image_id)`` gives an image. Persons are numbered by chance that depends on the
    pictures: the same faces get the same codes, and nobody without them can tell a name's code.
    """
    key = _key(table, read)
    names = sorted(table["identity"].unique(), key=lambda name: chance(0, key, "person", name))
    width = len(str(len(names)))
    code = {name: f"person_{place:0{width}d}" for place, name in enumerate(names, start=1)}
    person = table["identity"].map(code)
    turn = pd.Series([chance(0, key, "image", i) for i in table["image_id"]], index=table.index)
    number = turn.groupby([table["source"], person]).rank(method="first").astype(int)
    image = table["source"] + "/" + person + "/" + number.map("{:03d}".format)
    hidden = table.assign(read_as=table["image_id"], image_id=image, identity=person)
    return hidden.sort_values("image_id", ignore_index=True)


def _key(table: pd.DataFrame, read: Callable[[str, str], np.ndarray]) -> str:
    """SHA-256 of the pixels of some images: known to whoever has the faces, and to nobody else."""
    digest, counted = hashlib.sha256(), 0
    for image_id, source in sorted(zip(table["image_id"], table["source"], strict=True)):
        try:
            digest.update(read(source, image_id).tobytes())
        except UnreadableImage:
            continue
        counted += 1
        if counted == KEYED_BY:
            break
    return digest.hexdigest()


def told(scenario: Scenario) -> dict:
    """The scenario as a report may tell it: where faces are hidden, without persons and paths."""
    content = scenario.model_dump(mode="json", exclude={"tiny"})
    return _without_names(content) if scenario.report.faces == HIDDEN else content


def told_fingerprint(scenario: Scenario) -> str:
    """The fingerprint of what is told: that of what is hidden would confirm a guess of a name."""
    return Scenario.model_validate(told(scenario)).fingerprint


def _without_names(block: object, key: str = "") -> object:
    if isinstance(block, dict):
        return {name: _without_names(value, name) for name, value in block.items()}
    if key in ("exclude", "held_out_persons"):
        return [HIDDEN] * len(block)
    if block is not None and key in PLACES:
        return PLACES[key]
    return [_without_names(value) for value in block] if isinstance(block, list) else block
