"""The tables of results.md on the experiments beside the audits.

Gradients, sources, models, samples, aMINT, defences, knowledge.
"""

import json
from pathlib import Path

import pandas as pd

from mint_utils import locations
from mint_utils.comparing.defences import defence_table
from mint_utils.comparing.knowledge import knowledge_table
from mint_utils.comparing.visibility import factor_cells, factor_rungs

WHAT_GRADIENTS_KNOW = (  # (method, aad): gradients, and what could explain them
    ("gradient", "class_gradient"), ("gradient", "mirror_gradient"), ("head_max", "head"),
    ("head_entropy", "head"), ("vanilla", "combination"), ("vanilla", "pixels"),
)  # fmt: skip
TARGETS = {"audited": "the head", "untrained_twin": "a twin's", "pixels": "pixels"}


def gradients() -> pd.DataFrame:
    """AUC of gradients beside what could explain them; ``rho``: Spearman to head_max on test."""
    report = locations.reports() / "synthetic_gradient"
    metrics = pd.read_csv(report / "tables" / "metrics.csv", dtype={"seed": str})
    some = metrics[(metrics["metric"] == "auc") & (metrics["seed"] == "all")]
    asked = pd.MultiIndex.from_tuples(WHAT_GRADIENTS_KNOW)
    some = some[pd.MultiIndex.from_frame(some[["method", "aad"]]).isin(asked)]
    some = some[some["contrast"].isin(["member_vs_external", "member_vs_held_out"])]
    # Roles exchanged over persons leave each person's own photos as they are: no null there.
    within = (some["target"] == "shuffled_labels") & (some["contrast"] == "member_vs_held_out")
    some = some[~within]
    keys = ["method", "aad", "target"]
    wide = some.assign(auc=_with_interval(some)).pivot(index=keys, columns="contrast", values="auc")
    return wide.join(_rho(report)).reset_index().fillna("")


def _rho(report: Path) -> pd.Series:
    scores = pd.read_parquet(report / "tables" / "scores.parquet")
    test = scores[(scores["split"] == "test") & (scores["seed"] == "all")]
    test = test[(test["target"] == "audited") & (test["unit_kind"] == "image")]
    wide = test.pivot(index="unit", columns=["method", "aad"], values="score")
    rho = wide.corrwith(wide[("head_max", "head")], method="spearman").round(2)
    rho.index = pd.MultiIndex.from_tuples([(*pair, "audited") for pair in rho.index])
    return rho.rename_axis(["method", "aad", "target"]).rename("rho")


def sources() -> pd.DataFrame:
    """From source to source: AUC where a detector was fitted, and elsewhere, with intervals.

    Means over pairs of sources come with the interval of number_of_sources.csv, the worst pair and
    strangers in the members' style with those of cross_source.csv (of a mean, its outermost ends).
    """
    keys, found = ["method", "access", "target"], []
    for name in ("synthetic_sources", "synthetic_sources_null"):
        tables = locations.reports() / name / "tables"
        curve = pd.read_csv(tables / "number_of_sources.csv")
        curve = curve[curve["sources"] == 1].set_index(keys)
        matrix = pd.read_csv(tables / "cross_source.csv")
        away = matrix[matrix["fitted_on"] != matrix["tested_on"]]
        styled = matrix[matrix["tested_on"] == "studio"]  # strangers in the members' style
        own = styled[styled["fitted_on"] != "studio"].groupby(keys, sort=False)
        worst = away.loc[away.groupby(keys, sort=False)["auc"].idxmin()].set_index(keys)
        parts = {
            "at home": curve[curve["tested"] == "seen"],
            "elsewhere": curve[curve["tested"] == "unseen"],
            "at worst": worst,
            "the members' style, fitted on others": own.agg(
                {"auc": "mean", "low": "min", "high": "max"}
            ),
            "the members' style, fitted on it": styled[styled["fitted_on"] == "studio"].set_index(
                keys
            ),
        }
        said = {what: pd.Series(_with_interval(p, "auc"), p.index) for what, p in parts.items()}
        found.append(pd.DataFrame(said).reset_index().assign(scenario=name))
    return pd.concat(found, ignore_index=True)[["scenario", *found[0].columns[:-1]]]


def number_of_sources() -> pd.DataFrame:
    """AUC on a source that was not fitted on, by the number of sources that were."""
    file = locations.reports() / "synthetic_sources" / "tables" / "number_of_sources.csv"
    curve = pd.read_csv(file)
    unseen = curve[curve["tested"] == "unseen"]
    keys = ["method", "access", "target"]
    wide = unseen.assign(auc=_with_interval(unseen, "auc")).pivot(
        index=keys, columns="sources", values="auc"
    )
    return wide.add_suffix(" in fit").reset_index().rename_axis(columns=None)


