"""What an auditor finds by how many members they know: the grid `knowledge`, summed up."""

import numpy as np
import pandas as pd

from mint_utils import one_class
from mint_utils.comparing.grid_tables import grid_cells, read_grid
from mint_utils.comparing.visibility import rungs_if_run
from mint_utils.grid import folder_of

KEY = "detectors.known_members"
ALL = "all"
CONTRAST = "member_vs_external"
COLUMNS = [
    "known_members", "k", "access", "asked", "methods", "audits", "auc", "low", "high",
    "control_auc",
]  # fmt: skip


def knowledge_table(name: str = "knowledge") -> pd.DataFrame:
    """One row a number of known member images, ``k`` photos, and level of access; COLUMNS.

    ``asked`` is the rung, with the ``methods`` that validation persons chose, or one_class,
    distance from strangers, which needs no member, chosen or not. Means over the audits (seeds)
    that differ in nothing else; ``low`` and ``high`` are the outermost ends of their intervals,
    ``control_auc`` is the mean of the best controls, of one_class its own on the untrained twin.
    Where the grid was not run the table is empty, and a line says how to run it.

    Taught in notebook 08.
    """
    rungs = rungs_if_run(name)
    if rungs.empty:
        return pd.DataFrame(columns=COLUMNS)
    chosen = rungs[(rungs["contrast"] == CONTRAST) & rungs["k"].isin([1, 4])]
    both = [chosen.assign(asked="the rung"), _unlike_strangers(name)]
    return summed_up(pd.concat(both, ignore_index=True))


def summed_up(rows: pd.DataFrame) -> pd.DataFrame:
    """:func:`knowledge_table` of rows of audits; those that change anything else are left out."""
    rows = rows[rows["factor"].isin(["", KEY])]
    known = pd.to_numeric(rows["value"].where(rows["factor"] == KEY, np.inf))
    keys = ["known_members", "k", "access", "asked"]
    table = rows.assign(known_members=known).groupby(keys, sort=False).agg(
        methods=("method", lambda names: ", ".join(dict.fromkeys(names))), audits=("auc", "size"),
        auc=("auc", "mean"), low=("low", "min"), high=("high", "max"),
        control_auc=("control_auc", "mean"),
    )  # fmt: skip
    table = table.reset_index().sort_values(keys[:2], kind="stable", ignore_index=True)
    words = [ALL if np.isinf(count) else f"{count:.0f}" for count in table["known_members"]]
    return table.assign(known_members=words)[COLUMNS]


def _unlike_strangers(name: str) -> pd.DataFrame:
    """AUC of one_class in every audit, on the audited model and on its untrained twin."""
    grid, found = read_grid(name), []
    for _, cell in grid_cells(grid).iterrows():
        file = folder_of(grid) / cell["cell"] / "tables" / "metrics.csv"
        metrics = pd.read_csv(file, dtype={"seed": str})
        asked = (metrics["method"] == one_class.NAME) & (metrics["metric"] == "auc")
        asked &= (metrics["contrast"] == CONTRAST) & metrics["k"].isin([1, 4])
        some = metrics[asked & (metrics["seed"] == "all")]
        keys = ["k", "access", "method", "aad"]
        of = {t: some[some["target"] == t].set_index(keys) for t in ("audited", "untrained_twin")}
        rows = of["audited"].assign(control_auc=of["untrained_twin"]["value"]).reset_index()
        rows = rows.assign(auc=rows["value"], method=rows["method"] + " on " + rows["aad"])
        known = {key: cell[key] for key in ("factor", "value")} | {"asked": one_class.NAME}
        found.append(
            rows[["k", "access", "method", "auc", "low", "high", "control_auc"]].assign(**known)
        )
    return pd.concat(found, ignore_index=True)
