"""What can be said of a scenario before it is run: its faces, its problems, its disk."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from mint_utils import locations
from mint_utils.activations.estimate import Estimate, estimate
from mint_utils.activations.recorder import Recorder
from mint_utils.albums import draw_albums, of_contrast
from mint_utils.audited import AuditedModel, open_model
from mint_utils.audited.references import reference_twins
from mint_utils.audited.selftest import selftest
from mint_utils.evidence.verdict import powered
from mint_utils.faces import CONTRASTS, FaceSet, assemble
from mint_utils.hygiene import faces_found, hygiene_warnings, inspect
from mint_utils.near_duplicates import near_duplicates
from mint_utils.parity import parity
from mint_utils.scenario import Published, Scenario, TrainedIResNet
from mint_utils.sources import open_sources
from mint_utils.trials import batch_norm_needed, views_needed


def described(scenario: Scenario) -> Iterator[str]:
    """Findings, a line each. Raises the errors that a run would raise, with the same advice."""
    faces = assemble(open_sources(scenario), scenario)
    found = inspect(faces)
    yield found.faces.described().to_string(index=False)
    yield from _sides(found.faces.table)
    yield f"unreadable images, skipped: {len(found.skipped)}"
    yield f"images that are there twice: {len(found.duplicates)}"
    alike = near_duplicates(found.faces.table)
    yield f"pairs of images that look the same: {len(alike)}"
    for source, part in faces_found(found.faces, scenario).itertuples(index=False):
        yield f"MTCNN finds a face in {part:.0%} of sampled images of {source}"
    compared = parity(found.faces)
    yield compared.round(3).to_string(index=False, na_rep="")
    yield from (f"warning: {words}" for words in hygiene_warnings(alike, compared))
    test = found.faces.table[found.faces.table["split"] == "test"]
    external = test["role"] == "external"
    sides = [test.loc[side, "identity"].nunique() for side in (~external, external)]
    power = "can" if powered(*sides) else "cannot"
    who = f"{sides[0]} member persons and {sides[1]} externals on test"
    yield f"{who} {power} exclude an AUC of 0.60"
    yield from _album_counts(found.faces.table, scenario)
    free = shutil.disk_usage(_existing(locations.cache())).free
    needed = _bytes_needed(scenario, len(found.faces))
    yield f"disk: about {needed / 1e6:.0f} MB needed, {free / 1e9:.1f} GB free"
    if not isinstance(scenario.audited_model, TrainedIResNet):
        model = open_model(scenario, found.faces)
        yield f"audited model: {model.name}, weights {model.digest()[:12]}"
        yield from selftest(model, found.faces, scenario.seed)
        yield f"recording it: {_work(scenario, model, found.faces)}, and as much for each control"
    if isinstance(scenario.references, Published):
        for name, twin in reference_twins(scenario, found.faces).items():
            yield f"{name}: {twin.model.name}, weights {twin.model.digest()[:12]}"
            yield from selftest(twin.model, found.faces, scenario.seed)


def _work(scenario: Scenario, model: AuditedModel, faces: FaceSet) -> Estimate:
    """What recording the audited model will take, from its first batch."""
    how = scenario.extraction
    recorder = Recorder(
        model, views_needed(scenario), batch_norm_needed(scenario), how.batch_size, how.precision,
        how.stored,
    )  # fmt: skip
    mapped = min(1, scenario.detectors.samples / len(faces))
    return estimate(recorder, faces, len(faces), mapped, _existing(locations.cache()))


def _sides(table: pd.DataFrame) -> Iterator[str]:
    external = table["role"] == "external"
    for name, side in (("member side", table[~external]), ("external side", table[external])):
        yield f"{name}: {side['identity'].nunique():,} persons, {len(side):,} images"


def _album_counts(table: pd.DataFrame, scenario: Scenario) -> Iterator[str]:
    """Test persons with as many photos of the part that is compared, the fewer of both sides."""
    albums = draw_albums(table[table["split"] == "test"], scenario.albums, scenario.seed)
    for contrast, pair in CONTRASTS.items():
        some = albums[of_contrast(albums["unit"], contrast) & albums["role"].isin(pair)]
        counts = some.groupby(["n_images", "role"])["identity"].nunique().unstack(fill_value=0)
        if set(pair) <= set(counts.columns):
            fewer = counts[list(pair)].min(axis=1)
            told = ", ".join(f"of {k}: {n}" for k, n in fewer.items())
            yield f"persons a side with albums, {contrast}: {told}"


def _existing(folder: Path) -> Path:
    return folder if folder.exists() else _existing(folder.parent)


def _bytes_needed(scenario: Scenario, images: int) -> float:
    """Upper estimate of the activation stores: 2,000 channels, maps of 8 x 8 in half precision."""
    kept = np.minimum(images, scenario.detectors.samples) if scenario.detectors.fitted else 0
    references = len(scenario.controls) + scenario.swapped_halves
    if scenario.references:
        references += getattr(scenario.references, "pairs", 0.5) * 2
    vectors = images * len(views_needed(scenario)) * 2000 * 4
    return (1 + references) * (vectors + kept * 64 * 500 * 2)
