"""The explorer's logic: what is chosen, tested and told, and a page that follows its menus."""

import shutil
from dataclasses import replace

import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from mint_utils import explorer, locations
from mint_utils.evidence.thresholds import ppv
from mint_utils.explorer.channels import FALSE_DISCOVERIES, effects, ranked
from mint_utils.explorer.embedding_map import embedding_map, marked, project
from mint_utils.explorer.selection import Shown, channel_in_words, in_words
from mint_utils.explorer.serving import app_notebook
from mint_utils.figures import explorer as figures
from mint_utils.run import Run
from mint_utils.scenario_file import ScenarioError, load_scenario


@pytest.fixture
def material(beside_tiny):
    return explorer.open_report("synthetic")


@pytest.fixture
def copied(beside_tiny, tmp_path, monkeypatch):
    """The tiny report and its stores, to be damaged; gives the folder of stores."""
    shutil.copytree(beside_tiny, tmp_path / "reports" / "synthetic")
    shutil.copytree(locations.cache() / "activations", tmp_path / "cache" / "activations")
    monkeypatch.setenv("MINT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MINT_REPORTS", str(tmp_path / "reports"))
    return tmp_path / "cache" / "activations"


def store_of(copied, target: str):
    table = pd.read_csv(copied.parents[1] / "reports" / "synthetic" / "tables" / "stores.csv")
    return copied / table.set_index("target").loc[target, "store"]


def planted(persons: int = 40, channels: int = 200, shift: float = 1.5):
    """Ten images of each person; members are higher in channels 0 to 4 and nowhere else."""
    rng = np.random.default_rng(0)
    identity = np.repeat(np.arange(2 * persons), 10)
    positive = identity < persons
    values = rng.normal(size=(2 * persons, channels))[identity]
    values += 0.3 * rng.normal(size=values.shape)
    values[:, :5] += shift * positive[:, None]
    return values, identity, positive


def test_planted_channels_are_discovered_and_come_first():
    table = ranked({"stage1": effects(*planted())})
    assert set(table["channel"][:5]) == {0, 1, 2, 3, 4}
    assert set(table.loc[table["discovery"], "channel"]) == {0, 1, 2, 3, 4}
    assert (table["effect"][:5] > 1).all() and (table["q"] >= table["p"]).all()


def test_photographs_of_a_person_are_not_so_many_witnesses():
    """Persons differ, sides do not: tested over images, most channels would be discoveries."""
    table = ranked({"stage1": effects(*planted(persons=8, shift=0))})
    assert not table["discovery"].any()
    assert (table["p"] <= FALSE_DISCOVERIES).mean() < 0.15


def test_dead_channels_and_lone_persons_have_no_effect():
    values, identity, positive = planted(channels=6)
    values[:, 5] = 0
    dead = effects(values, identity, positive).set_index("channel").loc[5]
    assert dead["effect"] == 0 and dead["p"] == 1
    lone = effects(values, np.where(positive, 0, identity), positive)
    assert (lone["p"] == 1).all() and (lone["effect"] == 0).all()


def test_channels_are_tested_on_fit_persons_only(material):
    table, tap = material.channels, material.taps[0]
    rows = np.flatnonzero(
        (material.faces.table["split"] == "fit") & (material.on_side(0) | material.on_side(1))
    )
    again = effects(
        material.vector(tap)[rows],
        material.faces.table["identity"].to_numpy()[rows],
        material.on_side(0)[rows],
    ).set_index("channel")
    own = table[table["tap"] == tap].set_index("channel")
    assert own["effect"].to_dict() == pytest.approx(again["effect"].to_dict())
    assert len(table) == sum(material.vector(tap).shape[1] for tap in material.taps)


def test_the_default_shows_one_image_of_each_side(material):
    choice = explorer.default_choice(material)
    table = material.faces.table.set_index("image_id")
    assert table.loc[choice.member.image, "role"] == "member"
    assert table.loc[choice.external.image, "role"] == "external"
    best = material.channels.iloc[0]
    assert (choice.tap, choice.channel) == (best["tap"], best["channel"])


def test_a_report_shows_what_its_run_showed(material):
    run = Run("06_explorer", load_scenario("synthetic", tiny=True))
    assert explorer.default_choice(explorer.material_of(run)) == explorer.default_choice(material)


def test_maps_are_what_the_store_holds(material):
    choice = replace(explorer.default_choice(material), tap="stage2", channel=3)
    pictures = explorer.look(material, choice)
    row = material.row_of[choice.member.image]
    expected = material.audited.maps("stage2", np.array([row]))[0, 3].float().numpy()
    assert np.array_equal(pictures.maps["audited"][0], expected)
    assert set(pictures.maps) == {"audited", "untrained_twin"}
    assert not np.allclose(pictures.maps["audited"], pictures.maps["untrained_twin"])
    assert np.array_equal(pictures.faces[0][0], material.faces.pixels(96, [row])[0])


