"""Figures draw into what they are given, return it, and leave saving and showing to others."""

import inspect

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd
import pytest
from matplotlib.axes import Axes

from mint_utils.figures import activations, audited_model, compare, evidence, faces
from mint_utils.run import Run
from mint_utils.scenario_file import load_scenario
from mint_utils.separation import opposite_rows

MODULES = (activations, audited_model, compare, evidence, faces)


@pytest.fixture
def drawings(beside_tiny):
    """Every public figure of the package, ready to be drawn into given axes."""
    run = Run("06_explorer", load_scenario("synthetic", tiny=True))
    face_set, recorded, scores = run.faces(), run.activations(), run.table("scores")
    metrics = pd.read_csv(beside_tiny / "tables" / "metrics.csv", dtype={"seed": str})
    rungs = pd.read_csv(beside_tiny / "tables" / "rungs.csv")
    one = scores[(scores["method"] == "vanilla") & (scores["aad"].isin(["outcome", "pixels"]))]
    one = one[one["seed"] == "all"]
    rows = opposite_rows(face_set.table, recorded["audited"].mapped)
    pairs = pd.DataFrame({"cosine": [0.9, 0.8, 0.1, 0.2], "genuine": [True, True, False, False]})
    contrast = "member_vs_external"
    return {
        "faces_by_role": lambda ax: faces.faces_by_role(face_set, ax=ax),
        "images_by_split": lambda ax: faces.images_by_split(face_set.table, ax=ax),
        "parity_of_sides": lambda ax: faces.parity_of_sides(run.table("parity"), ax=ax),
        "training_loss": lambda ax: audited_model.training_loss([3.0, 2.0, 1.0], ax=ax),
        "verification_cosines": lambda ax: audited_model.verification_cosines(
            pairs, pd.DataFrame({"auc": [1.0], "persons": [2]}), ax=ax
        ),
        "activation_maps": lambda ax: activations.activation_maps(
            recorded["audited"], face_set, rows, ax=ax
        ),
        "per_tap_separation": lambda ax: activations.per_tap_separation(
            run.table("separation"), ax=ax
        ),
        "score_distributions": lambda ax: evidence.score_distributions(one, ax=ax),
        "roc_with_interval": lambda ax: evidence.roc_with_interval(one, contrast, ax=ax),
        "detectors_beside_controls": lambda ax: evidence.detectors_beside_controls(
            metrics, contrast, ax=ax
        ),
        "rungs_heat_map": lambda ax: compare.rungs_heat_map(
            rungs.assign(scenario="synthetic"), contrast, ax=ax
        ),
        "rungs_by_scenario": lambda ax: compare.rungs_by_scenario(
            rungs.assign(scenario="synthetic"), contrast, ax=ax
        ),
    }


def test_every_figure_is_drawn_here(drawings):
    public = {
        name
        for module in MODULES
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
    }
    assert public == set(drawings)


def test_each_draws_into_the_axes_it_is_given(drawings, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, draw in drawings.items():
        figure, ax = plt.subplots()
        drawn = draw(ax)
        assert drawn is ax, name
        assert ax.lines or ax.patches or ax.images or ax.collections, name
        plt.close(figure)
    assert not list(tmp_path.iterdir())


def test_each_makes_axes_of_its_own_without(drawings):
    for draw in drawings.values():
        drawn = draw(None)
        assert isinstance(drawn, Axes)
        plt.close(drawn.get_figure(root=True))
