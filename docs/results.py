"""Write results.md, its tables and its figures from the reports that are here.

    python docs/results.py

Reads the finished reports of SCENARIOS, the grids, and what experiments.py names. Nothing in
results.md is typed by hand but its prose: tests/test_results.py compares it with the tables.
"""

import json
import shutil
from datetime import date
from pathlib import Path

import experiments
import pandas as pd

from mint_utils import locations
from mint_utils.comparing.defences import defence_table
from mint_utils.comparing.visibility import changes, factor_cells, factor_rungs, follows_gap
from mint_utils.evidence.paper import beside_paper
from mint_utils.figures.defences import recognition_against_membership
from mint_utils.figures.grid import rungs_by_gap

HERE = Path(__file__).parent
SCENARIOS = (
    "synthetic", "lfw", "lfw_reference", "lfw_swapped", "synthetic_null", "synthetic_shift",
    "lfw_vs_glint", "facenet_casia",
)  # fmt: skip
DRAWN = ("synthetic", "lfw")  # whose ladders are shown; a ladder has no photographs
PAPER = {"synthetic": "same source", "synthetic_shift": "two sources"}
TAPS = ("stage1", "stage2", "stage3", "stage4")
COLUMNS = [
    "scenario", "contrast", "k", "access", "method", "auc", "interval", "control_auc", "p_holm",
    "verdict",
]  # fmt: skip
TARGETS = {"audited": "", "untrained_twin": ", untrained", "pixels": ", pixels"}


def reports() -> list[str]:
    """The scenarios of SCENARIOS that have a report."""
    return [name for name in SCENARIOS if (locations.reports() / name / "verdict.json").is_file()]


def audits() -> pd.DataFrame:
    """Every rung of single images and of albums of four, a row each."""
    found = []
    for name in reports():
        rungs = pd.read_csv(locations.reports() / name / "tables" / "rungs.csv")
        found.append(rungs[rungs["k"].isin([1, 4])].assign(scenario=name))
    table = pd.concat(found, ignore_index=True)
    interval = table[["low", "high"]].round(2).astype(str).agg(" to ".join, axis=1)
    table = table.assign(interval=interval).round({"auc": 2, "control_auc": 2})
    table["p_holm"] = [float(f"{p:.1g}") for p in table["p_holm"]]
    return table[COLUMNS]


def paper_tables() -> pd.DataFrame:
    """Accuracy of Vanilla and CNN MINT by tap, from one source and from two, beside the paper's."""
    sides = []
    for name, words in PAPER.items():
        rows = pd.read_csv(locations.reports() / name / "tables" / "paper_rows.csv")
        rows = rows.set_index("aad").reindex([*TAPS, "outcome", "combination", "pixels"])
        named = {
            f"{method}, {target}": f"{method}, {words}{short}"
            for method in ("vanilla", "cnn")
            for target, short in TARGETS.items()
            if f"{method}, {target}" in rows and rows[f"{method}, {target}"].notna().any()
        }
        sides.append(rows[list(named)].rename(columns=named))
    table = pd.concat(sides, axis=1).round(2).astype(object)
    return beside_paper(table.where(table.notna(), "").reset_index(), TAPS)


def markdown(table: pd.DataFrame) -> str:
    """A table in Markdown, numbers as they are in the CSV."""
    rows = [
        table.columns.tolist(),
        ["---"] * table.shape[1],
        *table.astype(str).to_numpy().tolist(),
    ]
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows)


def kept(name: str, table: pd.DataFrame) -> str:
    """Write tables/NAME.csv; gives it in Markdown."""
    file = HERE / "tables" / f"{name}.csv"
    file.parent.mkdir(exist_ok=True)
    table.to_csv(file, index=False)
    return markdown(pd.read_csv(file, dtype=str, keep_default_na=False))


def figures(rungs: pd.DataFrame) -> None:
    folder = HERE / "figures"
    folder.mkdir(exist_ok=True)
    for name in DRAWN:
        if name in reports():
            ladder = locations.reports() / name / "figures" / "05_access_ladder.png"
            shutil.copyfile(ladder, folder / f"{name}_ladder.png")
    for contrast in ("member_vs_held_out", "held_out_vs_external"):
        axes = rungs_by_gap(rungs, contrast)
        axes.get_figure(root=True).savefig(
            folder / f"gap_{contrast}.png", dpi=130, bbox_inches="tight", facecolor="white"
        )
    axes = recognition_against_membership(defence_table())
    axes.get_figure(root=True).savefig(
        folder / "gap_defences.png", dpi=130, bbox_inches="tight", facecolor="white"
    )


def main() -> None:
    rungs, cells = factor_rungs(), factor_cells()
    figures(rungs)
    seeds = sorted(cells["seed"].unique().tolist())
    manifest = json.loads((locations.reports() / reports()[0] / "manifest.json").read_text())
    page = (HERE / "results.template.md").read_text()
    tables = {
        "AUDITS": kept("audits", audits()),
        "PAPER": kept("paper", paper_tables()),
        "CELLS": kept("factors_cells", cells.round(3)),
        "FOLLOWS": kept("factors_follow_the_gap", follows_gap(rungs)),
        "CHANGES": kept("factors_changes", changes(rungs).reset_index()),
        "GRADIENTS": kept("gradients", experiments.gradients()),
        "SOURCES": kept("sources", experiments.sources()),
        "NUMBER": kept("number_of_sources", experiments.number_of_sources()),
        "DEFENCES": kept("defences", experiments.defences()),
        "KNOWLEDGE": kept(
            "knowledge", experiments.by_value("knowledge", "detectors.known_members")
        ),
    }
    for word, text in tables.items():
        page = page.replace(f"{{{{{word}}}}}", text)
    said = (
        f"Written {date.today()}; audits with seed {manifest['seed']}, the grid with seeds {seeds}."
    )
    (HERE / "results.md").write_text(page.replace("{{WHEN}}", said))


if __name__ == "__main__":
    main()
