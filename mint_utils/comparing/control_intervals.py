"""What finished reports say in their tables, for those who compare reports."""

from pathlib import Path

import pandas as pd


def rungs_of(report: Path) -> pd.DataFrame:
    """rungs.csv of a report, with ``control_low`` and ``control_high`` from its metrics.csv.

    They are the 95 % interval of the best control's AUC; NaN where it has none.
    """
    rungs = pd.read_csv(report / "tables" / "rungs.csv")
    metrics = pd.read_csv(report / "tables" / "metrics.csv", dtype={"seed": str})
    metrics = metrics[(metrics["metric"] == "auc") & (metrics["seed"] == "all")]
    named = metrics["target"] + ": " + metrics["method"] + " on " + metrics["aad"]
    keys = ["unit_kind", "k", "contrast"]
    known = metrics.assign(best_control=named).set_index([*keys, "best_control"])[["low", "high"]]
    return rungs.assign(**_intervals(rungs, known, keys))


def _intervals(rungs: pd.DataFrame, known: pd.DataFrame, keys: list[str]) -> dict[str, list]:
    low, high = [], []
    for _, rung in rungs.iterrows():
        control = str(rung["best_control"])
        name = control.removesuffix(" (reversed)")
        key = (*rung[keys], name)
        found = tuple(known.loc[key]) if key in known.index else (float("nan"),) * 2
        if name != control:  # the ladder turned the score round
            found = (1 - found[1], 1 - found[0])
        low.append(found[0])
        high.append(found[1])
    return {"control_low": low, "control_high": high}
