"""The access ladder as a figure: every rung has its point, full where membership is shown."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgba
from test_rungs import ALBUMS, NOTHING, RIVALS, scores_table

from mint_utils.evidence.rungs import ACCESS, ladder
from mint_utils.evidence.verdict import CANNOT, EXPLAINED, NONE, SHOWN, judged
from mint_utils.faces import CONTRASTS
from mint_utils.figures.ladder import access_ladder, contrast_ladder
from mint_utils.figures.style import ACCESS_COLOURS, ACCESS_NAMES, CONTRAST_NAMES


@pytest.fixture(autouse=True)
def nothing_left_behind(monkeypatch, tmp_path):
    """Each test starts without figures, in an empty folder, and no figure writes into it."""
    plt.close("all")
    monkeypatch.chdir(tmp_path)
    yield
    plt.close("all")
    assert list(tmp_path.iterdir()) == []


def a_rung(**changes) -> dict:
    usual = {
        "access": "activations", "unit_kind": "image", "k": 1, "contrast": "member_vs_external",
        "method": "vanilla on stage1", "auc": 0.7, "low": 0.6, "high": 0.8,
        "best_control": "pixels: vanilla on pixels", "control_auc": 0.52, "verdict": CANNOT,
    }  # fmt: skip
    return usual | changes


def rungs(contrasts=tuple(CONTRASTS), sizes=(1, 2, 4), levels=tuple(ACCESS)) -> pd.DataFrame:
    """A rung for every combination, no two at the same height."""
    found = [
        {"contrast": contrast, "k": k, "access": access}
        for contrast in contrasts for k in sizes for access in levels
    ]  # fmt: skip
    heights = np.linspace(0.55, 0.95, len(found))
    return pd.DataFrame(
        a_rung(**rung, auc=auc, low=auc - 0.04, high=auc + 0.03)
        for rung, auc in zip(found, heights, strict=True)
    )


def points(ax: Axes) -> pd.DataFrame:
    """Place, height, edge and fill of every rung's point."""
    found = []
    for drawn in ax.collections:
        if not isinstance(drawn, PathCollection):
            continue
        faces, edges = drawn.get_facecolors(), drawn.get_edgecolors()
        for i, (x, y) in enumerate(drawn.get_offsets()):
            face, edge = faces[i % len(faces)], edges[i % len(edges)]
            found.append({"x": x, "auc": y, "full": tuple(face) == tuple(edge), "colour": edge})
    return pd.DataFrame(found)


