"""The tables of results.md on the audits: every rung, and the paper's own figures beside ours."""

import pandas as pd

from mint_utils import locations
from mint_utils.evidence.paper import beside_paper

SCENARIOS = (
    "synthetic", "lfw", "lfw_reference", "lfw_swapped", "synthetic_null", "synthetic_shift",
    "lfw_vs_glint", "facenet_casia",
)  # fmt: skip
PAPER = {"synthetic": "same source", "synthetic_shift": "two sources"}
TAPS = ("stage1", "stage2", "stage3", "stage4")
COLUMNS = [
    "scenario", "contrast", "k", "access", "method", "auc", "interval", "control_auc", "p_holm",
    "verdict",
]  # fmt: skip
TARGETS = {"audited": "", "untrained_twin": ", untrained", "pixels": ", pixels"}


def audits() -> pd.DataFrame:
    """Every rung of single images and of albums of four, a row each."""
    found = []
    for name in SCENARIOS:
        rungs = pd.read_csv(locations.reports() / name / "tables" / "rungs.csv")
        found.append(rungs[rungs["k"].isin([1, 4])].assign(scenario=name))
    table = pd.concat(found, ignore_index=True)
    interval = table[["low", "high"]].round(2).astype(str).agg(" to ".join, axis=1)
    table = table.assign(interval=interval).round({"auc": 2, "control_auc": 2})
    table["p_holm"] = [float(f"{p:.1g}") for p in table["p_holm"]]
    return table[COLUMNS]


def paper_tables() -> pd.DataFrame:
    """Accuracy of Vanilla and CNN MINT by tap, from one source and from two, beside the paper's."""
    sides = []
    for name, words in PAPER.items():
        rows = pd.read_csv(locations.reports() / name / "tables" / "paper_rows.csv")
        rows = rows.set_index("aad").reindex([*TAPS, "outcome", "combination", "pixels"])
        named = {
            f"{method}, {target}": f"{method}, {words}{short}"
            for method in ("vanilla", "cnn")
            for target, short in TARGETS.items()
            if f"{method}, {target}" in rows and rows[f"{method}, {target}"].notna().any()
        }
        sides.append(rows[list(named)].rename(columns=named))
    table = pd.concat(sides, axis=1).round(2).astype(object)
    return beside_paper(table.where(table.notna(), "").reset_index(), TAPS)
