"""The command line as a user meets it: right words, right exit codes, no tracebacks."""

import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from mint_utils.cli import app
from mint_utils.scenario_file import scenario_names


@pytest.fixture
def mint(isolated):
    return lambda *words: CliRunner().invoke(app, list(words))


COMMANDS = [info.name or info.callback.__name__ for info in app.registered_commands]


def test_help_names_every_command(mint):
    shown = mint("--help").output
    assert all(command in shown for command in COMMANDS)
    assert "Ctrl-C" in mint("run", "--help").output


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example_of_every_command(mint, command):
    shown = " ".join(mint(command, "--help").output.split())
    assert f"Example: mint-study {command}" in shown


def completed(words: str, shell: str = "bash") -> list[str]:
    """What the Tab key offers after some words, asked as the shell's own script asks."""
    asked = os.environ | {
        "_MINT_STUDY_COMPLETE": f"complete_{shell}", "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
    }  # fmt: skip
    code = "from mint_utils.cli import app; app(prog_name='mint-study')"
    done = subprocess.run([sys.executable, "-c", code], env=asked, capture_output=True, text=True)
    return done.stdout.split()


def test_the_tab_key_knows_commands_scenarios_and_reports(isolated):
    assert {"check", "compare"} <= set(completed("mint-study c"))
    assert completed("mint-study check synthetic_n") == ["synthetic_null"]
    assert {"lfw", "lfw_swapped"} <= set(completed("mint-study run synthetic lf"))
    for name in ("synthetic", "_compare", ".synthetic.new"):
        (isolated / "reports" / name).mkdir(parents=True)
        (isolated / "reports" / name / "manifest.json").write_text("{}")
    assert completed("mint-study verify ") == completed("mint-study ask s") == ["synthetic"]


def test_completion_can_be_installed(isolated, monkeypatch):
    # The shell is named here; otherwise the one that runs the tests is looked for, if any does.
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    shown = CliRunner().invoke(app, ["--show-completion", "bash"], prog_name="mint-study")
    assert "_MINT_STUDY_COMPLETE" in shown.output


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
        (["run", "synthetic", "-o", "seed=["], "-o seed=[: the value is not valid YAML"),
        (["check", "synthetic", "-o", "faces.persons=9"], "-o faces.0.persons=100"),
        (["check", "synthetic", "-o", "sed=1"], "did you mean 'seed'"),
        (["check", "synthetic", "-o", "detectors.methods=vanilla"], "must be a list"),
        (["check", "synthetic.yml"], "the scenario 'synthetic' is named without .yml"),
        (["check", "/"], "is not a scenario: name a .yml file"),
        (["verify", "synthetik"], "did you mean 'synthetic'"),
        (["grid", "factor"], "did you mean 'factors'"),
        (["check", "lfw", "-o", "faces.0.path=nowhere"], "set MINT_DATA"),
        (["run", "synthetic", "-o", "rivals=[norm]"], "embedding_norm"),
        (["run", "nowhere.yml"], "no scenario file"),
        (["check", "synthetic", "-o", "faces.0.persons=4"], "too few to split"),
        (["verify", "synthetic"], "run `mint-study run synthetic` first. Finished: none yet"),
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


def test_without_voila_explore_says_what_to_install(beside_tiny, monkeypatch):
    monkeypatch.setattr("mint_utils.explorer.serving.find_spec", lambda name: None)
    shown = CliRunner().invoke(app, ["explore", "synthetic"])
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
