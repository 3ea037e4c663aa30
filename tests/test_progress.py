"""What takes longer than two seconds shows a bar: plain tqdm, which says what it counts."""

import ast

import pandas as pd
import pytest

from mint_utils.evidence.measure import metrics_table
from mint_utils.evidence.rungs import ladder
from mint_utils.locations import REPOSITORY
from mint_utils.reporting.verify import differences

FILES = sorted((REPOSITORY / "mint_utils").rglob("*.py"))


def bars(tree: ast.AST) -> list[ast.Call]:
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [c for c in calls if isinstance(c.func, ast.Name) and c.func.id == "tqdm"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_bar_says_what_is_counted(file):
    tree = ast.parse(file.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            # tqdm.auto draws a widget in notebooks, which a saved report shows frozen at 0 %.
            assert not node.module.startswith("tqdm."), file
    for bar in bars(tree):
        assert {"desc", "unit"} <= {keyword.arg for keyword in bar.keywords}, (
            f"{file}: {bar.lineno}"
        )


def test_bars_are_where_minutes_go():
    counted = {file.stem for file in FILES if bars(ast.parse(file.read_text()))}
    assert counted >= {
        "fitting", "twins", "extract", "scores", "source_out", "hygiene", "parity", "selftest",
        "near_duplicates", "measure", "rungs", "thresholds", "swapped", "grid", "records",
    }  # fmt: skip


def test_measuring_shows_how_far_it_is(beside_tiny, capsys):
    scores = pd.read_parquet(beside_tiny / "tables" / "scores.parquet")
    metrics_table(scores, "synthetic", 400, 0)
    ladder(scores, ("embedding_norm",), 400, 0)
    shown = capsys.readouterr().err
    assert "measuring: 100%" in shown and "beside controls: 100%" in shown


def test_verify_shows_how_far_it_is(beside_tiny, capsys):
    assert differences(beside_tiny) == []
    assert "thresholds: 100%" in capsys.readouterr().err
