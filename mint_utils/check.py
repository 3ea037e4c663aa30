"""What can be said of a scenario before it is run: its faces, its problems, its disk."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mint_utils import locations
from mint_utils.audited import open_model
from mint_utils.evidence.verdict import powered
from mint_utils.faces import assemble
from mint_utils.hygiene import faces_found, inspect
from mint_utils.scenario import Scenario, TrainedIResNet
from mint_utils.sources import open_sources


def described(scenario: Scenario) -> Iterator[str]:
    """Findings, a line each. Raises the errors that a run would raise, with the same advice."""
    faces = assemble(open_sources(scenario), scenario)
    found = inspect(faces)
    yield found.faces.described().to_string(index=False)
    yield f"unreadable images, skipped: {len(found.skipped)}"
    yield f"images that are there twice: {len(found.duplicates)}"
    for source, part in faces_found(found.faces, scenario).itertuples(index=False):
        yield f"MTCNN finds a face in {part:.0%} of sampled images of {source}"
    test = found.faces.table[found.faces.table["split"] == "test"]
    external = test["role"] == "external"
    sides = [test.loc[side, "identity"].nunique() for side in (~external, external)]
    power = "can" if powered(*sides) else "cannot"
    who = f"{sides[0]} member persons and {sides[1]} externals on test"
    yield f"{who} {power} exclude an AUC of 0.60"
    free = shutil.disk_usage(_existing(locations.cache())).free
    needed = _bytes_needed(scenario, len(found.faces))
    yield f"disk: about {needed / 1e6:.0f} MB needed, {free / 1e9:.1f} GB free"
    if not isinstance(scenario.audited_model, TrainedIResNet):
        model = open_model(scenario, found.faces)
        yield f"audited model: {model.name}, weights {model.digest()[:12]}"


def _existing(folder: Path) -> Path:
    return folder if folder.exists() else _existing(folder.parent)


def _bytes_needed(scenario: Scenario, images: int) -> float:
    """Upper estimate of the activation stores: 2,000 channels, maps of 8 x 8 in half precision."""
    kept = np.minimum(images, scenario.detectors.samples) if scenario.detectors.methods else 0
    targets = 1 + len(scenario.controls)
    return targets * (images * 2 * 2000 * 4 + kept * 64 * 500 * 2)
