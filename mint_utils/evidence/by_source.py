"""From fits by source to tables: AUC from source to source, and by the number of sources."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from mint_utils.cross_source import Fit, Fits, external_sources
from mint_utils.evidence.bootstrap import (
    auc_interval,
    auc_over_persons,
    interval,
    person_weights,
)
from mint_utils.evidence.metrics import SortedScores, auc

MATRIX = [
    "fitted_on", "tested_on", "target", "method", "aad", "access", "auc", "low", "high",
    "best_control", "control_auc", "gain", "gain_low", "gain_high", "n_positive_ids",
    "n_negative_ids",
]  # fmt: skip
CURVE = [
    "sources", "tested", "target", "method", "access", "auc", "low", "high", "pairs",
    "n_positive_ids", "n_negative_ids",
]  # fmt: skip


def source_matrix(fits: Fits, resamples: int, seed: int) -> pd.DataFrame:
    """AUC of members against the test externals of ``tested_on``, fitted on ``fitted_on``; MATRIX.

    For each pair of sources one row a target, method and level of access, with the kind of data
    that validation persons inside the fit preferred. ``gain`` is what the audited model has beyond
    the strongest of its controls in this pair, on joint resamples: of each control the same method
    and access, and the one it does best with inside the fit.

    Taught in notebook 04.
    """
    rows = []
    single = [fit for fit in fits.chosen() if len(fit.sources) == 1]
    for tested_on in external_sources(fits.table) if single else []:
        asked, identity, positive = _asked(fits.table, [tested_on])
        weights = person_weights(identity, positive, resamples, seed)
        for fit in single:
            about = {"fitted_on": fit.sources[0], "tested_on": tested_on, "target": fit.target}
            about |= {key: getattr(fit.trial, key) for key in ("method", "aad", "access")}
            about |= auc_over_persons(fit.score[asked], identity, positive, resamples, seed)
            if fit.target == "audited":
                about |= _beside(fit, fits.controls_of(fit), asked, positive, weights)
            rows.append(about)
    return pd.DataFrame(rows, columns=MATRIX)


def _beside(fit: Fit, controls: list[Fit], asked, positive, weights) -> dict:
    """The strongest of the controls, and the gain over it."""
    if not controls:
        return {}
    own = SortedScores(fit.score[asked], positive)
    best = max(controls, key=lambda control: auc(control.score[asked], positive))
    other = SortedScores(best.score[asked], positive)
    value = float(other.auc()[0])
    low, high = interval(own.auc(weights) - other.auc(weights))
    return {
        "best_control": f"{best.target}: {best.trial.method} on {best.trial.aad}",
        "control_auc": value, "gain": float(own.auc()[0]) - value, "gain_low": low,
        "gain_high": high,
    }  # fmt: skip


def source_curve(fits: Fits, resamples: int, seed: int) -> pd.DataFrame:
    """Mean AUC by how many sources of externals were fitted on, images being equally many; CURVE.

    ``tested`` is ``seen`` (sources that were fitted on) or ``unseen``; the mean is over ``pairs``
    of a fit and a tested source, on joint resamples of all test persons. Empty with fewer than
    three sources, which are needed to have one and two of them and one that is unseen.

    Taught in notebook 04.
    """
    sources = external_sources(fits.table)
    if len(sources) < 3 or not fits.found:
        return pd.DataFrame(columns=CURVE)
    everybody, identity, positive = _asked(fits.table, sources)
    weights = person_weights(identity, positive, resamples, seed)
    places = {source: np.isin(everybody, _asked(fits.table, [source])[0]) for source in sources}
    groups: dict[tuple, list] = {}
    for fit in fits.chosen():
        for source in sources:
            inside = places[source]
            ordered = SortedScores(fit.score[everybody][inside], positive[inside])
            tested = "seen" if source in fit.sources else "unseen"
            key = (len(fit.sources), tested, fit.target, *fit.rung)
            pair = (ordered.auc()[0], ordered.auc(weights[:, inside]))
            groups.setdefault(key, []).append(pair)
    m, n = (len(np.unique(identity[side])) for side in (positive, ~positive))
    rows = [(*key, *_mean(pairs, m, n), len(pairs), m, n) for key, pairs in sorted(groups.items())]
    return pd.DataFrame(rows, columns=CURVE)


def _mean(pairs: Iterable[tuple], m: int, n: int) -> tuple[float, float, float]:
    points, resampled = zip(*pairs, strict=True)
    point = float(np.mean(points))
    return point, *auc_interval(point, np.mean(resampled, axis=0), m, n)


def _asked(table: pd.DataFrame, sources: list[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of the test members and of the test externals of some sources; identity, positive."""
    external = (table["role"] == "external") & table["source"].isin(sources)
    asked = (table["split"] == "test") & ((table["role"] == "member") | external)
    rows = np.flatnonzero(asked)
    positive = (table["role"] == "member").to_numpy()[rows]
    return rows, table["identity"].to_numpy()[rows], positive
