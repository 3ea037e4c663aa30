"""What a grid's audits say together: planted orders are found, and nothing is made of few."""

import numpy as np
import pandas as pd
import pytest

from mint_utils.comparing.visibility import changes, factor_rungs, follows_gap, rungs_if_run


def planted(audits: int = 12) -> pd.DataFrame:
    """The head follows the gap, the embedding does not."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(audits):
        gap = number / audits
        setting = ("", "") if number < 4 else ("audited_model.epochs", 32)
        for access, auc in (("head_blind", 0.5 + 0.4 * gap), ("outcome", rng.uniform(0.5, 0.6))):
            rows.append(
                {"contrast": "member_vs_external", "k": 1, "access": access, "auc": auc,
                 "gap": gap, "recognition": 0.9, "factor": setting[0], "value": setting[1]}
            )  # fmt: skip
    return pd.DataFrame(rows)


def test_what_follows_the_gap_is_told_from_what_does_not():
    found = follows_gap(planted()).set_index("access")
    assert found.loc["head_blind", "rho"] == 1 and found.loc["head_blind", "p"] < 0.001
    assert found.loc["outcome", "p"] > 0.05
    assert found.loc["head_blind", "large_gap"] > found.loc["head_blind", "small_gap"] + 0.2
    assert (found["audits"] == 12).all()


def test_nothing_is_made_of_few_audits_or_of_no_gap():
    assert follows_gap(planted(4)).empty
    assert follows_gap(planted().assign(gap=np.nan)).empty


def test_changes_are_against_the_base():
    found = changes(planted())
    assert found.index.tolist() == ["epochs 32"]
    rows = planted()
    head = rows[rows["access"] == "head_blind"]
    by_hand = head["auc"][head["factor"] != ""].mean() - head["auc"][head["factor"] == ""].mean()
    assert found["member_vs_external, head_blind"].iloc[0] == pytest.approx(by_hand, abs=1e-3)
    assert found["recognition"].iloc[0] == 0


def test_a_grid_that_was_not_run_says_what_to_run(isolated):
    with pytest.raises(FileNotFoundError, match="run `mint-study grid factors` first"):
        factor_rungs()


def test_a_grid_that_was_not_run_gives_nothing_and_says_what_to_run(isolated, capsys):
    assert rungs_if_run("knowledge").empty
    assert "mint-study grid knowledge" in capsys.readouterr().out
