"""The command line as a user meets it: right words, right exit codes, no tracebacks."""

import pytest
from typer.testing import CliRunner

from mint_utils.cli import app
from mint_utils.scenario_file import scenario_names


@pytest.fixture
def mint(isolated):
    return lambda *words: CliRunner().invoke(app, list(words))


def test_help_names_every_command(mint):
    shown = mint("--help").output
    for command in ("list", "check", "run", "ask", "explore", "compare", "verify"):
        assert command in shown
    assert "Ctrl-C" in mint("run", "--help").output


def test_list_shows_every_scenario_and_its_question(mint):
    shown = mint("list")
    assert shown.exit_code == 0
    for name in scenario_names():
        assert name in shown.output
    assert "not run yet" in shown.output


def test_check_counts_faces_without_running(mint, isolated):
    shown = mint("check", "synthetic", "--tiny")
    assert shown.exit_code == 0, shown.output
    assert "member" in shown.output and "disk" in shown.output
    assert not (isolated / "reports").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["run", "synthetik"], "did you mean 'synthetic'"),
        (["run", "synthetic", "-o", "detectors.epoch=3"], "did you mean 'epochs'"),
        (["run", "synthetic", "-o", "seed"], "key=value"),
        (["run", "synthetic", "-o", "rivals=[norm]"], "embedding_norm"),
        (["run", "nowhere.yml"], "no scenario file"),
        (["check", "synthetic", "-o", "faces.0.persons=4"], "too few to split"),
        (["verify", "synthetic"], "not a finished report"),
        (["ask", "synthetik", "."], "did you mean 'synthetic'"),
        (["ask", "synthetic", "."], "run `mint-study run synthetic` first"),
        (["explore", "synthetik"], "did you mean 'synthetic'"),
        (["explore", "synthetic"], "run `mint-study run synthetic` first"),
        (["compare"], "mint-study run synthetic"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(mint, words, says):
    shown = mint(*words)
    assert shown.exit_code == 1
    assert says in " ".join(shown.output.split())
    assert "Traceback" not in shown.output


def test_without_voila_explore_says_what_to_install(mint, monkeypatch):
    monkeypatch.setattr("mint_utils.explorer.serving.find_spec", lambda name: None)
    shown = mint("explore", "synthetic")
    assert shown.exit_code == 1 and "pip install -e .[app]" in shown.output


def test_a_scenario_may_lie_anywhere(mint, isolated):
    from mint_utils import locations

    mine = isolated / "mine.yml"
    mine.write_text((locations.SCENARIOS / "synthetic.yml").read_text())
    shown = mint("check", str(mine), "--tiny")
    assert shown.exit_code == 0, shown.output


def test_verify_finds_a_changed_file(beside_tiny):
    assert CliRunner().invoke(app, ["verify", "synthetic"]).exit_code == 0
    page = beside_tiny / "index.html"
    original = page.read_bytes()
    page.write_bytes(original + b" ")
    shown = CliRunner().invoke(app, ["verify", str(beside_tiny)])
    page.write_bytes(original)
    assert shown.exit_code == 1 and "index.html: changed" in shown.output
