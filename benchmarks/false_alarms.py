"""How often does the rule of evidence cry wolf, and how large must a wolf be for it to be seen?

Simulated audits (simulated_audit.py) of known worlds (worlds.py) go through the whole rule as
notebook 05 sends real ones: ladder, verdicts of rungs, verdict of the report. Writes
false_alarms.csv and false_alarms.md.
"""

import argparse
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from pages import clopper_pearson, false_alarms_page, processor_minutes
from simulated_audit import RIVALS, World, simulated
from tqdm import tqdm
from worlds import Cell, null_cells, power_cells, stress_cells

from mint_utils.evidence.rungs import ladder
from mint_utils.evidence.verdict import ORDER, SHOWN, judged, report_verdict

COUNTED = ["rungs", "rungs_shown", "planted_rungs", "planted_rungs_shown"]
COLUMNS = [
    "table", "cell", "persons", "planted_auc", "audits", *ORDER, "share_shown", "low", "high",
    *COUNTED,
]  # fmt: skip


def audit(task: tuple[World, np.random.Generator], resamples: int) -> dict:
    """One simulated audit through the whole rule: its verdict, and its rungs counted."""
    world, rng = task
    steps = ladder(simulated(world, rng), RIVALS, resamples, int(rng.integers(2**31)))
    rungs = judged(steps, world.assignment)
    found = report_verdict(rungs, world.assignment)
    shown = rungs["verdict"] == SHOWN
    planted = (
        (rungs["unit_kind"] == "image")
        & (rungs["contrast"] == "member_vs_external")
        & (rungs["access"] == world.planted_at)
        & (world.planted > 0)
    )
    counts = (len(rungs), shown.sum(), planted.sum(), (planted & shown).sum())
    told = {key: found[key] for key in ("verdict", "sentence")}
    return vars(world) | told | dict(zip(COUNTED, map(int, counts), strict=True))


def summary(cell: Cell, audits: list[dict]) -> dict:
    """A row of false_alarms.csv."""
    verdicts = [a["verdict"] for a in audits]
    row = {"table": cell.table, "cell": cell.name, "persons": cell.persons,
           "planted_auc": cell.auc, "audits": len(audits)}  # fmt: skip
    row |= {verdict: verdicts.count(verdict) for verdict in ORDER}
    low, high = clopper_pearson(row[SHOWN], len(audits))
    row |= {"share_shown": row[SHOWN] / len(audits), "low": low, "high": high}
    return row | {name: sum(a[name] for a in audits) for name in COUNTED}


def tasks(cells: list[Cell], seed: int):
    """A world and the chance it is simulated with, for every audit; the same whoever does it."""
    for place, cell in enumerate(cells):
        for number in range(cell.audits):
            rng = np.random.default_rng([seed, place, number])
            yield cell.draw(rng), rng


def benchmark(
    cells: list[Cell], seed: int, resamples: int, workers: int
) -> tuple[pd.DataFrame, list[dict]]:
    """The table with COLUMNS, and the null audits that said "membership shown"."""
    run, rows, alarms = partial(audit, resamples=resamples), [], []
    total = sum(cell.audits for cell in cells)
    with ProcessPoolExecutor(workers) as pool, tqdm(total=total, unit="audit") as progress:
        do = pool.map if workers > 1 else map
        results = do(run, tasks(cells, seed))
        for cell in cells:
            progress.set_description(f"{cell.table}: {cell.name}, {cell.persons}")
            audits = []
            for number in range(cell.audits):
                audits.append({"cell": cell.name, "number": number} | next(results))
                progress.update()
            rows.append(summary(cell, audits))
            if cell.table == "false alarms":
                alarms += [a for a in audits if a["verdict"] == SHOWN]
    return pd.DataFrame(rows)[COLUMNS], alarms


def asked_for() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--audits", type=int, default=200, help="null audits, over four families")
    parser.add_argument("--stress", type=int, default=40, help="audits a size with faint controls")
    parser.add_argument("--power", type=int, default=8, help="audits a planted effect and size")
    parser.add_argument("--resamples", type=int, default=400, help="of persons, in every audit")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1, help="processes; results do not differ")
    parser.add_argument("--quick", action="store_true", help="a few audits, to see that it runs")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder to write")
    return parser.parse_args()


def main() -> None:
    asked = asked_for()
    if asked.quick:
        cells = [null_cells(1)[1], null_cells(1)[3], stress_cells(1)[0], power_cells(1)[5]]
    else:
        cells = [*null_cells(max(1, asked.audits // 4)), *stress_cells(asked.stress),
                 *power_cells(asked.power)]  # fmt: skip
    table, alarms = benchmark(cells, asked.seed, asked.resamples, asked.workers)
    asked.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(asked.out / "false_alarms.csv", index=False, float_format="%.4g")
    how = {"seed": asked.seed, "resamples": asked.resamples, "minutes": processor_minutes()}
    page = false_alarms_page(table, alarms, how)
    (asked.out / "false_alarms.md").write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
