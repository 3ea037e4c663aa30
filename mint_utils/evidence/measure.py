"""From scores to metrics.csv: every method on every target, with intervals over persons."""

from itertools import product

import numpy as np
import pandas as pd
from tqdm import tqdm

from mint_utils.albums import of_contrast
from mint_utils.evidence.bootstrap import auc_interval, interval, person_weights
from mint_utils.evidence.metrics import FPRS, SortedScores, best_threshold, share
from mint_utils.faces import CONTRASTS

NOMINAL_FPR = 0.05  # at which tpr_at_threshold and fpr_at_threshold are called
METHOD_KEYS = ["method", "kind", "target", "aad", "access", "seed"]
COLUMNS = [
    "scenario", "unit_kind", "k", "contrast", *METHOD_KEYS, "metric", "value", "low", "high",
    "n_positive_ids", "n_negative_ids",
]  # fmt: skip


def in_contrast(scores: pd.DataFrame, contrast: str) -> pd.DataFrame:
    """The rows of both roles of a contrast, with a bool column ``positive``.

    Of albums only those that match: externals' from the part that members' are drawn from.
    """
    positive, negative = CONTRASTS[contrast]
    rows = scores[scores["role"].isin([positive, negative])]
    is_album = (rows["unit_kind"] == "album").to_numpy()
    if is_album.any():
        matched = ~is_album
        matched[is_album] = of_contrast(rows["unit"][is_album], contrast)
        rows = rows[matched]
    return rows.assign(positive=rows["role"] == positive)


def units_of(scores: pd.DataFrame) -> list[tuple[str, int, pd.DataFrame]]:
    """The scores of images, then of albums by size: (unit_kind, k, rows)."""
    groups = scores.groupby(["unit_kind", "n_images"], sort=False)
    found = [(kind, int(k), rows) for (kind, k), rows in groups]
    return sorted(found, key=lambda group: group[1])


def contrasts_of(scores: pd.DataFrame) -> list[str]:
    """The contrasts whose two roles are both present on the test split.

    Taught in notebook 05.
    """
    roles = set(scores.loc[scores["split"] == "test", "role"])
    return [name for name, pair in CONTRASTS.items() if roles >= set(pair)]


def metrics_table(scores: pd.DataFrame, scenario: str, resamples: int, seed: int) -> pd.DataFrame:
    """All metrics on the test split, thresholds from calibrate, 95 % intervals over persons.

    ``accuracy`` is balanced: the mean of the true-positive and true-negative rates, called at the
    threshold that is best on calibrate. ``tpr_at_threshold`` and ``fpr_at_threshold`` call an
    image a member if its p-value is at most NOMINAL_FPR. What cannot be measured is left out.

    Taught in notebook 05.
    """
    rows = []
    work = [
        (unit_kind, k, units, contrast)
        for (unit_kind, k, units), contrast in product(units_of(scores), CONTRASTS)
        if contrast in contrasts_of(units)
    ]
    for unit_kind, k, units, contrast in tqdm(work, desc="measuring", unit="contrast"):
        weights, drawn_for = None, None
        compared = in_contrast(units, contrast)
        # Whom p-values rank among; shuffled labels have externals of their own.
        known = units[(units["split"] == "calibrate") & (units["role"] == "external")]
        known = known[known["target"] != "shuffled_labels"]
        externals = min(
            in_contrast(known, f"{role}_vs_external")["identity"].nunique()
            for role in set(CONTRASTS[contrast]) - {"external"}
        )
        for keys, some in compared.groupby(METHOD_KEYS, sort=False):
            if some.loc[some["split"] == "test", "positive"].nunique() < 2:
                continue
            test = some[some["split"] == "test"].sort_values("unit")
            identity, positive = test["identity"].to_numpy(), test["positive"].to_numpy()
            asked = (test["unit"].to_numpy(), positive)  # shuffled labels have roles of their own
            if drawn_for is None or not all(map(np.array_equal, drawn_for, asked)):
                weights, drawn_for = person_weights(identity, positive, resamples, seed), asked
            measured = _metrics(some[some["split"] == "calibrate"], test, weights, externals)
            rows += [
                {"scenario": scenario, "unit_kind": unit_kind, "k": k, "contrast": contrast}
                | dict(zip(METHOD_KEYS, keys, strict=True))
                | row
                for row in measured
            ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _metrics(calibrate: pd.DataFrame, test: pd.DataFrame, weights, externals: int) -> list[dict]:
    score, positive = test["score"].to_numpy(), test["positive"].to_numpy()
    m = test.loc[positive, "identity"].nunique()
    n = test.loc[~positive, "identity"].nunique()
    ordered = SortedScores(score, positive)
    point, resampled = ordered.ranking_metrics(), ordered.ranking_metrics(weights)
    for name, fpr in FPRS.items():
        if n < 1 / fpr:  # fewer external persons than could show so small a rate
            point[name], resampled[name] = np.array([np.nan]), np.array([np.nan])
    flags = {}
    if calibrate["positive"].nunique() == 2:
        threshold = best_threshold(calibrate["score"].to_numpy(), calibrate["positive"].to_numpy())
        flags["accuracy"] = score >= threshold
    p_value = test["p_value"].to_numpy()
    if externals >= 1 / NOMINAL_FPR - 1 and np.isfinite(p_value).all():
        flags["tpr_at_threshold"] = flags["fpr_at_threshold"] = p_value <= NOMINAL_FPR
    for name, flag in flags.items():
        for values, some in ((point, None), (resampled, weights)):
            values[name] = _called(name, flag, positive, some)
    rows = []
    for name, value in point.items():
        low, high = interval(resampled[name])
        if name == "auc":
            low, high = auc_interval(value[0], resampled[name], m, n)
        rows.append(
            {"metric": name, "value": float(value[0]), "low": low, "high": high,
             "n_positive_ids": m, "n_negative_ids": n}
        )  # fmt: skip
    return rows


def _called(name: str, flag, positive, weights) -> np.ndarray:
    if weights is None:
        weights = np.ones((1, len(flag)), np.float32)
    true_rate = share(flag[positive], weights[:, positive])
    false_rate = share(flag[~positive], weights[:, ~positive])
    if name == "accuracy":
        return (true_rate + 1 - false_rate) / 2
    return true_rate if name == "tpr_at_threshold" else false_rate


def paper_rows(metrics: pd.DataFrame) -> pd.DataFrame:
    """Accuracy of the MINT models as in the paper's Tables 1 and 4, the controls beside them.

    Rows are taps, outcome and combination; columns ``method, target``; member_vs_external.

    Taught in notebook 05.
    """
    some = metrics[
        (metrics["metric"] == "accuracy") & (metrics["kind"] == "mint")
        & (metrics["seed"] == "all") & (metrics["contrast"] == "member_vs_external")
        & (metrics["unit_kind"] == "image")
    ]  # fmt: skip
    if some.empty:
        return pd.DataFrame(columns=["aad"])
    column = some["method"] + ", " + some["target"]
    wide = some.assign(column=column).pivot(index="aad", columns="column", values="value")
    order = [aad for aad in some["aad"].unique() if aad in wide.index]
    methods = some["method"].unique().tolist()
    columns = sorted(column.unique(), key=lambda name: methods.index(name.partition(",")[0]))
    return wide.loc[order, columns].round(3).reset_index().rename_axis(columns=None)
