"""What can be tried on a target, and which views of an image that takes."""

import numpy as np
import pandas as pd
import pytest
from test_scores import HALVES, Planted, listed, planted_scenario

from mint_utils.activations.gradients import LOSSES
from mint_utils.activations.recorded import Activations
from mint_utils.activations.store import Store
from mint_utils.activations.views import CHANGED, VIEWS
from mint_utils.beyond import SIGNALS
from mint_utils.rivals import RIVALS
from mint_utils.trials import (
    batch_norm_needed,
    detector_samples,
    trial_table,
    trials,
    views_needed,
)

WITHOUT_HEAD = [rival for rival in RIVALS if rival != "amint"]  # needs a model trained for it
EVERY_RIVAL = [
    *WITHOUT_HEAD,
    *(f"{rule}_{signal}" for rule in ("lira", "rmia") for signal in SIGNALS),
]


def everything(**more):
    """A scenario that asks for every method and rival there is."""
    asked = {"detectors__methods": ["vanilla", "cnn", "calibrated"], "rivals": EVERY_RIVAL}
    return planted_scenario(**(asked | {"references": HALVES} | more))


def recorded(folder, target: str = "audited", **key) -> Activations:
    """A target that recorded nothing yet: what can be asked of it is in its key."""
    said = {
        "target": target, "taps": ["stage1", "stage2"], "has_head": True, "has_names": True,
        "batch_norm": True, "views": [*VIEWS, *LOSSES], "shard_size": 1, "filters": ["stage1"],
    } | key  # fmt: skip
    store = Store(folder / target)
    store.create(said, pd.DataFrame({"image_id": [], "stamp": [], "mapped": []}))
    return Activations(store.folder)


def pixels(folder) -> Activations:
    blind = {"taps": ["image"], "has_head": False, "has_names": False, "batch_norm": False}
    return recorded(folder, "pixels", views=["plain"], **blind)


def rows(found) -> list[tuple]:
    return [(t.method, t.aad, t.access) for t in found]


def test_trials_of_detectors_are_the_rows_of_the_papers_tables_and_steadiness(tmp_path):
    found = trials(recorded(tmp_path), planted_scenario())
    assert rows(t for t in found if t.kind == "mint") == [
        ("vanilla", "stage1", "activations"),
        ("vanilla", "stage2", "activations"),
        ("vanilla", "outcome", "outcome"),
        ("vanilla", "head", "head_blind"),
        ("vanilla", "combination", "activations"),
        ("cnn", "stage1", "activations"),
        ("cnn", "stage2", "activations"),
        ("cnn", "combination", "activations"),
        ("calibrated", "consistency", "activations"),
    ]


def test_every_rival_is_tried_with_the_access_that_it_takes(tmp_path):
    found = trials(recorded(tmp_path), everything())
    assert rows(t for t in found if t.kind == "rival") == [
        ("embedding_norm", "outcome", "outcome"),
        ("flip_consistency", "outcome", "outcome"),
        ("augmentation_consistency", "outcome", "outcome"),
        ("augmentation_consistency", "stage1", "activations"),
        ("augmentation_consistency", "stage2", "activations"),
        ("batch_norm_distance", "batch_norm", "activations"),
        ("head_max", "head", "head_blind"),
        ("head_margin", "head", "head_blind"),
        ("head_entropy", "head", "head_blind"),
        ("head_views", "head", "head_blind"),
        ("head_named", "named", "head_named"),
        ("lira_norm", "outcome", "twin"),
        ("lira_consistency", "outcome", "twin"),
        ("rmia_norm", "outcome", "twin"),
        ("rmia_consistency", "outcome", "twin"),
    ]


@pytest.mark.parametrize("target", ["untrained_twin", "swapped_halves", "reference_twin.0"])
def test_only_the_audited_model_is_compared_with_references(tmp_path, target):
    scenario = everything()
    audited, other = (trials(recorded(tmp_path, name), scenario) for name in ("audited", target))
    beyond = {t for t in audited if t.access == "twin"}
    assert ("calibrated", "beyond_twins", "twin") in rows(beyond)
    assert set(audited) - beyond == set(other)


def test_without_references_nothing_looks_beyond_them(tmp_path):
    scenario = planted_scenario(detectors__methods=["calibrated"], rivals=["embedding_norm"])
    assert rows(trials(recorded(tmp_path), scenario)) == [
        ("calibrated", "consistency", "activations"),
        ("embedding_norm", "outcome", "outcome"),
    ]