def test_a_person_is_the_mean_of_their_photographs(material):
    choice = explorer.default_choice(material)
    person = replace(choice, member=Shown(choice.member.identity))
    images = material.photographs(0, choice.member.identity)
    each = [
        explorer.look(material, replace(choice, member=Shown(choice.member.identity, image)))
        for image in images
    ]
    together = explorer.look(material, person)
    mean = np.mean([one.maps["audited"][0] for one in each], axis=0)
    assert len(images) > 1 and together.maps["audited"][0] == pytest.approx(mean, abs=1e-6)
    assert len(explorer.weigh(material, person).marked[0]) == len(images)


def test_a_threshold_costs_what_is_told(material):
    choice = explorer.default_choice(material)
    values = explorer.weigh(material, choice)
    ends = (float(values.values.min()) - 1, float(values.values.max()) + 1)
    rates = [explorer.weigh(material, replace(choice, threshold=end)) for end in ends]
    assert {(end.tpr, end.fpr) for end in rates} == {(1, 1), (0, 0)}
    assert all(end.fpr_upper > 0 for end in rates), "no false alarm in so few persons proves little"
    assert 0 <= values.fpr <= values.fpr_upper <= 1
    assert values.ppv == pytest.approx(ppv(choice.prior, values.tpr, values.fpr_upper))
    rarer = explorer.weigh(material, replace(choice, prior=0.001))
    assert rarer.ppv < values.ppv or values.tpr == 0
    assert f"{100 * values.tpr:.0f}\u00a0% of members" in in_words(values)


def test_the_point_is_on_the_roc(material):
    values = explorer.weigh(material, explorer.default_choice(material))
    steps = np.stack(values.roc, axis=1)
    assert np.isclose(steps, [values.fpr, values.tpr]).all(axis=1).any()


def test_it_starts_where_a_twentieth_of_calibrate_strangers_is_called(material):
    choice = explorer.default_choice(material)
    values = explorer.weigh(material, choice)
    known = values.values[material.on_side(1, "calibrate")]
    beyond = known >= choice.threshold if values.members_above else known <= choice.threshold
    assert beyond.mean() == pytest.approx(0.05, abs=1.5 / len(known))


