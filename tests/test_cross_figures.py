"""Figures of what was crossed: a number for every pair, with its interval, controls beside it."""

from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from mint_utils.cross_model import COLUMNS
from mint_utils.evidence.by_source import CURVE, MATRIX
from mint_utils.figures.cross import by_number_of_sources, model_to_model, source_to_source
from mint_utils.figures.heat import heat_map, shade

RUNGS = [("vanilla", "stage1", "activations"), ("calibrated", "consistency", "activations")]
BLIND = [("vanilla", "pixels", "none")]
SOURCES = ["studio", "street", "night"]
TARGETS = {"audited": RUNGS, "untrained_twin": RUNGS, "pixels": BLIND}


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def told(axes) -> list[str]:
    """Every text in every panel of the figure."""
    return [text.get_text() for ax in axes.get_figure(root=True).axes for text in ax.texts]


def valued(rows: list[dict], columns: list[str]) -> pd.DataFrame:
    """Rows with an AUC of their own each, from 0.10 upwards."""
    table = pd.DataFrame(rows, columns=columns)
    auc = 0.10 + 0.01 * np.arange(len(table))
    return table.assign(auc=auc, low=auc - 0.05, high=auc + 0.05)


def test_every_pair_of_sources_is_told_on_every_target():
    rows = [
        dict(
            zip(
                ("fitted_on", "tested_on", "target", "method", "aad", "access"), values, strict=True
            )
        )
        for target, rungs in TARGETS.items()
        for rung in rungs
        for values in [(a, b, target, *rung) for a, b in product(SOURCES, SOURCES)]
    ]
    table = valued(rows, MATRIX)
    axes = source_to_source(table)
    said = told(axes)
    for auc in table["auc"]:
        assert f"{auc:.2f}" in said
    assert "0.05–0.15" in said
    assert len([t for t in said if "–" in t]) == len(table)
    drawn = [ax for ax in axes.get_figure(root=True).axes if ax.axison]
    assert len(drawn) == 5
    assert all([t.get_text() for t in ax.get_yticklabels()] == SOURCES for ax in drawn)
    assert all(len(ax.patches) == len(SOURCES) for ax in drawn)  # a frame a source


def test_the_curve_has_seen_and_unseen_sources_and_controls():
    rows = [
        {"sources": k, "tested": tested, "target": target, "method": m, "access": access}
        for k, tested in product([1, 2], ["seen", "unseen"])
        for target, rungs in TARGETS.items()
        for m, _, access in rungs
    ]
    table = valued(rows, CURVE)
    axes = by_number_of_sources(table)
    panels = axes.get_figure(root=True).axes
    assert len(panels) == 2
    for ax in panels:
        assert len(ax.containers) == 6  # three targets, seen and unseen
        drawn = np.concatenate([c.lines[0].get_ydata() for c in ax.containers]).astype(float)
        assert set(np.round(drawn, 2)) <= set(table["auc"].round(2))
    (legend,) = axes.get_figure(root=True).legends
    assert any("untrained twin" in text.get_text() for text in legend.get_texts())


def test_pairs_of_models_stand_beside_what_each_reaches_alone_and_the_controls():
    kinds = [("vanilla", "stage1"), ("vanilla", "head"), ("calibrated", "consistency")]
    pairs = [("audited", "audited"), ("audited", "reference_twin.1"), ("audited", "swapped_halves")]
    rows = []
    for first, second in pairs:
        for method, aad in kinds:
            ways = ["own"] if first == second else ["none"]
            if first != second and aad == "stage1":
                ways = ["unmatched", "matched"]
            rows += [(first, second, second, way, method, aad) for way in ways]
            rows.append((first, second, "untrained_twin", "own", method, aad))
        rows.append((first, second, "pixels", "own", "vanilla", "pixels"))
    table = valued([dict(zip(COLUMNS[:6], row, strict=True)) for row in rows], COLUMNS)
    axes = model_to_model(table)
    panels = axes.get_figure(root=True).axes
    assert len(panels) == 4
    assert [len(ax.get_yticks()) for ax in panels] == [1, 2, 2, 2]
    names = [t.get_text() for t in panels[0].get_xticklabels()]
    assert names == ["stage1", "class\ncentres", "calibrated:\nsteadiness", "pixels"]
    assert "reference 2" in panels[1].get_yticklabels()[0].get_text()
    itself = (table["fitted_on"] == table["tested_on"]) & (table["network"] != "audited")
    assert len([t for t in told(axes) if "–" in t]) == len(table) - itself.sum()


def test_a_refused_tap_stays_blank():
    cells = pd.DataFrame(
        {"row": "a", "column": ["x", "y"], "auc": [0.7, np.nan], "low": 0.6, "high": 0.8}
    )
    assert [t.get_text() for t in heat_map(cells, ["a"], ["x", "y"]).texts] == ["0.70", "0.60–0.80"]


def test_chance_is_white_and_ink_can_be_read():
    assert shade(0.5)[0] == "#ffffff"
    assert shade(0.5)[1] != shade(1.0)[1]
    blue, red = shade(0.95)[0], shade(0.05)[0]
    assert int(blue[5:], 16) > int(blue[1:3], 16) and int(red[1:3], 16) > int(red[5:], 16)
