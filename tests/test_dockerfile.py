"""The Dockerfile as a text: what it names is there, and agrees with the project."""

import re
import shlex
import tomllib
from fnmatch import fnmatch

import pytest

from mint_utils import locations
from mint_utils.cli import app
from mint_utils.locations import REPOSITORY

TEXT = (REPOSITORY / "Dockerfile").read_text()
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
README = (REPOSITORY / "README.md").read_text()


def lines(instruction: str) -> list[str]:
    return re.findall(rf"^{instruction} (.+)$", TEXT, re.M)


def ignored(path: str) -> bool:
    """Whether .dockerignore keeps a file out: the last rule that matches it or a parent decides."""
    parts = path.split("/")
    parents = ["/".join(parts[: n + 1]) for n in range(len(parts))]
    kept_out = False
    for rule in (REPOSITORY / ".dockerignore").read_text().splitlines():
        if rule and not rule.startswith("#"):
            pattern = rule.removeprefix("!").removeprefix("**/")
            names = parents + (parts if "**/" in rule else [])
            exact = [n for n in names if n.count("/") == pattern.count("/") and fnmatch(n, pattern)]
            kept_out = not rule.startswith("!") if exact else kept_out
    return kept_out


@pytest.mark.parametrize("copied", lines("COPY"))
def test_what_is_copied_is_there_and_reaches_the_builder(copied):
    *sources, _ = [word for word in copied.split() if not word.startswith("--")]
    for source in sources:
        assert (REPOSITORY / source).exists(), source
        assert not ignored(source), source


def test_no_face_weight_or_report_reaches_the_builder():
    for file in ("data/raw/lfw/a.jpg", "data/cache/x", "reports/lfw/index.html", ".git/config"):
        assert ignored(file), file
    assert ignored("mint_utils/__pycache__/cli.pyc")
    assert not ignored("mint_utils/audited/model.py")


def test_it_asks_for_the_same_versions_as_the_project():
    torch = re.findall(r'"(torch\S*)"', "\n".join(lines("RUN")))
    assert len(torch) == 2 and set(torch) <= set(PROJECT["dependencies"])
    (extras,) = re.findall(r'"\.\[([\w,]+)\]"', TEXT)
    assert set(extras.split(",")) <= set(PROJECT["optional-dependencies"])
    (image,) = lines("FROM")
    version = re.search(r"python:(3\.\d+)", image)[1]
    assert PROJECT["requires-python"] == f">={version}"


def test_its_folders_are_variables_that_the_study_reads_and_lie_in_the_volume():
    (volume,) = lines("VOLUME")
    source = (REPOSITORY / "mint_utils" / "locations.py").read_text()
    for variable, folder in (pair.split("=") for line in lines("ENV") for pair in line.split()):
        assert f'"{variable}"' in source
        assert folder.startswith(f"{volume}/")


def test_it_does_not_run_as_root():
    order = [line.split()[0] for line in TEXT.splitlines() if re.match(r"[A-Z]+ ", line)]
    assert order.index("USER") < order.index("CMD")
    assert lines("USER") == ["mint"] and "useradd" in TEXT and "install --directory" in TEXT


def test_the_readme_says_the_same_commands():
    said = re.findall(r"^#   (docker .+)$", TEXT, re.M)
    assert len(said) == 3 and all(command in README for command in said)
    (volume,), (port,) = lines("VOLUME"), lines("EXPOSE")
    for command in said[1:]:
        assert f":{volume} mint-study" in command
    assert f":{port} " in said[1]
    *_, program, name, scenario = shlex.split(said[2])
    assert (program, name) == ("mint-study", "run")
    assert program in PROJECT["scripts"] and name in {
        c.callback.__name__ for c in app.registered_commands
    }
    assert (locations.SCENARIOS / f"{scenario}.yml").is_file()
