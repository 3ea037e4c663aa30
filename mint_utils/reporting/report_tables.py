"""The tables of a run as its page shows them: the rows that matter, in the order of the ladder."""

from pathlib import Path

import pandas as pd

ACCESS = ("outcome", "activations", "twin", "head_blind", "head_named")
CONTRASTS = ("member_vs_external", "member_vs_held_out", "held_out_vs_external")
ROLES = ("member", "held_out", "external", "query")
SPLITS = ("fit", "calibrate", "test")
COLUMNS = {
    "rungs": "access unit_kind k contrast method auc low high best_control control_auc gain "
    "gain_low gain_high p p_holm verdict",
    "metrics": "unit_kind contrast method kind target aad seed metric value low high",
    "faces": "image_id identity source role split",
    "thresholds": "access unit_kind k contrast method nominal_fpr fpr fpr_upper tpr tpr_low "
    "tpr_high ppv_at_1pct ppv_at_10pct ppv_at_50pct note",
    "subgroups": "group n_persons n_images method access fpr low high small",
    "source_out": "source target method aad persons fpr low high note",
    "swapped": "contrast unit_kind k method aad access auc_a a_low a_high auc_b b_low b_high "
    "auc_difference difference_low difference_high",
}
CALLED_AT = 0.05  # the nominal false-positive rate that the page shows


def read_table(folder: Path, name: str) -> pd.DataFrame:
    """A table of the run with the columns a page needs, blanks as None; no rows if missing."""
    columns = COLUMNS[name].split()
    try:  # a person may be called NA, so only an empty cell is a blank
        table = pd.read_csv(
            folder / "tables" / f"{name}.csv",
            keep_default_na=False,
            na_values=["", "nan"],
            dtype={"group": str},
        )
    except (FileNotFoundError, pd.errors.EmptyDataError):
        return pd.DataFrame(columns=columns)
    table = table.reindex(columns=columns).astype(object)
    return table.where(table.notna(), None)


def _rank(order: tuple[str, ...], word: str) -> int:
    return order.index(word) if word in order else len(order)


def by_contrast(rungs: pd.DataFrame) -> dict[str, list[dict]]:
    """Rows of rungs by contrast, from the least access to the most, small albums first."""
    rows = rungs.to_dict("records")
    rows.sort(
        key=lambda r: (_rank(CONTRASTS, r["contrast"]), _rank(ACCESS, r["access"]), r["k"] or 0)
    )
    return {
        c: [r for r in rows if r["contrast"] == c]
        for c in dict.fromkeys(r["contrast"] for r in rows)
    }


def called(thresholds: pd.DataFrame) -> pd.DataFrame:
    """The rows at the rate that the page shows, of rungs at which a threshold can be called."""
    return thresholds[(thresholds["nominal_fpr"] == CALLED_AT) & thresholds["fpr"].notna()]


def by_access(subgroups: pd.DataFrame) -> dict[str, list[dict]]:
    """Rows of subgroups that could be called, by access, from the least to the most."""
    some = subgroups[subgroups["fpr"].notna()]
    levels = sorted(some["access"].unique(), key=lambda access: _rank(ACCESS, access))
    return {access: some[some["access"] == access].to_dict("records") for access in levels}


def turned_round(swapped: pd.DataFrame) -> list[dict]:
    """Image and album rows of the paper's contrast, the clearest difference first; ten at most."""
    some = swapped[swapped["contrast"] == CONTRASTS[0]]
    return some.sort_values("auc_difference", ascending=False).head(10).to_dict("records")


def methods_beside_controls(metrics: pd.DataFrame) -> dict:
    """Every method on single images, for the paper's contrast (or the first there is).

    ``rows`` maps a kind to its methods on the audited model, each with the AUC of the same method
    on every one of ``controls``; ``pixels`` are methods that look at no model.
    """
    images = metrics[(metrics["seed"].astype(str) == "all") & (metrics["unit_kind"] != "album")]
    if images.empty:
        return {}
    contrast = min(images["contrast"].unique(), key=lambda word: _rank(CONTRASTS, word))
    found: dict[tuple, dict] = {}
    for row in images[images["contrast"] == contrast].to_dict("records"):
        key = (row["target"], row["kind"], row["method"], row["aad"])
        found.setdefault(key, {})[row["metric"]] = row
    targets = {target for target, *_ in found}
    twins = ("untrained_twin", "reference_twin", "shuffled_labels")
    controls = [target for target in twins if target in targets]
    table = {"contrast": contrast, "controls": controls, "rows": {}, "pixels": []}
    for (target, kind, method, aad), values in found.items():
        if "auc" not in values or target not in ("audited", "pixels"):
            continue
        row = {
            "method": method,
            "aad": aad,
            "auc": values["auc"],
            "accuracy": values.get("accuracy", {}).get("value"),
            "tpr": values.get("tpr_at_5pct_fpr", {}).get("value"),
            "controls": [found.get((c, kind, method, aad), {}).get("auc") for c in controls],
        }
        same = table["pixels"] if target == "pixels" else table["rows"].setdefault(kind, [])
        same.append(row)
    return table


def counted_faces(faces: pd.DataFrame) -> dict:
    """Images and persons for each role and source (rows) and split (columns)."""
    groups = faces.where(faces.notna(), "").groupby(["role", "source", "split"])
    counts = groups.agg(images=("image_id", "size"), persons=("identity", "nunique"))
    cells = counts.to_dict("index")
    splits = sorted({split for *_, split in cells}, key=lambda s: _rank(SPLITS, s))
    sides = sorted({(role, source) for role, source, _ in cells}, key=lambda s: _rank(ROLES, s[0]))
    rows = [
        {"role": role, "source": source, "counts": [cells.get((role, source, s)) for s in splits]}
        for role, source in sides
    ]
    return {"splits": splits, "rows": rows}
