"""Write results.md, its tables and its figures from the reports that are here.

    python docs/results.py

A table whose reports are not all here stays as it was, and its line in tables/written.csv says of
when it is. Nothing in results.md is typed by hand but its prose: tests/test_results.py compares
it with the tables.
"""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import experiments
import pandas as pd
from asked import asked
from audit_tables import SCENARIOS, audits, paper_tables
from matplotlib.axes import Axes

from mint_utils import locations
from mint_utils.comparing.compare import by_change
from mint_utils.comparing.defences import defence_table
from mint_utils.comparing.visibility import changes, factor_cells, factor_rungs, follows_gap
from mint_utils.figures.cross import model_to_model
from mint_utils.figures.defences import recognition_against_membership
from mint_utils.figures.grid import rungs_by_axis, rungs_by_gap
from mint_utils.grid import cells, folder_of, load_grid

TABLES, FIGURES = (Path(__file__).parent / name for name in ("tables", "figures"))
PAGE = Path(__file__).parent / "results.md"
LADDERS = ("synthetic", "lfw")  # whose ladders are shown; a ladder has no photographs


@dataclass(frozen=True)
class Table:
    """A table of the page, in place of ``{{name}}``, and the reports that it is made from."""

    name: str
    make: Callable[[], pd.DataFrame]
    scenarios: tuple[str, ...] = ()
    grid: str = ""

    def manifests(self) -> list[dict]:
        """Of every report that the table needs; empty if one is missing."""
        reports = [locations.reports() / name for name in self.scenarios]
        if self.grid:
            grid = load_grid(self.grid)
            reports += [folder_of(grid) / cell.name for cell in cells(grid)]
        files = [report / "manifest.json" for report in reports]
        return [json.loads(f.read_text()) for f in files] if all(map(Path.is_file, files)) else []

    def written(self) -> dict:
        """Write the table; what its line of written.csv says."""
        self.make().to_csv(TABLES / f"{self.name}.csv", index=False)
        known = self.manifests()
        return {
            "table": self.name,
            "reports": f"grid {self.grid}" if self.grid else ", ".join(self.scenarios),
            "audits": len(known),
            "seeds": ", ".join(sorted({str(one["seed"]) for one in known})),
            "computed": max(one["created"] for one in known)[:10],
            "commit": ", ".join(sorted({_short(one["commit"]) for one in known})),
        }


def _short(commit: str | None) -> str:
    """The first seven digits of a commit, and whatever is said of it."""
    return re.sub(r"^([0-9a-f]{7})[0-9a-f]*", r"\1", commit or "none")


ALL = (
    Table("audits", audits, SCENARIOS),
    Table("paper", paper_tables, ("synthetic", "lfw", "synthetic_shift")),
    Table("factors_cells", lambda: factor_cells().round(3), grid="factors"),
    Table("factors_follow_the_gap", lambda: follows_gap(factor_rungs()), grid="factors"),
    Table("factors_changes", lambda: changes(factor_rungs()).reset_index(), grid="factors"),
    Table("gradients", experiments.gradients, ("synthetic_gradient",)),
    Table("sources", experiments.sources, ("synthetic_sources", "synthetic_sources_null")),
    Table("number_of_sources", experiments.number_of_sources, ("synthetic_sources",)),
    Table("models", experiments.models, ("synthetic_swapped",)),
    Table("samples", experiments.samples, grid="samples"),
    Table("amint", experiments.amint, grid="amint"),
    Table("defences", experiments.defences, grid="defences"),
    Table("asked", asked, ("lfw",)),
    Table("knowledge", experiments.knowledge, grid="knowledge"),
)


def markdown(table: pd.DataFrame) -> str:
    """A table in Markdown, numbers as they are in the CSV."""
    rows = [table.columns.tolist(), ["---"] * table.shape[1], *table.to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows)


def read(name: str) -> pd.DataFrame:
    """A table as text, to the letter."""
    return pd.read_csv(TABLES / f"{name}.csv", dtype=str, keep_default_na=False)


def keep_provenance(line: dict) -> None:
    """Put ``line`` in the place of that of the same table in written.csv."""
    file, order = TABLES / "written.csv", [table.name for table in ALL]
    known = read("written") if file.is_file() else pd.DataFrame(columns=["table"])
    both = pd.concat([known[known["table"] != line["table"]], pd.DataFrame([line])])
    both.sort_values("table", key=lambda names: names.map(order.index)).to_csv(file, index=False)


def keep_figures(fresh: set[str]) -> None:
    """Draw what the ``fresh`` tables are of."""
    if "audits" in fresh:
        for name in LADDERS:
            ladder = locations.reports() / name / "figures" / "05_access_ladder.png"
            shutil.copyfile(ladder, FIGURES / f"{name}_ladder.png")
    if "factors_cells" in fresh:
        for contrast in ("member_vs_held_out", "held_out_vs_external"):
            keep_figure(f"gap_{contrast}", rungs_by_gap(factor_rungs(), contrast))
    if "defences" in fresh:
        keep_figure("gap_defences", recognition_against_membership(defence_table()))
    if "samples" in fresh:
        for change, part in by_change(factor_rungs("samples"), "member_vs_external"):
            change = change or "two sources"
            axes = rungs_by_axis(part, "detectors.samples", "member_vs_external", change)
            keep_figure(f"samples_{change.replace(' ', '_')}", axes)
    if "models" in fresh:
        report = locations.reports() / "synthetic_swapped"
        keep_figure("models", model_to_model(pd.read_csv(report / "tables" / "cross_model.csv")))


def keep_figure(name: str, axes: Axes) -> None:
    axes.get_figure(root=True).savefig(
        FIGURES / f"{name}.png", dpi=130, bbox_inches="tight", facecolor="white"
    )


def main() -> None:
    fresh = {table.name for table in ALL if table.manifests()}
    for table in ALL:
        if table.name in fresh:
            keep_provenance(table.written())
        else:
            print(f"{table.name}: not all of its reports are here, left as it was")
    keep_figures(fresh)
    page = PAGE.with_suffix(".template.md").read_text()
    for name in [*(table.name for table in ALL), "written"]:
        page = page.replace(f"{{{{{name}}}}}", markdown(read(name)))
    PAGE.write_text(page)


if __name__ == "__main__":
    main()
