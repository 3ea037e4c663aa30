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


def test_the_page_is_dated_and_its_figures_are_there():
    assert re.search(r"Written \d{4}-\d\d-\d\d; audits with seed \d+", PAGE)
    figures = re.findall(r"!\[.+\]\((.+)\)", PAGE)
    assert len(figures) >= 4 and all((DOCS / figure).is_file() for figure in figures)


def test_prose_is_that_of_the_template():
    prose = (DOCS / "results.template.md").read_text()
    for paragraph in re.split(r"\{\{\w+\}\}", prose):
        assert paragraph.strip() in PAGE


def test_the_papers_figures_are_marked_as_the_papers():
    table = pd.read_csv(DOCS / "tables" / "paper.csv", dtype=str, keep_default_na=False)
    by_row = table.set_index("the paper's row")
    for row, (vanilla, cnn) in PAPER.items():
        assert by_row.loc[row, "vanilla, in the paper"] == vanilla
        assert by_row.loc[row, "cnn, in the paper"] == cnn
