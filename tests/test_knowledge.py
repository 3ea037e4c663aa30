"""What an auditor finds by how many members they know: means over seeds, in order."""

import pandas as pd
import pytest

from mint_utils.comparing.knowledge import ALL, COLUMNS, KEY, knowledge_table, summed_up


def planted() -> pd.DataFrame:
    """The method that is chosen differs by seed; one_class has its own control."""
    rows = []
    for value, auc in (("", 0.9), (200, 0.8), (0, 0.6)):
        for seed in (0, 1):
            about = {"factor": KEY if value != "" else "", "value": value, "k": 1}
            about |= {"access": "outcome", "low": auc - 0.1, "high": auc + 0.2 * seed}
            method = ("embedding_norm", "one_class")[seed]
            rows += [
                about | {"asked": "the rung", "method": method, "auc": auc + 0.1 * seed,
                         "control_auc": 0.6},
                about | {"asked": "one_class", "method": "one_class", "auc": auc + 0.1,
                         "control_auc": 0.5},
            ]  # fmt: skip
    return pd.DataFrame(rows)


def test_numbers_of_known_members_are_in_order_and_audits_are_averaged():
    table = summed_up(planted())
    assert table.columns.tolist() == COLUMNS
    assert table["known_members"].tolist() == ["0", "0", "200", "200", ALL, ALL]
    assert (table["audits"] == 2).all()
    rung = table[table["asked"] == "the rung"]
    assert rung["auc"].tolist() == pytest.approx([0.65, 0.85, 0.95])
    assert (rung["methods"] == "embedding_norm, one_class").all()
    assert (rung["low"].iloc[0], rung["high"].iloc[0]) == pytest.approx((0.5, 0.8))


def test_distance_from_strangers_keeps_its_own_control_where_it_was_chosen_too():
    controls = summed_up(planted()).groupby("asked")["control_auc"].agg(set)
    assert controls.to_dict() == {"the rung": {0.6}, "one_class": {0.5}}


def test_audits_that_change_anything_else_are_no_base():
    other = planted().query("value == ''").assign(factor="variant", value="noise", auc=0.1)
    both = pd.concat([planted(), other], ignore_index=True)
    pd.testing.assert_frame_equal(summed_up(both), summed_up(planted()))


def test_where_the_grid_was_not_run_a_line_says_how(isolated, capsys):
    table = knowledge_table()
    assert table.empty and table.columns.tolist() == COLUMNS
    assert "`mint-study grid knowledge`" in capsys.readouterr().out
