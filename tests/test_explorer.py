"""The explorer: what is selected is what is drawn, and a slider moved is a picture changed."""

from dataclasses import replace

import ipywidgets as widgets
import numpy as np
import pytest

from mint_utils import explorer
from mint_utils.run import Run
from mint_utils.scenario_file import load_scenario


@pytest.fixture
def material(beside_tiny):
    run = Run("06_explorer", load_scenario("synthetic", tiny=True))
    return explorer.Material(run.faces(), run.activations()["audited"], run.table("scores"))


def test_the_default_shows_one_image_of_each_side(material):
    choice = explorer.default_choice(material)
    table = material.faces.table.set_index("image_id")
    assert table.loc[choice.member, "role"] == "member"
    assert table.loc[choice.external, "role"] == "external"


def test_a_selection_is_what_the_store_holds(material):
    choice = replace(explorer.default_choice(material), tap="stage2", channel=3)
    shown = explorer.select(material, choice)
    rows = [material.faces.table["image_id"].tolist().index(choice.member)]
    expected = material.activations.maps("stage2", np.array(rows))[0, 3].float().numpy()
    assert np.array_equal(shown.maps[0], expected)
    assert np.array_equal(shown.values, material.activations.vector("stage2")[:, 3])


def test_a_threshold_costs_what_the_title_says(material):
    choice = explorer.default_choice(material)
    values = explorer.select(material, choice).values
    everything = explorer.select(material, replace(choice, threshold=float(values.min())))
    nothing = explorer.select(material, replace(choice, threshold=float(values.max()) + 1))
    assert {(everything.tpr, everything.fpr), (nothing.tpr, nothing.fpr)} == {(1, 1), (0, 0)}


@pytest.mark.parametrize("wrong", [{"channel": 999}, {"tap": "stage9"}, {"member": "nobody"}])
def test_what_is_not_there_is_refused_in_words(material, wrong):
    with pytest.raises(ValueError, match="channels 0 to|did you mean|Choices"):
        explorer.select(material, replace(explorer.default_choice(material), **wrong))


def test_moving_a_slider_changes_the_picture(material):
    box = explorer.explore(material)
    controls, picture = box.children
    by_name = {control.description: control for control in controls.children}
    assert isinstance(picture, widgets.Image) and bytes(picture.value[:4]) == b"\x89PNG"
    other = (by_name["channel"].value + 1) % 8
    taps = [tap for tap in by_name["tap"].options if tap != by_name["tap"].value]
    for name, value in (("channel", other), ("tap", taps[0]), ("tap", taps[1])):
        before = bytes(picture.value)
        by_name[name].value = value
        assert bytes(picture.value) != before, name
    before = bytes(picture.value)
    by_name["threshold"].value = by_name["threshold"].max
    assert bytes(picture.value) != before


def test_a_smaller_tap_pulls_the_channel_into_its_range(material):
    box = explorer.explore(material)
    by_name = {control.description: control for control in box.children[0].children}
    by_name["tap"].value = "stage4"
    by_name["channel"].value = by_name["channel"].max
    by_name["tap"].value = "stage1"
    assert by_name["channel"].value <= by_name["channel"].max == 7
