"""docs/results.md says what its tables say, and quotes the paper as the paper."""

import re

import pandas as pd
import pytest

from mint_utils import locations
from mint_utils.evidence.paper import PAPER

DOCS = locations.REPOSITORY / "docs"
PAGE = (DOCS / "results.md").read_text()
TABLES = sorted((DOCS / "tables").glob("*.csv"))


@pytest.mark.parametrize("file", TABLES, ids=lambda file: file.stem)
def test_every_row_of_every_table_is_on_the_page(file):
    table = pd.read_csv(file, dtype=str, keep_default_na=False)
    assert len(table)
    for row in [list(table), *table.to_numpy().tolist()]:
        assert f"| {' | '.join(row)} |" in PAGE


def test_nothing_on_the_page_is_from_elsewhere():
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and "---" not in line]
    assert len(rows) == sum(len(pd.read_csv(file)) + 1 for file in TABLES)
    assert "{{" not in PAGE


def test_every_table_says_when_it_was_computed_by_which_code_and_with_which_seeds():
    written = pd.read_csv(DOCS / "tables" / "written.csv", dtype=str).set_index("table")
    assert {*written.index, "written"} == {file.stem for file in TABLES}
    assert written["computed"].str.fullmatch(r"\d{4}-\d\d-\d\d").all()
    assert written["seeds"].str.fullmatch(r"\d+(, \d+)*").all() and written["commit"].notna().all()


def test_its_figures_are_there():
    figures = re.findall(r"!\[.+\]\((.+)\)", PAGE)
    assert len(figures) >= 4 and all((DOCS / figure).is_file() for figure in figures)


def test_prose_is_that_of_the_template():
    prose = (DOCS / "results.template.md").read_text()
    for paragraph in re.split(r"\{\{\w+\}\}", prose):
        assert paragraph.strip() in PAGE


def test_the_papers_figures_are_marked_as_the_papers():
    table = pd.read_csv(DOCS / "tables" / "paper.csv", dtype=str, keep_default_na=False)
    for row, (vanilla, cnn) in PAPER.items():
        some = table[table["the paper's row"] == row]
        assert len(some) and (some["vanilla, in the paper"] == vanilla).all()
        assert (some["cnn, in the paper"] == cnn).all()
