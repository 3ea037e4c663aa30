"""The long table of scores: its columns, and a p-value for every unit of the test split."""

from pathlib import Path

import numpy as np
import pandas as pd

from mint_utils.evidence.conformal import image_p_values
from mint_utils.evidence.metrics import auc
from mint_utils.trials import Trial

COLUMNS = [
    "unit", "unit_kind", "identity", "n_images", "split", "role", "method", "kind", "target",
    "aad", "access", "seed", "score", "p_value",
]  # fmt: skip


def as_rows(
    units: pd.DataFrame, trial: Trial, target: str, seed: str, score: np.ndarray, k: int = 1
) -> pd.DataFrame:
    """Rows of the score table for images (``k`` = 1) or albums of ``k`` images; NaN left out.

    ``units`` has ``unit`` or ``image_id``, ``identity``, ``split``, ``role``. Raises
    FloatingPointError if a method gives no score to anybody outside fit whom it can be asked about.
    """
    kept = np.isfinite(score)
    outside = (units["split"] != "fit").to_numpy()
    if trial.aad != "named" and not kept[outside].all():  # strangers have no class of their own
        raise FloatingPointError(f"{trial.method} on {target} {trial.aad} gave scores that are NaN")
    known = kept & (units["split"] == "calibrate") & (units["role"] == "external")
    if target == "swapped_halves":  # to that model the externals are its members
        known = known & False
    p_value = image_p_values(score, score[known], units["identity"][known].to_numpy())
    rows = units.rename(columns={"image_id": "unit"})[["unit", "identity", "split", "role"]]
    rows = rows.assign(
        unit_kind="image" if k == 1 else "album", n_images=k, method=trial.method,
        kind=trial.kind, target=target, aad=trial.aad, access=trial.access, seed=seed, score=score,
        p_value=np.where(units["split"] == "test", p_value, np.nan),
    )  # fmt: skip
    return rows.loc[kept, COLUMNS]


def joined(images: pd.DataFrame, albums: pd.DataFrame, models: Path) -> pd.DataFrame:
    """Both tables in one; what new scores have to be ranked among is kept beside the detectors.

    Taught in notebook 04.
    """
    there = [table for table in (images, albums) if len(table)]  # an empty one has no types
    scores = pd.concat(there, ignore_index=True)[COLUMNS]
    models.mkdir(parents=True, exist_ok=True)
    scores[scores["split"] == "calibrate"].to_parquet(models / "calibrate.parquet", index=False)
    return scores


def validation_choice(scores: pd.DataFrame, target: str) -> pd.DataFrame:
    """Image scores of the method and AAD that does best on the validation persons inside fit.

    Where nothing was fitted, the first method of that target.

    Taught in notebook 04.
    """
    chosen = (scores["target"] == target) & (scores["seed"] == "all")
    images = scores[chosen & (scores["unit_kind"] == "image")]
    groups = [rows for _, rows in images.groupby(["method", "aad"], sort=False)]
    return max(groups, key=_validation_auc) if groups else images


def _validation_auc(rows: pd.DataFrame) -> float:
    fit = rows[(rows["split"] == "fit") & rows["role"].isin(["member", "external"])]
    reached = auc(fit["score"].to_numpy(), (fit["role"] == "member").to_numpy()) if len(fit) else 0
    return np.nan_to_num(reached)
