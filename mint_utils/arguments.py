"""What commands take, what the shell's Tab key offers for it, and how a command fails."""

from pathlib import Path
from typing import Annotated

import typer
import yaml

from mint_utils import locations
from mint_utils.scenario_file import ScenarioError, scenario_names, tiny_overrides, yaml_mistake

EXPECTED = (ScenarioError, ValueError, FileNotFoundError, NotADirectoryError, OSError)


def failure(error: BaseException) -> typer.Exit:
    """What a command raises after it has said, in red, what went wrong."""
    typer.secho(f"error: {error}", err=True, fg="red")
    return typer.Exit(1)


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


def _question(prompt: str, help: str, read: str | None = None):
    """An option that `init` asks for; ``read`` of new_scenario.py refuses a wrong answer."""
    return typer.Option(prompt=prompt, help=help, callback=_asked_again(read) if read else None)


_MODEL = "The model (a file of weights, .onnx, .pt2, or path/to/code.py:function)"
_MEMBERS = "Faces said to be in its training data (one folder a person, train.rec, .csv)"
_ALIGN = "whether faces have to be found and aligned first"
Model = Annotated[str, _question(_MODEL, "the audited model", "described_model")]
Members = Annotated[
    Path, _question(_MEMBERS, "faces said to be in its training data", "described_faces")
]
Externals = Annotated[
    Path,
    _question(
        "Faces of other persons, surely not in it", "faces surely not in it", "described_faces"
    ),
]
AttestedBy = Annotated[
    str,
    _question("Who says that the first were trained on", "who says which persons are members"),
]
Align = Annotated[bool, _question("Are they whole photographs, to be aligned first", _ALIGN)]


OnePerson = Annotated[bool, typer.Option("--one-person", help="they all show the same person")]
Photos = Annotated[
    bool | None,
    typer.Option("--photos/--aligned", help="find and crop faces, or not  [default: as seen]"),
]
Reference = Annotated[
    Path | None, typer.Option("--reference", help="a photograph of the person who is meant")
]
Strangers = Annotated[
    Path | None, typer.Option("--strangers", help="others photographed alike: a subfolder a person")
]
Page = Annotated[
    Path | None, typer.Option("--page", help="write the answer as one HTML page as well")
]
WithFaces = Annotated[bool, typer.Option("--with-faces", help="show the faces on that page")]
Csv = Annotated[Path | None, typer.Option("--csv", help="write every number to this file as well")]


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
