"""What defences cost and hide: one rung for all, means over audits that differ in nothing else."""

import numpy as np
import pandas as pd
import pytest

from mint_utils.comparing.defences import COLUMNS, UNDEFENDED, defence_table, summed_up
from mint_utils.figures.defences import recognition_against_membership


def planted() -> pd.DataFrame:
    """Two seeds; class centres betray an undefended model, embeddings a defended one."""
    rows = []
    for defence, tar, centres, embeddings in (("", 0.8, 0.7, 0.55), ("noise", 0.3, 0.5, 0.9)):
        for seed in (0, 1):
            for contrast in ("member_vs_held_out", "held_out_vs_external", "member_vs_external"):
                for k in (1, 4):
                    for access, auc in (("head_blind", centres), ("outcome", embeddings)):
                        auc = auc + 0.1 * seed
                        rows.append(
                            {"factor": "variant" if defence else "", "value": defence, "k": k,
                             "contrast": contrast, "access": access, "auc": auc, "seed": seed,
                             "low": auc - 0.1, "high": auc + 0.1, "control_auc": 0.5 + 0.02 * seed,
                             "recognition": 0.9, "tar": tar, "gap": 0.1}
                        )  # fmt: skip
    return pd.DataFrame(rows)


def test_the_rung_is_that_at_which_the_undefended_model_betrays_most():
    table = summed_up(planted())
    assert set(table["access"]) == {"head_blind"}
    assert table["contrast"].tolist() == ["member_vs_held_out"] * 4 + ["held_out_vs_external"] * 4
    assert table["k"].tolist() == [1, 1, 4, 4] * 2
    defended = table[table["defence"] == "noise"].iloc[0]
    assert defended["auc"] == pytest.approx(0.55), "not the embeddings, lucky at 0.95"


def test_audits_are_averaged_and_their_intervals_are_not_made_narrower():
    base = summed_up(planted()).iloc[0]
    assert base["defence"] == UNDEFENDED and base["audits"] == 2
    assert base["auc"] == pytest.approx(0.75) and base["tar"] == pytest.approx(0.8)
    assert (base["low"], base["high"]) == (pytest.approx(0.6), pytest.approx(0.9))
    assert base[["control_low", "control_high"]].tolist() == pytest.approx([0.5, 0.52])


def test_a_grid_without_its_base_gives_no_table():
    some = planted()
    assert summed_up(some[some["factor"] != ""]).empty


def test_where_the_grid_was_not_run_a_line_says_how(isolated, capsys):
    table = defence_table()
    assert table.empty and table.columns.tolist() == COLUMNS
    assert "`mint-study grid defences`" in capsys.readouterr().out


def test_the_figure_names_every_defence_once_a_panel_and_nowhere_twice():
    panel = recognition_against_membership(summed_up(planted()))
    figure = panel.get_figure(root=True)
    assert len(figure.axes) == 2
    for ax in figure.axes:
        assert sorted(t.get_text() for t in ax.texts) == ["noise", UNDEFENDED]
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert any("best controls" in label for label in labels)


def test_names_of_points_that_lie_together_do_not():
    table = summed_up(planted())
    many = pd.concat([table.assign(defence=f"defence {i}", auc=0.6 + 0.001 * i) for i in range(4)])
    many["tar"] = 0.9
    ax = recognition_against_membership(many)
    places = np.array([text.get_position() for text in ax.texts])
    assert len(places) == 8
    close = np.abs(places[:, None, 0] - places[None, :, 0]) < 0.3
    near = np.abs(places[:, None, 1] - places[None, :, 1]) < 0.05
    assert (close & near).sum() == len(places), "each is near itself alone"
