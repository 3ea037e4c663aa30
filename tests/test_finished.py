"""One line each: a report's scores, detectors and activations."""

import shutil

import numpy as np
import pytest

from mint_utils.reporting import finished
from mint_utils.scenario_file import ScenarioError
from mint_utils.score_table import COLUMNS
from mint_utils.scores import detector_inputs
from mint_utils.trials import Trial


def test_scores_come_by_name_or_folder(beside_tiny):
    by_name = finished.scores("synthetic")
    assert list(by_name) == COLUMNS and len(by_name)
    assert by_name.equals(finished.scores(beside_tiny))


def test_a_loaded_detector_on_loaded_activations_gives_the_loaded_scores(beside_tiny):
    detector = finished.detectors("synthetic")["vanilla-outcome-0"]
    audited = finished.activations("synthetic")["audited"]
    rows = np.arange(len(audited))
    inputs = detector_inputs(Trial("vanilla", "mint", "outcome", "outcome"), audited, rows)
    scores = finished.scores("synthetic")
    some = scores.query("method == 'vanilla' and aad == 'outcome' and target == 'audited'")
    some = some[(some["seed"] == "0") & (some["split"] == "test")].set_index("unit")["score"]
    place = [audited.image_ids.index(unit) for unit in some.index]
    assert len(place) and np.allclose(detector.score(inputs)[place], some, atol=1e-5)


def test_controls_have_detectors_too(beside_tiny):
    assert "vanilla-pixels-0" in finished.detectors("synthetic", target="pixels")
    with pytest.raises(ValueError, match="unknown target 'pixel': did you mean 'pixels'"):
        finished.detectors("synthetic", target="pixel")


def test_what_is_not_there_says_what_to_do(beside_tiny, isolated):
    for load in (finished.scores, finished.detectors, finished.activations):
        with pytest.raises(FileNotFoundError, match="run `mint-study run lfw` first. Finished:"):
            load("lfw")
        with pytest.raises(ScenarioError, match="did you mean 'synthetic'"):
            load("synthetik")
        with pytest.raises(FileNotFoundError, match="is not a finished report"):
            load(isolated)


def test_a_cache_that_is_gone_is_said_to_be(beside_tiny, monkeypatch, tmp_path):
    monkeypatch.setenv("MINT_CACHE", str(tmp_path / "another"))
    with pytest.raises(FileNotFoundError, match="run `mint-study run synthetic` again"):
        finished.activations("synthetic")
    assert len(finished.scores("synthetic")), "a report alone is enough for scores"


def test_activations_are_those_of_the_code_that_made_the_report(beside_tiny, monkeypatch):
    monkeypatch.setattr("mint_utils.run.code_digest", lambda: "code of another day")
    assert set(finished.activations("synthetic")) >= {"audited", "untrained_twin", "pixels"}


def test_a_report_without_its_tables_is_not_guessed(beside_tiny, monkeypatch, tmp_path):
    half = tmp_path / "synthetic"
    shutil.copytree(beside_tiny, half, ignore=shutil.ignore_patterns("tables", "models"))
    with pytest.raises(FileNotFoundError, match="scores.parquet is missing: make the report again"):
        finished.scores(half)
    with pytest.raises(ValueError, match="holds no detectors"):
        finished.detectors(half)
