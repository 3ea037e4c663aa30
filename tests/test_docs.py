"""What the documents say is so: recipes work, numbers are in the tables, links lead somewhere."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from mint_utils.locations import REPOSITORY
from mint_utils.scenario_file import scenario_names

PAGES = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "data/README.md", "reports/README.md"]
CONTRIBUTING = (REPOSITORY / "CONTRIBUTING.md").read_text()
README = (REPOSITORY / "README.md").read_text()


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    text = (REPOSITORY / page).read_text()
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)[^)]*\)", text):
        assert ((REPOSITORY / page).parent / target).exists(), target


def apply_diff(folder, diff: str) -> None:
    """Replace the lines marked ``-`` by those marked ``+``; they must be there exactly once."""
    for part in re.split(r"^--- a/.*\n", diff, flags=re.M)[1:]:
        name, _, hunks = part.partition("\n")
        file = folder / name.removeprefix("+++ b/")
        text = file.read_text()
        for hunk in re.split(r"^@@\n", hunks, flags=re.M)[1:]:
            old = "".join(f"{line[1:]}\n" for line in hunk.splitlines() if line[:1] == "-")
            new = "".join(f"{line[1:]}\n" for line in hunk.splitlines() if line[:1] == "+")
            assert text.count(old) == 1, f"{file.name}: {old}"
            text = text.replace(old, new)
        file.write_text(text)


@pytest.fixture(scope="module")
def followed(tmp_path_factory):
    """A copy of the repository in which every recipe of CONTRIBUTING.md has been followed."""
    folder = tmp_path_factory.mktemp("copy")
    for name in ("mint_utils", "notebooks"):
        shutil.copytree(
            REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    for name, content in re.findall(
        r"^`([\w/.]+)`:\n\n```\w+\n(.*?)^```", CONTRIBUTING, re.M | re.S
    ):
        assert not (folder / name).exists()
        (folder / name).write_text(content)
    for diff in re.findall(r"^```diff\n(.*?)^```", CONTRIBUTING, re.M | re.S):
        apply_diff(folder, diff)
    return folder


def run_in(folder, code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True,
        env={"PYTHONPATH": str(folder), "PATH": "", "MINT_CACHE": str(folder / "cache"),
             "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_scenario_of_the_recipe_can_be_checked(followed):
    code = "from mint_utils.cli import app; app(['check', 'more_training', '--tiny'])"
    assert "member persons" in run_in(followed, code)


def test_the_source_of_the_recipe_reads_faces(followed):
    code = """
from pathlib import Path
import numpy as np
from PIL import Image
from mint_utils.scenario_file import load_scenario
from mint_utils.sources import open_sources
Path("flat").mkdir(exist_ok=True)
for name in ("Ann_Lee_1", "Ann_Lee_2", "Bob_1"):
    Image.fromarray(np.full((8, 8, 3), 99, np.uint8)).save(f"flat/{name}.png")
source = {"kind": "flat", "path": str(Path("flat").resolve())}
(opened,) = open_sources(load_scenario("synthetic", {"faces": [source]})).values()
print(opened.images()["identity"].tolist(), opened.read("flat/Bob_1.png").shape)
"""
    assert run_in(followed, code).strip() == "['Ann_Lee', 'Ann_Lee', 'Bob'] (8, 8, 3)"


def test_the_model_and_the_method_of_the_recipes_score_faces(followed):
    code = """
