"""The notebooks as texts, one grammar for all; and those that stand alone, executed."""

import re

import nbformat
import pandas as pd
import pytest

from mint_utils import locations
from mint_utils.faces import CONTRASTS
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


def links(stem: str) -> list[str]:
    """The notebooks that a notebook links to, by stem."""
    notebook = nbformat.read(locations.NOTEBOOKS / f"{stem}.ipynb", as_version=4)
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    return re.findall(r"\]\(([\w.]+)\.ipynb\)", prose)


STEMS = [path.stem for path in NOTEBOOKS]


@pytest.mark.parametrize(("before", "after"), zip(STEMS, STEMS[1:], strict=False))
def test_neighbours_link_to_each_other(before, after):
    assert after in links(before)
    assert before in links(after)


def test_the_lesson_links_to_all():
    assert set(links(STEMS[0])) == set(STEMS[1:])


def test_compare_shows_every_finished_report(beside_tiny):
    (page,) = run_compare(cell_seconds=300)
    assert "synthetic" in page.read_text()
    tables = page.parent / "tables"
    assert {file.name for file in tables.iterdir()} == {"verdicts.csv", "rungs.csv"}
    made = {file.stem for file in (page.parent / "figures").glob("*.png")}
    assert made == set(CONTRASTS) | {f"{contrast}_heat_map" for contrast in CONTRASTS}
    shown = pd.read_csv(tables / "rungs.csv")["k"].isin([1, 4]).sum()
    links = page.read_text().count('href="../synthetic/index.html"')
    assert links == shown + len(CONTRASTS) + 1  # a number, a line of a heat map, a verdict


def test_ask_ranks_photographs_and_names_what_it_wrote(beside_tiny):
    """On drawn photographs of two of the tiny report's test persons."""
    done = beside_tiny.parent / "_ask" / "09_ask.ipynb"
    done.parent.mkdir()
    execute(locations.NOTEBOOKS / "09_ask.ipynb", done, "synthetic", {}, 300)
    asked = nbformat.read(done, as_version=4)
    (words,) = [c for c in code_cells(asked) if c.source.startswith("page = ")]
    said = "".join(output.text for output in words.outputs if output.name == "stdout")
    assert "only a rank among the run's strangers" in said and "p-value" not in said
    written = {path.name for path in done.parent.iterdir()}
    assert written == {"09_ask.ipynb", "answer.html", "photographs", "strangers"}
    (ranked,) = [c for c in code_cells(asked) if c.source.startswith("strangers = ")]
    assert "class centres" in ranked.outputs[-1]["data"]["text/plain"]