def test_pixels_have_no_layers_no_access_and_no_views(tmp_path):
    found = trials(pixels(tmp_path), everything())
    assert [(t.method, t.kind) for t in found] == [
        ("vanilla", "mint"),
        ("cnn", "mint"),
        ("embedding_norm", "rival"),
    ], "a picture and its views have the same statistics"
    assert {t.aad for t in found} == {"pixels"}
    assert {t.access for t in found} == {"none"}


@pytest.mark.parametrize(
    ("key", "aad"), [("has_head", "head"), ("has_names", "named"), ("batch_norm", "batch_norm")]
)
def test_what_was_not_recorded_nobody_asks_for(tmp_path, key, aad):
    whole, without = (
        trials(recorded(tmp_path, name, **{key: there}), everything())
        for name, there in (("audited", True), ("audited", False))
    )
    missing = {t for t in whole if t.aad == aad}
    assert missing
    assert set(whole) - missing == set(without)


def test_no_two_trials_of_a_target_are_alike(tmp_path):
    found = rows(trials(recorded(tmp_path), everything()))
    assert len({(method, aad) for method, aad, _ in found}) == len(found)


def test_trial_table_has_a_row_a_trial_of_every_target(tmp_path):
    targets = {"audited": recorded(tmp_path), "pixels": pixels(tmp_path)}
    table = trial_table(targets, planted_scenario())
    assert list(table) == ["target", "method", "kind", "aad", "access"]
    # 9 of detectors, 6 rivals, and one of them on two taps as well.
    assert table["target"].value_counts().to_dict() == {"audited": 17, "pixels": 3}


# Views


@pytest.mark.parametrize(
    ("methods", "rivals", "views"),
    [
        (["vanilla", "cnn"], [], ("plain",)),
        (["vanilla"], ["embedding_norm", "head_max", "head_named"], ("plain",)),
        (["vanilla"], ["batch_norm_distance"], ("plain",)),
        (["vanilla"], ["flip_consistency"], ("plain", "flip")),
        (["vanilla"], ["augmentation_consistency"], tuple(VIEWS)),
        (["vanilla"], ["head_views"], tuple(VIEWS)),
        (["calibrated"], ["embedding_norm"], tuple(VIEWS)),
        (["vanilla"], ["lira_norm", "rmia_norm"], ("plain",)),
        (["vanilla"], ["rmia_consistency"], tuple(VIEWS)),
        ([], ["embedding_norm", "lira_consistency"], tuple(VIEWS)),
    ],
)
def test_only_views_that_are_asked_for_are_needed(methods, rivals, views):
    scenario = planted_scenario(detectors__methods=methods, rivals=rivals, references=HALVES)
    assert views_needed(scenario) == views


@pytest.mark.parametrize("rival", EVERY_RIVAL)
def test_a_rival_can_be_scored_from_the_views_it_names_and_from_no_fewer(tmp_path, rival):
    scenario = planted_scenario(
        detectors__methods=["vanilla"], rivals=[rival], references=HALVES, faces__0__persons=20,
        faces__0__images=2,
    )  # fmt: skip
    needed = views_needed(scenario)
    planted = Planted(listed(scenario))

    def scored(views) -> np.ndarray:
        activations = planted.stored(tmp_path, views=views)
        if rival in RIVALS:
            return RIVALS[rival].score(activations, RIVALS[rival].aad)
        return SIGNALS[rival.partition("_")[2]](activations)

    assert len(scored(list(needed))) == len(planted.ids)
    for view in set(CHANGED) & set(needed):
        with pytest.raises(ValueError, match=f"view {view!r}"):
            scored([other for other in needed if other != view])


def test_batch_norm_is_recorded_only_where_it_is_asked_for():
    asked, other = (planted_scenario(rivals=[r]) for r in ("batch_norm_distance", "head_max"))
    assert batch_norm_needed(asked)
    assert not batch_norm_needed(other)


# Samples


def test_detector_samples_are_drawn_by_chance_and_kept_when_more_are_asked_for():
    faces = listed(planted_scenario())
    few, more = (
        detector_samples(faces, planted_scenario(detectors__samples=n)) for n in (100, 200)
    )
    assert few.sum() == 100
    assert more.sum() == 200
    assert (few <= more).all()
    assert detector_samples(faces, planted_scenario()).all()
    assert 0.2 < (faces.table["role"][few] == "external").mean() < 0.8


def test_the_same_images_are_detector_samples_in_another_order():
    faces = listed(planted_scenario())
    scenario = planted_scenario(detectors__samples=100)
    drawn = set(faces.table["image_id"][detector_samples(faces, scenario)])
    turned = faces.where(np.ones(len(faces), bool))
    turned = type(faces)(turned.table.iloc[::-1].reset_index(drop=True), faces.sources)
    assert set(turned.table["image_id"][detector_samples(turned, scenario)]) == drawn