def words_below(figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_there_is_a_panel_for_each_contrast(count):
    contrasts = list(CONTRASTS)[:count]
    ax = access_ladder(rungs(contrasts))
    assert isinstance(ax, Axes)
    panels = ax.get_figure().axes
    assert len(panels) == count
    titles = [panel.get_title(loc="left") or panel.get_title() for panel in panels]
    assert titles == [CONTRAST_NAMES[contrast] for contrast in contrasts]
    assert all(len(points(panel)) == 15 for panel in panels)
    assert len(plt.get_fignums()) == 1, "no other figure is left open"
    ax.get_figure().canvas.draw()


def test_every_rung_has_a_point_at_its_auc_in_the_colour_of_its_access():
    table = rungs(["member_vs_external"])
    found = points(contrast_ladder(table, "member_vs_external"))
    assert sorted(found["auc"]) == pytest.approx(sorted(table["auc"]))
    for _, rung in table.iterrows():
        (point,) = found[np.isclose(found["auc"], rung["auc"])].to_dict("records")
        assert tuple(point["colour"]) == to_rgba(ACCESS_COLOURS[rung["access"]])
        assert round(point["x"]) == [1, 2, 4].index(rung["k"])
    assert found["x"].is_unique, "no point hides another"


def test_points_are_full_where_membership_is_shown_and_hollow_elsewhere():
    verdicts = [SHOWN, EXPLAINED, NONE, CANNOT]
    table = pd.DataFrame(
        a_rung(access=access, auc=auc, verdict=verdict)
        for access, auc, verdict in zip(ACCESS, (0.9, 0.8, 0.7, 0.6), verdicts, strict=False)
    )
    found = points(contrast_ladder(table, "member_vs_external")).set_index("auc")
    assert found["full"].to_dict() == {0.9: True, 0.8: False, 0.7: False, 0.6: False}


def test_points_of_one_level_can_differ():
    table = pd.DataFrame(
        a_rung(k=k, auc=auc, verdict=verdict)
        for k, auc, verdict in ((4, 0.9, SHOWN), (1, 0.6, CANNOT), (2, 0.7, SHOWN))
    )
    found = points(contrast_ladder(table, "member_vs_external")).sort_values("x")
    assert found["auc"].tolist() == [0.6, 0.7, 0.9], "small albums first"
    assert found["full"].tolist() == [False, True, True]


def test_missing_rungs_leave_gaps_and_no_empty_level():
    table = rungs(["member_vs_external", "member_vs_held_out"], levels=ACCESS[:3])
    gone = (table["contrast"] == "member_vs_held_out") & (table["access"] != "outcome")
    gone |= (table["k"] == 2) & (table["access"] == "twin")
    ax = access_ladder(table[~gone])
    first, second = ax.get_figure().axes
    assert len(points(first)) == 8
    assert len(points(second)) == 3
    said = words_below(ax.get_figure())
    named = [ACCESS_NAMES[access].replace("\n", " ") for access in ACCESS]
    assert [word for word in said if word in named] == named[:3]
    assert len(said) == len(set(said)), "each level once, however many panels it is in"


def test_without_albums_there_is_one_place():
    ax = contrast_ladder(rungs(["member_vs_external"], sizes=(1,)), "member_vs_external")
    assert [label.get_text() for label in ax.get_xticklabels()] == ["one photo"]
    assert set(points(ax)["x"].round()) == {0}


def test_albums_are_named_by_their_number_of_photos():
    ax = contrast_ladder(rungs(["member_vs_external"], sizes=(8, 1)), "member_vs_external")
    assert [label.get_text() for label in ax.get_xticklabels()] == ["one photo", "album\nof 8"]


def test_the_best_control_of_each_rung_is_drawn():
    table = pd.DataFrame(
        a_rung(access=access, control_auc=value)
        for access, value in zip(ACCESS[:3], (0.5, 0.55, 0.61), strict=True)
    )
    ax = contrast_ladder(table, "member_vs_external")
    diamonds = [line for line in ax.lines if line.get_marker() == "D"]
    assert sorted(float(line.get_ydata()[0]) for line in diamonds) == [0.5, 0.55, 0.61]


def test_low_values_stay_inside():
    table = pd.DataFrame([a_rung(auc=0.12, low=0.05, high=0.2), a_rung(k=2)])
    ax = contrast_ladder(table, "member_vs_external")
    low, high = ax.get_ylim()
    assert low < 0.05
    assert high > 1
    assert contrast_ladder(rungs(), "member_vs_external").get_ylim()[0] == 0.3


def test_an_interval_that_excludes_its_value_can_be_drawn():
    ax = contrast_ladder(pd.DataFrame([a_rung(auc=0.7, low=0.71, high=0.8)]), "member_vs_external")
    ax.get_figure().canvas.draw()


def test_it_draws_into_axes_that_it_is_given():
    figure, (left, right) = plt.subplots(1, 2)
    assert contrast_ladder(rungs(), "held_out_vs_external", right) is right
    assert not left.has_data()
    assert right.has_data()
    assert plt.get_fignums() == [figure.number]


def test_no_rungs_can_be_drawn_as_well():
    ax = access_ladder(judged(pd.DataFrame(), "random"))
    assert isinstance(ax, Axes)
    ax.get_figure().canvas.draw()
    assert points(ax).empty


def test_the_ladder_of_an_audit_is_drawn():
    how = {"persons": {"fit": 15, "test": 30}, "roles": ("member", "held_out", "external")}
    effects = {"audited vanilla stage1": 2.0, "audited head_max head": 0.1} | NOTHING
    scores = pd.concat([scores_table(effects, photos=3, **how), scores_table(ALBUMS, k=4, **how)])
    table = judged(ladder(scores, RIVALS, 100, 0), "random")
    panels = access_ladder(table).get_figure().axes
    assert len(panels) == 3
    drawn = pd.concat([points(panel) for panel in panels])
    assert len(drawn) == len(table) == 9
    assert drawn["full"].sum() == (table["verdict"] == SHOWN).sum() > 0
