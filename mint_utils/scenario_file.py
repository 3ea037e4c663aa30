"""Scenario files: found by name, made smaller or changed by dotted keys, refused in plain words."""

from pathlib import Path

import yaml
from pydantic import ValidationError

from mint_utils import locations
from mint_utils.choices import not_a_choice
from mint_utils.scenario import Scenario
from mint_utils.scenario_errors import in_words


class ScenarioError(ValueError):
    """A scenario that cannot be run, in words that say which key and what to do."""


def scenario_names() -> list[str]:
    """Names of the scenarios that come with the study."""
    return sorted(path.stem for path in locations.SCENARIOS.glob("*.yml"))


def scenario_path(name: str) -> Path:
    """The YAML file of a scenario name, or the path itself if ``name`` is one."""
    if name.endswith((".yml", ".yaml")):
        path = Path(name).expanduser().resolve()
        if not path.is_file():
            here = f"; the scenario {path.stem!r} is named without .yml"
            known = here if path.stem in scenario_names() else ""
            raise ScenarioError(
                f"no scenario file at {path}{known}: `mint-study list` names the scenarios, "
                "`mint-study init` writes one"
            )
        return path
    if name not in scenario_names():
        if Path(name).expanduser().exists():
            raise ScenarioError(
                f"{name} is not a scenario: name a .yml file (`mint-study init` writes one "
                f"for your own model and faces), or one of {', '.join(scenario_names())}"
            )
        raise ScenarioError(
            not_a_choice("scenario", name, scenario_names()) + " (or a path to a .yml file)"
        )
    return locations.SCENARIOS / f"{name}.yml"


def portable_name(name: str) -> str:
    """The name, or the absolute path of a file: notebooks run in another folder."""
    return str(scenario_path(name)) if name.endswith((".yml", ".yaml")) else name


def read_yaml(path: Path) -> dict:
    """The mapping in a YAML file; ScenarioError if it is not one."""
    try:
        content = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise ScenarioError(f"{path} is not valid YAML: {yaml_mistake(error)}") from error
    if not isinstance(content, dict):
        raise ScenarioError(
            f"{path} must hold keys and values, found {type(content).__name__}: "
            f"{locations.SCENARIOS / 'synthetic.yml'} is an example with every key"
        )
    return content


def yaml_mistake(error: yaml.YAMLError) -> str:
    """Where and what, in one line."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return place + (problem or " ".join(str(error).split()))


def override(content: dict, dotted: str, value: object) -> None:
    """Set one dotted key in place: ``faces.0.persons`` reaches into lists by number."""
    *parents, last = dotted.split(".")
    here = content
    for key in parents:
        here = _child(here, key, dotted)
    if isinstance(here, list):
        here[_index(here, last, dotted)] = value
    elif isinstance(here, dict):
        here[last] = value
    else:
        raise ScenarioError(f"-o {dotted}: nothing to set inside a {type(here).__name__}")


def _child(here, key: str, dotted: str):
    if isinstance(here, list):
        return here[_index(here, key, dotted)]
    if not isinstance(here, dict):
        raise ScenarioError(f"-o {dotted}: {key!r} is inside a {type(here).__name__}, not a block")
    return here.setdefault(key, {})


def _index(here: list, key: str, dotted: str) -> int:
    if not key.isdecimal() or int(key) >= len(here):
        raise ScenarioError(
            f"-o {dotted}: {key!r} stands where a list has a number from 0 to {len(here) - 1}; "
            "write for instance -o faces.0.persons=100"
        )
    return int(key)


def tiny_overrides(name: str) -> dict[str, object]:
    """The scenario's own ``tiny`` block: dotted keys and the values that make it small."""
    path = scenario_path(name)
    small = read_yaml(path).get("tiny") or {}
    if not isinstance(small, dict) or not all(isinstance(key, str) for key in small):
        raise ScenarioError(f"{path.name}: tiny must hold dotted keys and values, got {small!r}")
    return small


def load_scenario(name: str, overrides: dict[str, object] | None = None, tiny=False) -> Scenario:
    """Read, override and validate a scenario.

    ``overrides`` has dotted keys; with ``tiny`` the file's own ``tiny`` block goes first.
    Raises ScenarioError naming the key, the value, the choices and the nearest one.
    """
    path = scenario_path(name)
    content = read_yaml(path)
    small = tiny_overrides(name) if tiny else {}
    for dotted, value in {**small, **(overrides or {})}.items():
        override(content, dotted, value)
    try:
        return Scenario.model_validate({"name": path.stem, **content})
    except ValidationError as error:
        raise ScenarioError(f"{path.name}: {in_words(error)}") from error