WRONG = {
    "channel": {"channel": 999}, "tap": {"tap": "stage9"}, "person": {"member": Shown("nobody")},
    "image": {"external": Shown("synthetic_00010", "nothing")},
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_what_is_not_there_is_refused_in_words(material, wrong):
    with pytest.raises(ValueError, match="channels 0 to|did you mean|Choices"):
        explorer.look(material, replace(explorer.default_choice(material), **wrong))


def test_a_report_that_is_not_there_is_named(beside_tiny):
    with pytest.raises(ScenarioError, match="did you mean 'synthetic'"):
        explorer.open_report("synthetc")
    with pytest.raises(FileNotFoundError, match="mint-study run lfw.*Finished: synthetic"):
        explorer.open_report("lfw")


def test_a_report_without_its_stores_says_what_to_do(copied):
    shutil.rmtree(store_of(copied, "audited"))
    with pytest.raises(FileNotFoundError, match="audited.*mint-study run synthetic"):
        explorer.open_report("synthetic")
    (copied.parents[1] / "reports" / "synthetic" / "tables" / "stores.csv").unlink()
    with pytest.raises(FileNotFoundError, match="stores.csv is missing.*mint-study run synthetic"):
        explorer.open_report("synthetic")


def test_without_the_twin_the_rest_is_shown_and_a_line_says_what_to_do(copied):
    shutil.rmtree(store_of(copied, "untrained_twin"))
    material = explorer.open_report("synthetic")
    page = explorer.Explorer(material)
    assert "mint-study run synthetic" in page.about.value
    pictures = explorer.look(material, page.choice())
    assert "mint-study run synthetic" in pictures.maps["untrained_twin"]
    assert pictures.maps["audited"].shape[0] == 2


def test_hidden_faces_are_read_from_nowhere(material, monkeypatch):
    hidden = explorer.Material("synthetic", material.faces, material.targets, show_faces=False)
    monkeypatch.setattr(type(hidden.faces), "read", None)
    pictures = explorer.look(hidden, explorer.default_choice(hidden))
    assert pictures.faces == ([None], [None])
    assert all(isinstance(maps, str) for maps in pictures.maps.values())
    assert "image/jpeg" not in embedding_map(hidden).html


def test_the_map_has_faces_and_escapes_names(material):
    table = material.faces.table.assign(identity="<script>alert(1)</script>")
    hostile = explorer.Material("synthetic", replace(material.faces, table=table), material.targets)
    drawn = embedding_map(hostile)
    assert "<script" not in drawn.html and "&lt;script" in drawn.html
    assert drawn.html.count("data:image/jpeg") == drawn.html.count("<i ") > 50
    assert drawn.points.min() >= 0 and drawn.points.max() <= 1
    told = marked(embedding_map(material), material, explorer.default_choice(material))
    assert told.count("<b ") == 2 and "http" not in told


def test_the_map_keeps_what_varies_most():
    rng = np.random.default_rng(0)
    places = rng.normal(size=(500, 2)) * [9, 4]
    points, explained = project(np.hstack([places, 0.1 * rng.normal(size=(500, 30))]))
    assert explained > 0.98
    assert abs(np.corrcoef(points[:, 0], places[:, 0])[0, 1]) > 0.99


def test_every_figure_is_drawn(material):
    choice = explorer.default_choice(material)
    for pictures in (
        explorer.look(material, choice),
        explorer.look(material, replace(choice, member=Shown(choice.member.identity))),
        replace(explorer.look(material, choice), faces=([None], [None]), maps={"audited": "gone"}),
    ):
        assert figures.faces_and_maps(pictures).images
    values = explorer.weigh(material, choice)
    assert figures.channel_values(values).lines and figures.channel_roc(values).lines
    points, _ = project(material.audited.vector("outcome"))
    role = material.faces.table["role"].to_numpy()
    assert figures.embedding_scatter(points, role).collections
    plt.close("all")


def test_figures_of_the_notebook_leave_the_page_as_it_was(material):
    page = explorer.Explorer(material)
    before = page.values.value
    with plt.rc_context({"font.size": 30, "axes.labelsize": 30, "axes.titlesize": 30}):
        page.redraw("values")
    assert page.values.value == before


def test_every_control_changes_its_pictures(material):
    page = explorer.Explorer(material)
    other = {name: control for name, control in page.controls.items() if name != "scenario"}
    changed = {
        "channel": "maps values", "tap": "maps values", "member": "maps values map",
        "external photo": "maps values map", "twin": "maps", "threshold": "values", "prior": "",
    }  # fmt: skip
    for name, parts in changed.items():
        before = {part: getattr(page, part).value for part in ("maps", "values", "map")}
        told = page.threshold_told.value
        _choose_another(other[name])
        now = {part for part, value in before.items() if getattr(page, part).value != value}
        assert now >= set(parts.split()), name
        if name in ("threshold", "prior"):
            assert page.threshold_told.value != told


def _choose_another(control: widgets.Widget) -> None:
    if isinstance(control, widgets.FloatSlider):
        control.value = (control.min + control.max) / 2
        return
    values = [option[1] if isinstance(option, tuple) else option for option in control.options]
    control.value = next(value for value in values[::-1] if value != control.value)


def test_a_smaller_tap_pulls_channel_and_threshold_into_its_range(material):
    controls = explorer.Explorer(material).controls
    controls["tap"].value = "stage4"
    controls["channel"].value = 63
    controls["tap"].value = "stage1"
    values = material.vector("stage1")
    assert controls["channel"].value < values.shape[1]
    own = values[:, controls["channel"].value]
    assert (controls["threshold"].min, controls["threshold"].max) == (own.min(), own.max())


def test_channels_come_by_effect_size_or_by_number(material):
    page = explorer.Explorer(material)
    first = page.controls["channel"].value
    by_effect = [channel for _, channel in page.controls["channel"].options]
    page.controls["order"].value = "number"
    by_number = [channel for _, channel in page.controls["channel"].options]
    assert by_number == sorted(by_effect) and by_number != by_effect
    assert page.controls["channel"].value == first, "another order is not another choice"
    assert "discover" in channel_in_words(material, page.controls["tap"].value, first)


def test_another_scenario_is_opened_and_a_broken_one_explained(copied):
    reports = copied.parents[1] / "reports"
    shutil.copytree(reports / "synthetic", reports / "second")
    shutil.copytree(reports / "synthetic", reports / "third")
    (reports / "third" / "tables" / "stores.csv").unlink()
    page = explorer.Explorer(explorer.open_report("synthetic"))
    assert page.controls["scenario"].options == ("second", "synthetic", "third")
    page.controls["scenario"].value = "third"
    assert "mint-study run third" in page.about.value
    assert page.controls["scenario"].value == "synthetic"
    page.controls["scenario"].value = "second"
    assert "mint-study run" not in page.about.value
    assert page.controls["scenario"].value == "second"


def test_no_output_widget_is_in_the_page(material):
    box = explorer.explore(material)
    kinds = {type(widget) for widget in _inside(box)}
    assert widgets.Output not in kinds and widgets.HTML in kinds


def _inside(widget: widgets.Widget) -> list[widgets.Widget]:
    return [widget, *(one for child in getattr(widget, "children", ()) for one in _inside(child))]


def test_the_app_is_the_notebook_without_its_prose():
    served = app_notebook("lfw")
    assert served.cells[0].source.startswith("# 6 · ")
    assert served.cells[1].source.endswith("explore(open_report('lfw'))")