from mint_utils.audited import open_model
from mint_utils.faces import assemble
from mint_utils.hygiene import inspect
from mint_utils.rivals import RIVALS
from mint_utils.scenario_file import load_scenario
from mint_utils.sources import open_sources
from mint_utils.targets import open_targets, record_targets
from mint_utils.trials import trial_table
wanted = load_scenario("synthetic", {
    "faces.0.persons": 24, "faces.0.images": 4, "audited_model": {"family": "thumbnail"},
    "rivals": ["embedding_peak"],
})
faces = inspect(assemble(open_sources(wanted), wanted)).faces
targets = open_targets(wanted, open_model(wanted, faces), faces)
recorded = record_targets(targets, faces, wanted)
audited, rival = recorded["audited"], RIVALS["embedding_peak"]
print(audited.vector("outcome").shape, rival.score(audited, rival.aad).shape)
found = trial_table(recorded, wanted)
print(*found.loc[found["method"] == "embedding_peak", "target"])
"""
    said = run_in(followed, code).splitlines()
    assert said == ["(96, 192) (96,)", "audited untrained_twin pixels"]


def test_what_the_recipes_add_is_in_the_style_of_the_house(followed):
    ruff = shutil.which("ruff", path=str(Path(sys.executable).parent)) or shutil.which("ruff")
    if ruff is None:
        pytest.skip("no ruff here")
    added = set(re.findall(r"^(?:`|\+\+\+ b/)(mint_utils/[\w/]+\.py)(?:`:)?$", CONTRIBUTING, re.M))
    assert len(added) == 8, "two new files and six that are changed"
    for task in (["check"], ["format", "--check"]):
        asked = [ruff, *task, "--config", str(REPOSITORY / "pyproject.toml"), *sorted(added)]
        done = subprocess.run(asked, cwd=followed, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def test_the_readme_quotes_the_gallery(tmp_path):
    rungs = pd.read_csv(REPOSITORY / "reports" / "gallery" / "rungs.csv")
    quoted = 0
    for line in README.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0].strip("`") not in scenario_names():
            continue
        some = rungs[rungs["scenario"] == cells[0].strip("`")]
        figures = re.findall(r"([\d.]+) \[([\d.]+), ([\d.]+)\]", line)
        known = {tuple(f"{v:.2f}" for v in row) for row in some[["auc", "low", "high"]].to_numpy()}
        assert figures and set(figures) <= known, line
        quoted += len(figures)
    assert quoted >= rungs["scenario"].nunique()


def test_the_readme_names_every_scenario_and_both_commands():
    for name in scenario_names():
        assert f"`{name}`" in README
    assert "make study" in README and "make test" in README


@pytest.mark.skipif(not (REPOSITORY / ".git").exists(), reason="not a git checkout")
def test_no_real_face_is_in_the_repository():
    listed = subprocess.run(
        ["git", "-C", str(REPOSITORY), "ls-files"], capture_output=True, text=True
    ).stdout.splitlines()
    pictures = [f for f in listed if f.endswith((".png", ".jpg", ".jpeg", ".gif", ".webp"))]
    drawn_or_numbers = re.compile(
        r"reports/gallery/(synthetic_\w+|\w+_access_ladder)\.png|docs/figures/(gap_\w+|samples_\w+|models|\w+_ladder)\.png"
    )
    assert all(drawn_or_numbers.fullmatch(file) for file in pictures)
    assert not [f for f in listed if f.endswith((".safetensors", ".pt", ".npz", ".npy", ".onnx"))]


@pytest.mark.skipif(not (REPOSITORY / ".git").exists(), reason="not a git checkout")
@pytest.mark.parametrize(
    "file",
    ["me.jpg", "photos/Me.JPEG", "notebooks/face.png", "data/raw/lfw/Ann/1.jpg", "reports/lfw.pdf",
     "data/cache/x/maps.safetensors", "weights/backbone.pth", "reports/lfw/index.html",
     "train.rec"],
)  # fmt: skip
def test_git_ignores_photographs_weights_and_reports(file):
    asked = ["git", "-C", str(REPOSITORY), "check-ignore", "--no-index", "-q", file]
    assert subprocess.run(asked).returncode == 0


@pytest.mark.skipif(not (REPOSITORY / ".git").exists(), reason="not a git checkout")
def test_git_keeps_everything_that_is_kept_now():
    git = ["git", "-C", str(REPOSITORY)]
    ignored = subprocess.run(
        [*git, "ls-files", "--cached", "--ignored", "--exclude-standard"],
        capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert ignored == ""
