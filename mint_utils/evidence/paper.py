"""The paper's own figures, to stand beside ours (arXiv 2402.09225, Tables 1 and 4).

Accuracy with 100,000 detector samples, for its three audited models (FR Models 1, 2, 3). Its
members and externals come from different databases, and no control stands beside them.
"""

import pandas as pd

PAPER = {  # row -> Vanilla MINT, CNN MINT
    "Conv #1": ("0.77 / 0.80 / 0.78", "0.86 / 0.89 / 0.90"),
    "Conv #2": ("0.74 / 0.68 / 0.68", "0.85 / 0.86 / 0.86"),
    "Conv #3": ("0.68 / 0.59 / 0.62", "0.83 / 0.75 / 0.76"),
    "Conv #4": ("0.69 / 0.76 / 0.75", "0.73 / 0.74 / 0.73"),
    "outcome": ("0.75 / 0.78 / 0.76", ""),
    "combination": ("0.84 / 0.84 / 0.81", "0.88 / 0.90 / 0.90"),
}


def beside_paper(rows: pd.DataFrame, taps: tuple[str, ...]) -> pd.DataFrame:
    """``rows`` with the paper's figures in two columns more, and its name of each row.

    ``rows`` has ``aad``; four ``taps`` stand for the paper's four, in their order, other numbers
    of taps for none.

    Taught in notebook 05.
    """
    named = dict(zip(taps, list(PAPER)[:4], strict=True)) if len(taps) == 4 else {}
    paper = [named.get(aad, aad) if aad in (*named, *PAPER) else "" for aad in rows["aad"]]
    vanilla, cnn = (
        zip(*(PAPER.get(row, ("", "")) for row in paper), strict=True) if paper else ((), ())
    )
    more = {"vanilla, in the paper": list(vanilla), "cnn, in the paper": list(cnn)}
    return rows.assign(**{"the paper's row": paper}, **more)
