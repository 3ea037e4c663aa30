"""With no known member: distance from strangers, and how few members a detector is given."""

import numpy as np
import pytest
from test_scores import VANILLA, Planted, listed, of, planted_scenario, told_apart

from mint_utils.one_class import distance_from_strangers
from mint_utils.scenario_file import ScenarioError
from mint_utils.scores import score_images, validation_persons
from mint_utils.trials import detector_samples, trials, views_needed

NOBODY_KNOWN = {
    "detectors__known_members": 0,
    "rivals": ["one_class", "embedding_norm"],
}  # fmt: skip


def sampled(scenario, faces):
    return faces.table[detector_samples(faces, scenario)]


def test_far_is_far_in_deviations_of_the_strangers(tmp_path):
    faces = listed(planted_scenario())
    activations = Planted(faces).stored(tmp_path)
    rows, strangers = np.arange(len(faces)), (faces.table["role"] == "external").to_numpy()
    found = distance_from_strangers(activations, "outcome", rows, strangers)
    assert np.mean(found[strangers] ** 2) == pytest.approx(8, rel=0.1)  # one a dimension
    moved = Planted(faces, by=3).stored(tmp_path / "moved")
    again = distance_from_strangers(moved, "outcome", rows, strangers)
    assert again[~strangers].mean() > 1.5 * again[strangers].mean()


def test_strangers_are_needed(tmp_path):
    faces = listed(planted_scenario())
    activations = Planted(faces).stored(tmp_path)
    nobody = np.zeros(len(faces), bool)
    with pytest.raises(ValueError, match="0 images of strangers: add externals"):
        distance_from_strangers(activations, "outcome", np.arange(len(faces)), nobody)


@pytest.mark.parametrize(("by", "low", "high"), [(1.5, 0.7, 1.0), (0.0, 0.35, 0.65)])
def test_without_a_known_member_it_finds_what_is_planted_and_nothing_else(by, low, high, tmp_path):
    scenario = planted_scenario(**NOBODY_KNOWN)
    faces = listed(scenario)
    audited = Planted(faces, by=by).stored(tmp_path)
    scores = score_images({"audited": audited}, faces, scenario, tmp_path / "models")
    assert low <= told_apart(of(scores, method="one_class", aad="outcome")) <= high
    known = scores[(scores["split"] != "test") & (scores["role"] != "external")]
    assert known.empty  # nobody was told who they are


def test_what_it_was_fitted_on_has_no_score(tmp_path):
    scenario = planted_scenario(**NOBODY_KNOWN)
    faces = listed(scenario)
    scores = score_images(
        {"audited": Planted(faces).stored(tmp_path)}, faces, scenario, tmp_path / "models"
    )
    told = set(of(scores, method="one_class", aad="outcome")["unit"])
    table = sampled(scenario, faces).reset_index(drop=True)
    fitted = (table["split"] == "fit") & ~validation_persons(table, scenario.seed)
    assert not told & set(table.loc[fitted, "image_id"])
    assert told >= set(table.loc[table["split"] == "test", "image_id"])


@pytest.mark.parametrize("known", [0, 10, 37])
def test_so_many_members_are_known_and_no_more(known):
    asked = {"detectors__known_members": known} | ({} if known else NOBODY_KNOWN)
    scenario = planted_scenario(**asked)
    everyone, some = planted_scenario(), sampled(scenario, faces := listed(scenario))
    theirs = some[(some["role"] != "external") & (some["split"] != "test")]
    assert len(theirs) == known
    assert set(theirs["role"]) <= {"member"}
    assert set(theirs["split"]) <= {"fit"}
    persons = theirs["identity"].value_counts()  # with 6 of 8 photos each that were trained on
    assert len(persons) == (max(4, -(-known // 6)) if known else 0)
    assert known == 0 or persons.max() - persons.min() <= 1
    before = sampled(everyone, faces)
    assert (some["role"] == "external").sum() == (before["role"] == "external").sum()
    assert (some["split"] == "test").sum() == (before["split"] == "test").sum()


def test_more_known_members_are_these_and_others():
    faces = listed(planted_scenario())
    few, more = (
        set(sampled(planted_scenario(detectors__known_members=n), faces)["image_id"])
        for n in (10, 20)
    )
    assert few < more


def test_without_a_known_member_no_detector_is_tried_and_pictures_keep_a_method(tmp_path):
    scenario = planted_scenario(**NOBODY_KNOWN)
    assert scenario.detectors.methods
    assert scenario.detectors.fitted == ()
    audited = Planted(listed(scenario)).stored(tmp_path)
    assert {trial.kind for trial in trials(audited, scenario)} == {"rival"}
    with pytest.raises(ScenarioError, match="known members .* embedding_norm"):
        planted_scenario(**NOBODY_KNOWN | {"rivals": ["one_class"]})


def test_too_few_known_members_to_fit_on_are_refused_with_the_least(tmp_path):
    with pytest.raises(ScenarioError, match="known_members is 5: .* needs 8 images, of 4 persons"):
        planted_scenario(detectors__known_members=5)
    scenario = planted_scenario(**VANILLA | {"detectors__known_members": 8, "rivals": []})
    faces = listed(scenario)
    audited = {"audited": Planted(faces, by=1.5).stored(tmp_path)}
    assert len(of(score_images(audited, faces, scenario, tmp_path / "models"), method="vanilla"))


def test_strangers_to_fit_on_are_needed_in_the_scenario():
    nothing = {"splits__fit": 0, "splits__calibrate": 0, "splits__test": 1}
    with pytest.raises(ScenarioError, match="one_class needs strangers"):
        planted_scenario(**NOBODY_KNOWN | nothing)


def test_it_asks_for_every_view():
    assert len(views_needed(planted_scenario(**NOBODY_KNOWN))) == 6
