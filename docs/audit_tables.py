"""The tables of results.md on the audits: every rung, and the paper's own figures beside ours."""

import pandas as pd

from mint_utils import locations
from mint_utils.evidence.paper import beside_paper

SCENARIOS = (
    "synthetic", "lfw", "lfw_reference", "lfw_swapped", "synthetic_null", "synthetic_shift",
    "lfw_vs_glint", "facenet_casia",
)  # fmt: skip
PAPER = {  # scenario -> whence members and externals are
    "synthetic": "one source",
    "lfw": "one source",
    "synthetic_shift": "two sources",
}
TAPS = ("stage1", "stage2", "stage3", "stage4")
ROWS = (*TAPS, "outcome", "combination", "pixels")
COLUMNS = [
    "scenario", "contrast", "k", "access", "method", "auc", "interval", "control_auc", "p_holm",
    "verdict",
]  # fmt: skip


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
    """Accuracy of Vanilla and CNN MINT by tap beside controls, and beside the paper's figures."""
    sides = [
        _paper_rows(name).reindex(ROWS).reset_index().assign(scenario=name, sides=words)
        for name, words in PAPER.items()
    ]
    table = beside_paper(pd.concat(sides, ignore_index=True), TAPS)
    about = ["scenario", "sides", "aad"]
    return table[[*about, *(name for name in table if name not in about)]].fillna("")


def _paper_rows(scenario: str) -> pd.DataFrame:
    """A row a kind of data, a column a MINT model and network; ``pixels`` have no network."""
    metrics = pd.read_csv(locations.reports() / scenario / "tables" / "metrics.csv", dtype=str)
    asked = {
        "metric": "accuracy", "kind": "mint", "seed": "all", "unit_kind": "image",
        "contrast": "member_vs_external",
    }  # fmt: skip
    some = metrics[(metrics[list(asked)] == pd.Series(asked)).all(axis=1)]
    some = some[some["method"].isin(["vanilla", "cnn"])]
    numbers = some[["value", "low", "high"]].astype(float).itertuples(index=False)
    words = [f"{value:.2f} [{low:.2f}, {high:.2f}]" for value, low, high in numbers]
    untrained = some["target"] == "untrained_twin"
    column = some["method"] + untrained.map({True: ", untrained", False: ""})
    kept = some["target"].isin(["audited", "untrained_twin", "pixels"])
    wide = some.assign(words=words, column=column)[kept]
    wide = wide.pivot(index="aad", columns="column", values="words")
    return wide.reindex(columns=["vanilla", "vanilla, untrained", "cnn", "cnn, untrained"])
