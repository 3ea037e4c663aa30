"""The notebooks as texts, one grammar for all; and the two that stand alone, executed."""

import re

import nbformat
import pytest

from mint_utils import locations
from mint_utils.study import execute, run_compare

NOTEBOOKS = sorted(locations.NOTEBOOKS.glob("*.ipynb"))
PARAMETERS = (
    'scenario = "synthetic"  # a name from notebooks/scenarios, or a path to a .yml file\n'
    'overrides = {}  # dotted keys that replace the scenario\'s own, such as {"seed": 1}'
)


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_parameters_are_the_same_two_lines(notebook):
    (cell,) = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", [])]
    assert cell.source == PARAMETERS
    assert notebook.cells[1] is cell


def test_the_title_is_a_question_that_says_what_is_read_and_written(notebook):
    first = notebook.cells[0].source
    assert re.match(r"# \d · .+\?\n", first)
    assert "*Reads*" in first and "*Writes*" in first
    assert re.search(r"[Ss]econds|[Mm]inute", first)


def test_it_is_short_and_tells_more_than_it_computes(notebook):
    code = code_cells(notebook)
    prose = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    assert len(notebook.cells) <= 30
    assert all(len(cell.source.splitlines()) <= 12 for cell in code)
    assert sum(len(c.source) for c in prose) >= sum(len(c.source) for c in code)


def test_it_defines_nothing_and_leaves_the_notebook_for_nothing(notebook):
    for cell in code_cells(notebook):
        assert not re.search(r"^\s*[!%]", cell.source, re.M)
        if "from-scratch" not in cell.metadata.get("tags", []):
            assert not re.search(r"^\s*(def|class) ", cell.source, re.M)


def test_it_is_committed_without_outputs(notebook):
    assert all(not cell.outputs and cell.execution_count is None for cell in code_cells(notebook))


def test_it_ends_with_exercises_and_leads_on(notebook):
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert "## What we saw" in text and "**Exercise" in text
    assert text.count("<details>") == text.count("</details>") >= 1
    for target in re.findall(r"\]\(([\w.]+\.ipynb)\)", text):
        assert (locations.NOTEBOOKS / target).is_file(), target


def output_of(notebook, source_part: str) -> float:
    (cell,) = [c for c in code_cells(notebook) if c.source.startswith(source_part)]
    return float(cell.outputs[-1]["data"]["text/plain"])


def test_the_lesson_teaches_what_it_says(isolated):
    done = isolated / "lesson.ipynb"
    execute(locations.NOTEBOOKS / "00_what_is_mint.ipynb", done, "synthetic", {}, 300)
    lesson = nbformat.read(done, as_version=4)
    random_split = output_of(lesson, 'lesson.detector_auc(face_set, recorded["stage3"])')
    blind_on_styles = output_of(lesson, "lesson.detector_auc(two_styles, lesson.image")
    blind = output_of(lesson, "lesson.detector_auc(face_set, lesson.image")
    head = output_of(lesson, "lesson.head_auc(")
    (trap,) = [c for c in code_cells(lesson) if c.source.startswith("untrained = ")]
    assert float(trap.outputs[-1]["data"]["text/plain"]) > 0.9
    assert blind_on_styles > 0.9 and head > 0.85
    assert abs(random_split - 0.5) < 0.2 and abs(blind - 0.5) < 0.2


def test_compare_shows_every_finished_report(beside_tiny):
    (page,) = run_compare(cell_seconds=300)
    assert "synthetic" in page.read_text()
    tables = page.parent / "tables"
    assert {file.name for file in tables.iterdir()} == {"verdicts.csv", "rungs.csv"}
    assert len(list((page.parent / "figures").glob("*.png"))) == 4
