"""The hidden answers of the notebooks' exercises: code in them runs after the notebook's own."""

import re
import shutil

import nbformat
import pytest

from mint_utils import locations
from mint_utils.scenario_file import tiny_overrides
from mint_utils.study import execute

EXERCISE = re.compile(r"^\*\*Exercise(?: \d+)?\.\*\* .+?\n<details>(.+?)</details>", re.M | re.S)
CODE = re.compile(r"^```python\n(.+?)^```$", re.M | re.S)
LESSON = "00_what_is_mint"


def exercises(stem: str) -> list[str]:
    """What is hidden behind each exercise of a notebook."""
    notebook = nbformat.read(locations.NOTEBOOKS / f"{stem}.ipynb", as_version=4)
    prose = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    return [hidden for text in prose for hidden in EXERCISE.findall(text)]


def answers(stem: str) -> list[str]:
    """The code in them, block by block."""
    return [code for hidden in exercises(stem) for code in CODE.findall(hidden)]


STEMS = [file.stem for file in sorted(locations.NOTEBOOKS.glob("*.ipynb"))]
WITH_CODE = [stem for stem in STEMS if answers(stem)]


@pytest.fixture(scope="module")
def home(tiny_report, tmp_path_factory):
    """A copy of a tiny run with its cache, which notebooks may write to."""
    copy = tmp_path_factory.mktemp("exercises")
    for name in ("cache", "reports"):
        shutil.copytree(tiny_report.parents[1] / name, copy / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINT_CACHE", str(copy / "cache"))
        patch.setenv("MINT_REPORTS", str(copy / "reports"))
        yield copy


def solved(stem: str, home):
    """The executed notebook with every answer as a cell at its end."""
    notebook = nbformat.read(locations.NOTEBOOKS / f"{stem}.ipynb", as_version=4)
    notebook.cells += [
        nbformat.v4.new_code_cell(code, metadata={"tags": ["answer"]}) for code in answers(stem)
    ]
    source, done = home / f"{stem}.asked.ipynb", home / f"{stem}.ipynb"
    nbformat.write(notebook, source)
    size = {} if stem == LESSON else tiny_overrides("synthetic")
    execute(source, done, "synthetic", size, 300)
    return nbformat.read(done, as_version=4)


@pytest.mark.parametrize("stem", STEMS)
def test_every_exercise_has_a_hidden_answer(stem):
    text = (locations.NOTEBOOKS / f"{stem}.ipynb").read_text()
    assert len(exercises(stem)) == text.count("**Exercise") >= 1
    assert all("<summary>Answer</summary>" in hidden for hidden in exercises(stem))


@pytest.mark.parametrize("stem", [stem for stem in WITH_CODE if stem != LESSON])
def test_answers_run_after_their_notebook(stem, home):
    cells = [c for c in solved(stem, home).cells if "answer" in c.metadata.get("tags", [])]
    assert len(cells) == len(answers(stem))
    assert all(cell.outputs for cell in cells), "an answer shows something"


@pytest.fixture(scope="module")
def lesson(home):
    """Notebook 00 at its own size, solved: what each cell that starts with some code gave."""
    cells = [cell for cell in solved(LESSON, home).cells if cell.cell_type == "code"]

    def given(starts_with: str):
        (cell,) = [cell for cell in cells if cell.source.startswith(starts_with)]
        return eval(cell.outputs[-1]["data"]["text/plain"], {})

    return given


def test_the_lesson_teaches_what_it_says(lesson):
    chance = lesson('lesson.detect(face_set, recorded["stage3"])')
    assert all(abs(value - 0.5) < 0.15 for value in chance.values())
    trap = lesson("untrained = ")
    assert trap["auc"] > 0.95 and trap["accuracy"] > 0.9, "on a model that saw neither set"
    assert lesson("lesson.detect(two_styles, lesson.image")["accuracy"] > 0.9
    assert abs(lesson("lesson.detect(face_set, lesson.image")["auc"] - 0.5) < 0.15
    member, held_out = lesson("lesson.head_auc(")
    assert member > held_out > 0.8


def test_the_lesson_shows_that_photos_add_up(lesson):
    by_album, by_twin = lesson("by_album = ")
    assert by_album[8] > by_album[2] > 0.55 and by_album[8] > 0.65
    assert max(by_twin.values()) < by_album[8] - 0.1


def test_the_answers_of_the_lesson_say_what_comes_out(lesson):
    assert abs(lesson("with record(untrained.module, [\"stage3\"], pooled) as of_chance")["auc"]
               - 0.5) < 0.15  # fmt: skip
    by_stage = lesson("stages = ")
    assert all(abs(reached["auc"] - 0.5) < 0.2 for reached in by_stage.values())
    assert abs(lesson("from mint_utils.faces import FaceSet")["auc"] - 0.5) < 0.2


def test_the_hook_by_hand_has_six_lines():
    notebook = nbformat.read(locations.NOTEBOOKS / f"{LESSON}.ipynb", as_version=4)
    (hook,) = [c for c in notebook.cells if "from-scratch" in c.metadata.get("tags", [])]
    assert len([line for line in hook.source.splitlines() if line.strip()]) == 6
