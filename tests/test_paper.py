"""The paper's figures stand beside ours, in the right rows, and are marked as the paper's."""

import pandas as pd

from mint_utils.evidence.paper import PAPER, beside_paper

TAPS = ("stage1", "stage2", "stage3", "stage4")


def test_four_taps_stand_for_the_papers_four_in_their_order():
    ours = pd.DataFrame({"aad": [*TAPS, "outcome", "combination", "head"], "vanilla, audited": 0.5})
    both = beside_paper(ours, TAPS)
    assert both["the paper's row"].tolist() == [*PAPER, ""]
    by_row = both.set_index("aad")
    assert by_row.loc["stage1", "cnn, in the paper"] == "0.86 / 0.89 / 0.90"
    assert by_row.loc["combination", "vanilla, in the paper"] == "0.84 / 0.84 / 0.81"
    assert by_row.loc["head", "vanilla, in the paper"] == ""
    assert (both["vanilla, audited"] == 0.5).all()


def test_other_taps_are_not_given_the_papers_names():
    ours = pd.DataFrame({"aad": ["a", "b", "outcome"]})
    assert beside_paper(ours, ("a", "b"))["the paper's row"].tolist() == ["", "", "outcome"]
    assert beside_paper(pd.DataFrame(columns=["aad"]), TAPS).empty
