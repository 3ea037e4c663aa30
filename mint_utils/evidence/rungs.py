"""The access ladder: at each level of access, one method chosen inside fit, beside its controls.

rungs.csv in one function. Every choice looks at validation persons inside fit; test is looked at
once, for the chosen ones.
"""

import numpy as np
import pandas as pd
from tqdm import tqdm

from mint_utils.albums import SIGNALS
from mint_utils.evidence.bootstrap import auc_interval, interval, one_sided_p, person_weights
from mint_utils.evidence.measure import contrasts_of, in_contrast, units_of
from mint_utils.evidence.metrics import SortedScores, auc
from mint_utils.evidence.permutation import gain_p, label_p

FEWEST_WITH_ALBUMS = 10  # persons on each side of test from whom on an album rung is asked
FEW_PERSONS = 20  # on a side; below it exact permutation replaces the bootstrap
ACCESS = ["outcome", "activations", "twin", "head_blind", "head_named"]  # from least to most
CONTROLS = ["untrained_twin", "reference_twin", "pixels"]  # targets that a rung is compared with
COLUMNS = [
    "access", "unit_kind", "k", "contrast", "method", "auc", "low", "high", "best_control",
    "control_auc", "gain", "gain_low", "gain_high", "p", "p_holm", "verdict",
]  # fmt: skip


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's step-down adjustment of p-values (Scand. J. Statist. 6, 1979).

    >>> holm(np.array([0.01, 0.04])).round(3).tolist()
    [0.02, 0.04]
    """
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p))))
    adjusted = np.empty_like(stepped)
    adjusted[order] = np.minimum(stepped, 1)
    return adjusted


def ladder(scores: pd.DataFrame, rivals: tuple, resamples: int, seed: int) -> pd.DataFrame:
    """One row a rung: COLUMNS without the verdicts, and what the verdict rule needs beside them.

    ``rivals`` is the scenario's list, whose order decides where nothing is fitted. The extra
    columns are ``p_chance`` (AUC <= 0.5) and ``p_below`` (AUC >= 0.5), ``upper`` (one-sided 95 %
    bound), ``control_p`` (the smallest over controls, Holm), ``m`` and ``n`` (persons a side).

    Taught in notebook 05.
    """
    rows = []
    work = [
        (unit_kind, k, contrast, units)
        for unit_kind, k, units in units_of(scores[scores["seed"] == "all"])
        for contrast in contrasts_of(units)
    ]
    for unit_kind, k, contrast, units in tqdm(work, desc="beside controls", unit="contrast"):
        some = in_contrast(units, contrast)
        if unit_kind == "album" and not _enough_persons(some):
            continue
        candidates = _candidates(some, (*SIGNALS[:1], *rivals, *SIGNALS[1:]))
        rung = {"unit_kind": unit_kind, "k": k, "contrast": contrast}
        rows += [
            {"access": access} | rung | measured
            for access in ACCESS
            if (measured := _rung(candidates, access, resamples, seed))
        ]
    table = pd.DataFrame(rows)
    if len(table):
        table["p_holm"] = holm(table["p"].to_numpy())
        for name in ("p_chance", "p_below"):
            table[f"{name}_holm"] = holm(table[name].to_numpy())
    return table


def _enough_persons(some: pd.DataFrame) -> bool:
    """Albums are asked about where enough persons have as many photos: each question has a price.

    The number of persons is known before any score is; what it decides cannot favour a result.
    """
    test = some[some["split"] == "test"]
    sides = test.groupby("positive")["identity"].nunique()
    return len(sides) == 2 and sides.min() >= FEWEST_WITH_ALBUMS


def _rung(candidates: list[dict], access: str, resamples: int, seed: int) -> dict | None:
    """The access level's chosen method beside each control's own best; None if it has none."""
    chosen = _best(candidates, target="audited", access=access)
    if chosen is None:
        return None
    units = chosen["test"]["unit"].to_numpy()  # what cannot be asked of all stands beside nothing
    comparable = [c for c in candidates if np.array_equal(c["test"]["unit"], units)]
    controls = [
        control
        for target in CONTROLS
        for control in _controls(comparable, target, chosen["fitted"])
    ]
    return _measured(chosen, controls, resamples, seed)


def scores_of(scores: pd.DataFrame, rung: dict) -> pd.DataFrame:
    """Scores of a rung's method on every target that has it, oriented as the rung has them.

    The pixels target has no taps and no head: there Vanilla MINT stands in for what it lacks.

    Taught in notebook 05.
    """
    method, _, aad = rung["method"].removesuffix(" (reversed)").partition(" on ")
    sign = -1 if rung["method"].endswith("(reversed)") else 1
    some = scores[(scores["seed"] == "all") & (scores["n_images"] == rung["k"])]
    some = in_contrast(some[some["target"].isin(["audited", *CONTROLS])], rung["contrast"])
    blind = some.loc[some["target"] == "pixels", "method"].unique()
    on_pixels = next((m for m in (method, "vanilla", *blind) if m in blind), method)
    wanted = np.where(
        some["target"] == "pixels",
        some["method"] == on_pixels,
        (some["method"] == method) & (some["aad"] == aad),
    )
    return some[wanted].assign(score=lambda rows: sign * rows["score"])


def _candidates(some: pd.DataFrame, rivals: tuple) -> list[dict]:
    """Every method and AAD on every target with its score on validation persons inside fit."""
    found = []
    for keys, rows in some.groupby(["target", "access", "kind", "method", "aad"], sort=False):
        target, access, kind, method, aad = keys
        fit, test = rows[rows["split"] == "fit"], rows[rows["split"] == "test"]
        if test["positive"].nunique() < 2:
            continue
        chosen_by, sign = np.nan, 1
        fitted = fit["positive"].nunique() == 2  # fit can choose for this contrast
        if fitted:
            chosen_by = auc(fit["score"].to_numpy(), fit["positive"].to_numpy())
            if kind == "rival" and chosen_by < 0.5:  # orientation is chosen inside fit as well
                chosen_by, sign = 1 - chosen_by, -1
        elif kind == "rival":  # nothing was fitted: the order of the scenario decides
            chosen_by = -rivals.index(method) if method in rivals else -len(rivals)
        found.append(
            {"target": target, "access": access, "method": method, "aad": aad, "sign": sign,
             "chosen_by": chosen_by, "fitted": fitted, "test": test.sort_values("unit")}
        )  # fmt: skip
    return found


def _controls(candidates: list[dict], target: str, fitted: bool) -> list[dict]:
    """A control's own best method; all of them where nothing was fitted that could choose."""
    if not fitted:
        return [c for c in candidates if c["target"] == target]
    best = _best(candidates, target)
    return [best] if best else []


