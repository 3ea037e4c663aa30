"""What the commands of the command line take, and what the shell's Tab key offers for it."""

from pathlib import Path
from typing import Annotated

import typer
import yaml

from mint_utils import locations
from mint_utils.scenario_file import ScenarioError, scenario_names, tiny_overrides, yaml_mistake


def _known_scenarios(incomplete: str) -> list[str]:
    """For the shell's Tab key."""
    return [name for name in scenario_names() if name.startswith(incomplete)]


def _known_reports(incomplete: str) -> list[str]:
    """For the shell's Tab key; by folder, as importing what opens reports takes seconds."""
    found = locations.reports().glob(f"{incomplete}*/manifest.json")
    return sorted(file.parent.name for file in found if file.parent.name[0] not in "._")


Name = Annotated[
    str,
    typer.Argument(
        help="a scenario's name, or a path to a .yml file", autocompletion=_known_scenarios
    ),
]
Names = Annotated[
    list[str],
    typer.Argument(help="scenario names, or paths to .yml files", autocompletion=_known_scenarios),
]
Report = Annotated[
    str,
    typer.Argument(
        help="a scenario that was run, or its report's folder", autocompletion=_known_reports
    ),
]
Override = Annotated[
    list[str] | None, typer.Option("-o", "--override", help="key=value, dotted: -o seed=1")
]
Tiny = Annotated[bool, typer.Option("--tiny", help="the scenario's own smallest size")]


def _asked_again(read):
    """A callback for an answer: what ``read`` refuses is said, and the question asked again."""

    def callback(answer):
        from mint_utils import new_scenario

        try:
            getattr(new_scenario, read)(answer)
        except (ValueError, OSError) as error:
            raise typer.BadParameter(str(error)) from error
        return answer

    return callback


Model = Annotated[
    str,
    typer.Option(
        prompt="The model (a file of weights, .onnx, .pt2, or path/to/code.py:function)",
        help="the audited model",
        callback=_asked_again("described_model"),
    ),
]
Members = Annotated[
    Path,
    typer.Option(
        prompt="Faces said to be in its training data (one folder a person, train.rec, .csv)",
        help="faces said to be in its training data",
        callback=_asked_again("described_faces"),
    ),
]
Externals = Annotated[
    Path,
    typer.Option(
        prompt="Faces of other persons, surely not in it",
        help="faces surely not in it",
        callback=_asked_again("described_faces"),
    ),
]
AttestedBy = Annotated[
    str,
    typer.Option(
        prompt="Who says that the first were trained on",
        help="who says which persons are members",
    ),
]
Align = Annotated[
    bool,
    typer.Option(
        prompt="Are they whole photographs, to be aligned first",
        help="whether faces have to be found and aligned first",
    ),
]


def overrides(name: str, pairs: list[str] | None, tiny: bool) -> dict:
    """What ``-o`` and ``--tiny`` say, by dotted key. ScenarioError for what is no key=value."""
    chosen = dict(tiny_overrides(name)) if tiny else {}
    for pair in pairs or []:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise ScenarioError(f"-o {pair}: write key=value, such as -o seed=1")
        try:
            chosen[key] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise ScenarioError(
                f"-o {pair}: the value is not valid YAML ({yaml_mistake(error)}); write a number, "
                "a word, or a list in quotes: -o 'albums=[2, 4]'"
            ) from error
    return chosen
