"""When is membership visible? What the audits of a grid say together, for notebook 08."""

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from mint_utils import locations
from mint_utils.comparing.grid_tables import finished_grids, grid_cells, grid_rungs, read_grid

KEYS = ["contrast", "k", "access"]
FEW = 5  # audits from which an order can be spoken of


def factor_cells(name: str = "factors") -> pd.DataFrame:
    """The finished cells of a grid; FileNotFoundError, with the command, if there is none.

    Taught in notebook 08.
    """
    return grid_cells(_finished(name))


def factor_rungs(name: str = "factors") -> pd.DataFrame:
    """The rungs of the finished cells of a grid; FileNotFoundError, with the command, if none.

    Taught in notebook 08.
    """
    return grid_rungs(_finished(name))


def rungs_if_run(name: str) -> pd.DataFrame:
    """The rungs of a grid's finished cells; empty, with a line that says what to run, if none.

    Taught in notebook 08.
    """
    if name in finished_grids():
        return grid_rungs(read_grid(name))
    print(f"No grid `{name}` yet: `mint-study grid {name}` runs it, then this section is full.")
    return pd.DataFrame()


def follows_gap(rungs: pd.DataFrame) -> pd.DataFrame:
    """How far a rung's AUC follows the generalisation gap, over the audits of a grid.

    One row a rung: ``audits``, ``rho`` (Spearman) with its ``p`` (two-sided, audits taken for
    independent, which those of one seed are not quite), mean AUC of the third with the smallest
    and of the third with the largest gap. Rungs of fewer than FEW audits are left out.

    Taught in notebook 08.
    """
    rows = []
    for keys, some in rungs[rungs["gap"].notna()].groupby(KEYS, sort=False):
        if len(some) < FEW:
            continue
        ordered = some.sort_values("gap")["auc"].to_numpy()
        third = max(1, len(ordered) // 3)
        found = spearmanr(some["gap"], some["auc"])
        rows.append(
            dict(zip(KEYS, keys, strict=True))
            | {"audits": len(some), "rho": found.statistic, "p": float(f"{found.pvalue:.1g}")}
            | {"small_gap": ordered[:third].mean(), "large_gap": ordered[-third:].mean()}
        )
    columns = [*KEYS, "audits", "rho", "p", "small_gap", "large_gap"]
    table = pd.DataFrame(rows, columns=columns)
    return table.round({"rho": 3, "small_gap": 3, "large_gap": 3})


def changes(rungs: pd.DataFrame) -> pd.DataFrame:
    """What each changed factor does to each rung: mean AUC over its audits, minus the base's.

    One row a factor and value, a column a rung of single images; the last columns are the change
    of the generalisation gap and of recognition.

    Taught in notebook 08.
    """
    single = rungs[rungs["k"] == 1].copy()
    single["rung"] = single["contrast"] + ", " + single["access"]
    setting = single["factor"].str.split(".").str[-1] + " " + single["value"].astype(str)
    single["setting"] = np.where(single["factor"] == "", "base", setting)
    wide = single.pivot_table(index="setting", columns="rung", values="auc", aggfunc="mean")
    also = single.groupby("setting")[["gap", "recognition"]].mean()
    whole = wide.join(also)
    return (whole - whole.loc["base"]).drop(index="base").round(3)


def _finished(name: str):
    if name not in finished_grids():
        raise FileNotFoundError(
            f"no audit of the grid {name!r} under {locations.reports() / '_grids'}: run "
            f"`mint-study grid {name}` first"
        )
    return read_grid(name)