def defences() -> pd.DataFrame:
    """Recognition and membership by defence."""
    return defence_table().round(3)


def models() -> pd.DataFrame:
    """From model to model: AUC on a model fitted on, and on others by how their channels came.

    Means over pairs in both directions with the outermost ends of their intervals. ``other``: the
    model that was trained on exactly the other half, so that every role is turned round, or
    references, whose members have nothing to do with the roles of the audited model.
    """
    report = locations.reports() / "synthetic_swapped"
    table = pd.read_csv(report / "tables" / "cross_model.csv")
    itself = table[table["fitted_on"] == table["tested_on"]]
    pairs = table[table["fitted_on"] != table["tested_on"]]
    names = pairs["fitted_on"].where(pairs["fitted_on"] != "audited", pairs["tested_on"])
    pairs = pairs.assign(other=names.str.split(".").str[0])
    keys, found = ["method", "aad"], []
    for other, some in pairs.groupby("other", sort=False):
        models = some["network"] == some["tested_on"]
        parts = {
            "the model itself": itself[itself["network"] == itself["tested_on"]],
            "another, as it comes": some[models & some["channels"].isin(["unmatched", "none"])],
            "another, channels matched": some[models & (some["channels"] == "matched")],
            "the roles on the untrained twin": some[some["network"] == "untrained_twin"],
            "the roles on pixels": some[some["network"] == "pixels"],
        }
        means = {what: _mean_with_ends(part, keys) for what, part in parts.items()}
        found.append(pd.DataFrame(means).reset_index().assign(other=other))
    return pd.concat(found)[["other", *keys, *parts]].fillna("")


def _mean_with_ends(rows: pd.DataFrame, keys: list[str]) -> pd.Series:
    asked = {"auc": "mean", "low": "min", "high": "max"}
    some = rows.dropna(subset="auc").groupby(keys, sort=False).agg(asked)
    return pd.Series(_with_interval(some, "auc"), some.index, dtype=object)


def samples() -> pd.DataFrame:
    """AUC by the number of images for detectors, members from another source or drawn by chance."""
    rungs = factor_rungs("samples")
    some = rungs[(rungs["contrast"] == "member_vs_external") & (rungs["k"] == 1)]
    sides = some["value"].where(some["factor"] == "variant", "two sources")
    table = some.assign(members=sides, samples=some["detectors.samples"])
    about = ["members", "samples", "access", "method", "auc", "low", "high", "best_control"]
    controls = ["control_auc", "control_low", "control_high"]
    return table[[*about, *controls]].sort_values(about[:2], kind="stable").round(2)


def amint() -> pd.DataFrame:
    """A row an audit: what the MINT head costs, and its AUC evaluated wrongly and rightly.

    ``weight`` is that of the MINT loss in the model: with 0 its gradient stops at the head, but
    batch norm sees the strangers that the head is told of; ``no head`` is the model without any.
    """
    found = []
    for _, cell in factor_cells("amint").iterrows():
        report = locations.reports() / "_grids" / "amint" / cell["cell"]
        spec = json.loads((report / "manifest.json").read_text())["scenario"]["audited_model"]
        known = {**cell[["seed", "recognition", "tar"]]}
        if not spec["amint"]:
            found.append({"weight": "no head"} | known)
            continue
        table = pd.read_csv(report / "tables" / "amint.csv")
        names = [f"{evaluation}, {TARGETS[target]}" for evaluation, target in
                 zip(table["evaluation"], table["target"], strict=True)]  # fmt: skip
        said = dict(zip(names, _with_interval(table, "auc"), strict=True))
        found.append({"weight": f"{spec['amint']['weight']:g}"} | known | said)
    table = pd.DataFrame(found).sort_values(["weight", "seed"], ascending=[False, True])
    return table.round(3).fillna("")


def knowledge() -> pd.DataFrame:
    """AUC by the number of known member images; one_class, which needs none, only once."""
    table = knowledge_table().round(2)
    return table[(table["asked"] == "the rung") | (table["known_members"] == "0")]


def _with_interval(rows: pd.DataFrame, column: str = "value") -> list[str]:
    triples = rows[[column, "low", "high"]].itertuples(index=False)
    return [f"{value:.2f} [{low:.2f}, {high:.2f}]" for value, low, high in triples]
