"""What an auditor finds by how many members they know: means over seeds, in order, each once."""

import pandas as pd
import pytest

from mint_utils.comparing.knowledge import ALL, COLUMNS, KEY, knowledge_table, summed_up


def planted() -> pd.DataFrame:
    rows = []
    for value, auc in (("", 0.9), (200, 0.8), (0, 0.6)):
        for seed in (0, 1):
            about = {
                "cell": f"{value}.{seed}",
                "factor": KEY if value != "" else "",
                "value": value,
            }
            for method in ("vanilla on outcome", "one_class on outcome", "one_class on outcome"):
                rows.append(
                    about | {"k": 1, "access": "outcome", "method": method, "auc": auc + 0.1 * seed,
                             "low": auc - 0.1, "high": auc + 0.2 * seed, "control_auc": 0.5}
                )  # fmt: skip
    return pd.DataFrame(rows)


def test_numbers_of_known_members_are_in_order_and_audits_are_averaged():
    table = summed_up(planted())
    assert table.columns.tolist() == COLUMNS
    assert table["known_members"].tolist() == ["0", "0", "200", "200", ALL, ALL]
    assert (table["audits"] == 2).all(), "a method that was chosen and asked for counts once"
    assert table["auc"].tolist() == pytest.approx([0.65] * 2 + [0.85] * 2 + [0.95] * 2)
    assert (table["low"].iloc[0], table["high"].iloc[0]) == pytest.approx((0.5, 0.8))


def test_where_the_grid_was_not_run_a_line_says_how(isolated, capsys):
    table = knowledge_table()
    assert table.empty and table.columns.tolist() == COLUMNS
    assert "`mint-study grid knowledge`" in capsys.readouterr().out
