"""Scores of albums: what each image method says on average, and what only an album can say."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from mint_utils.activations.recorded import Activations
from mint_utils.albums import draw_albums, head_of_mean, mean_scores, similarity_and_spread
from mint_utils.audited.references import NAME as REFERENCE
from mint_utils.beyond import lira, unseen_mean
from mint_utils.faces import FaceSet
from mint_utils.scenario import Scenario
from mint_utils.score_table import COLUMNS, as_rows
from mint_utils.scores import Recording, recordings, validation_persons
from mint_utils.trials import Trial, detector_samples

IMAGE_KEYS = ["method", "kind", "target", "aad", "access"]


def score_albums(
    images: pd.DataFrame, targets: Mapping[str, Activations], faces: FaceSet, scenario: Scenario
) -> pd.DataFrame:
    """Albums of the scenario's sizes on every target, in the table of score_table.COLUMNS.

    ``images`` is what :func:`mint_utils.scores.score_images` gave. An album of fit persons has a
    score only if they are validation persons, as for images.

    Taught in notebook 04.
    """
    sampled = detector_samples(faces, scenario)
    table = faces.table[sampled].reset_index(drop=True)
    albums = draw_albums(table, scenario.albums, scenario.seed)
    held = validation_persons(table, scenario.seed)
    may_choose = (table["split"] != "fit") | held
    albums = albums[[bool(may_choose[rows[0]]) for rows in albums["rows"]]].reset_index(drop=True)
    if albums.empty:
        return pd.DataFrame(columns=COLUMNS)
    rows, found = np.flatnonzero(sampled), []
    for trial, target, score in (
        *_means(images, table, albums),
        *_wholes(recordings(targets, faces, scenario), rows, albums, scenario),
    ):
        found += _as_album_rows(albums, trial, target, score)
    return pd.concat(found, ignore_index=True)


def _as_album_rows(albums: pd.DataFrame, trial: Trial, target: str, score: np.ndarray) -> list:
    """Albums are ranked among those of the same size from the same part of a person's photos."""
    aside = albums["unit"].str.contains(r"/aside-\d+$")
    found = []
    for k in albums["n_images"].unique():
        for part in (aside, ~aside):
            some = ((albums["n_images"] == k) & part).to_numpy()
            if some.any() and not (trial.method.endswith("spread") and k == 2):
                found.append(as_rows(albums[some], trial, target, "all", score[some], int(k)))
    return found


def _means(images: pd.DataFrame, table: pd.DataFrame, albums) -> Iterator[tuple]:
    """Mean image score of every trial (seed ``all``)."""
    some = images[(images["seed"] == "all") & (images["target"] != "shuffled_labels")]
    for keys, rows in some.groupby(IMAGE_KEYS, sort=False):
        named = dict(zip(IMAGE_KEYS, keys, strict=True))
        by_image = rows.set_index("unit")["score"].reindex(table["image_id"]).to_numpy()
        target = named.pop("target")
        yield Trial(**named), target, mean_scores(by_image, albums)


def _wholes(found: dict[str, list[Recording]], rows, albums, scenario: Scenario) -> Iterator[tuple]:
    """Similarity and spread within an album, the head of its mean, each raw and calibrated."""
    references = [(r.activations, r.unseen[rows]) for r in found.get(REFERENCE, [])]
    first = np.array([members[0] for members in albums["rows"]])

    def within(activations: Activations) -> np.ndarray:
        return similarity_and_spread(activations.vector("outcome")[rows], albums)

    beyond = [(activations, unseen[first]) for activations, unseen in references]
    others = unseen_mean(within, beyond) if references else None
    for target, parts in found.items():
        if target == REFERENCE:
            if REFERENCE in scenario.controls:
                yield from _both("", "outcome", "outcome", target, others)
            continue
        activations, blind = parts[0].activations, target == "pixels"
        own = within(activations)
        aad, access = ("pixels", "none") if blind else ("outcome", "outcome")
        yield from _both("", aad, access, target, own)
        if activations.has_head:
            reached = head_of_mean(activations.vector("outcome")[rows], activations.head(), albums)
            yield Trial("head_of_mean", "rival", "head", "head_blind"), target, reached
        if target == "audited" and references:
            calibrated = np.stack([lira(own[:, i], others[:, i]) for i in (0, 1)], axis=1)
            yield from _both("lira_", "outcome", "twin", target, calibrated)


def _both(prefix: str, aad: str, access: str, target: str, values: np.ndarray) -> Iterator[tuple]:
    for place, signal in enumerate(("similarity", "spread")):
        trial = Trial(f"{prefix}{signal}", "rival", aad, access)
        yield trial, target, values[:, place].astype(float)
