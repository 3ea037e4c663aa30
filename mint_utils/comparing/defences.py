"""What a defence costs in recognition and hides of membership: the grid `defences`, summed up."""

from itertools import product

import pandas as pd

from mint_utils.comparing.visibility import rungs_if_run
from mint_utils.evidence.rungs import ACCESS

UNDEFENDED = "undefended"
ASKED = ("member_vs_held_out", "held_out_vs_external")  # was this image used? this person?
COLUMNS = [
    "contrast", "k", "access", "defence", "audits", "recognition", "tar", "auc", "low", "high",
    "control_low", "control_high", "gap",
]  # fmt: skip


def defence_table(name: str = "defences") -> pd.DataFrame:
    """One row a question, number ``k`` of photos, and defence; means over its audits (seeds).

    The rung is that of the auditor who is given most, the same for all defences and whatever came
    out: choosing where most is seen would favour the luckiest. ``low`` and
    ``high`` are the outermost ends of the audits' intervals, ``control_low`` and ``control_high``
    the smallest and the largest AUC of their best controls. ``recognition`` is the verification
    AUC, ``tar`` the TAR at FAR 1 %, both of persons never seen. Where the grid was not run the
    table is empty, and a line says how to run it.

    Taught in notebook 08.
    """
    rungs = rungs_if_run(name)
    return summed_up(rungs) if len(rungs) else pd.DataFrame(columns=COLUMNS)


def summed_up(rungs: pd.DataFrame) -> pd.DataFrame:
    """:func:`defence_table` of the rungs of a grid's audits."""
    known = rungs["factor"].fillna("").astype(str) != ""
    named = rungs.assign(defence=rungs["value"].astype(str).where(known, UNDEFENDED))
    rows = []
    for contrast, k in product(ASKED, sorted(rungs["k"].unique())):
        some = named[(named["contrast"] == contrast) & (named["k"] == k)]
        base = set(some.loc[some["defence"] == UNDEFENDED, "access"])
        given = [access for access in ACCESS if access in base]
        if not given:
            continue
        about = {"contrast": contrast, "k": k, "access": given[-1]}
        for defence, audits in some[some["access"] == given[-1]].groupby("defence", sort=False):
            rows.append(about | {"defence": defence} | _over_audits(audits))
    return pd.DataFrame(rows, columns=COLUMNS)


def _over_audits(audits: pd.DataFrame) -> dict:
    means = audits[["recognition", "tar", "auc", "gap"]].mean().to_dict()
    ends = {"low": audits["low"].min(), "high": audits["high"].max()}
    controls = audits["control_auc"]
    return {"audits": len(audits)} | means | ends | {
        "control_low": controls.min(), "control_high": controls.max(),
    }  # fmt: skip