def _best(candidates: list[dict], target: str, access: str | None = None):
    """The candidate that validation prefers; with nothing fitted, the scenario's first."""
    some = [
        c
        for c in candidates
        if c["target"] == target
        and (access is None or c["access"] == access)
        and np.isfinite(c["chosen_by"])
    ]
    return max(some, key=lambda c: c["chosen_by"], default=None)


def _measured(chosen: dict, controls: list[dict], resamples: int, seed: int) -> dict:
    test = chosen["test"]
    identity, positive = test["identity"].to_numpy(), test["positive"].to_numpy()
    m, n = (test.loc[side, "identity"].nunique() for side in (positive, ~positive))
    fewer = min(m, n)
    few = fewer < FEW_PERSONS
    weights = person_weights(identity, positive, resamples, seed)
    score = chosen["sign"] * test["score"].to_numpy()
    point = auc(score, positive)
    resampled = SortedScores(score, positive).auc(weights)
    low, high = auc_interval(point, resampled, m, n)
    p_chance, p_below = (
        label_p(side * score, identity, positive)
        if few
        else one_sided_p(side * point, side * resampled, side * 0.5, fewer)
        for side in (1, -1)
    )
    out = {
        "method": _named(chosen), "auc": point, "low": low, "high": high,
        "p_chance": p_chance, "p_below": p_below,
        "upper": float(np.nanquantile(resampled, 0.95)), "m": m, "n": n,
        "constant": bool(np.ptp(score) == 0),
    }  # fmt: skip
    beside = [
        _beside(control, score, resampled, point, identity, positive, weights, fewer)
        for control in controls
    ]
    if not beside:
        raise ValueError(f"no control can stand beside {_named(chosen)}")
    strongest = max(beside, key=lambda control: control["control_auc"])
    out |= {key: strongest[key] for key in
            ("best_control", "control_auc", "gain", "gain_low", "gain_high")}  # fmt: skip
    out["p"] = max(p_chance, *(control["gain_p"] for control in beside))
    out["control_p"] = float(holm(np.array([c["chance_p"] for c in beside])).min())
    out["control_upper"] = max(control["upper"] for control in beside)
    return out


def _beside(control, score, resampled, point, identity, positive, weights, fewer) -> dict:
    """One control against the rung, on the same images and the same resamples of persons."""
    other = control["sign"] * control["test"]["score"].to_numpy()
    value = auc(other, positive)
    reversed_too = not control["fitted"] and value < 0.5
    if reversed_too:  # its orientation was not chosen in fit: take the stronger reading
        other, value = -other, 1 - value
    again = SortedScores(other, positive).auc(weights)
    gain_low, gain_high = interval(resampled - again)
    if fewer < FEW_PERSONS:
        chance_p = label_p(other, identity, positive)
        gain = gain_p(score, other, identity, positive)
    else:
        chance_p = one_sided_p(value, again, 0.5, fewer)
        gain = one_sided_p(point - value, resampled - again, 0.0, fewer)
    return {
        "best_control": f"{control['target']}: {_named(control, reversed_too)}",
        "control_auc": value, "gain": point - value, "gain_low": gain_low, "gain_high": gain_high,
        "upper": float(np.nanquantile(again, 0.95)), "gain_p": gain,
        "chance_p": chance_p if control["fitted"] else min(1.0, 2 * chance_p),
    }  # fmt: skip


def _named(candidate: dict, reversed_too: bool = False) -> str:
    turned = " (reversed)" if (candidate["sign"] < 0) != reversed_too else ""
    return f"{candidate['method']} on {candidate['aad']}{turned}"
