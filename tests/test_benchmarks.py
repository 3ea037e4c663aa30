"""The benchmarks of the rule of evidence: they run, and the committed tables keep their promise."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mint_utils.evidence.verdict import ORDER, SHOWN

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))  # they are commands, not a package

import pages  # noqa: E402
from simulated_audit import World, simulated  # noqa: E402
from worlds import d_prime, null_cells  # noqa: E402

from mint_utils.evidence.metrics import auc  # noqa: E402
from mint_utils.score_table import COLUMNS  # noqa: E402


def run(command: str, *options: str) -> None:
    script = [sys.executable, str(BENCHMARKS / f"{command}.py"), *options]
    subprocess.run(script, check=True, capture_output=True, timeout=300)


def check_counts(table: pd.DataFrame) -> None:
    assert (table[ORDER].sum(axis=1) == table["audits"]).all()
    assert (table["rungs_shown"] >= table[SHOWN]).all(), "a report that shows has a rung that does"
    assert (table["rungs_shown"] <= table["rungs"]).all()
    assert (table["planted_rungs_shown"] <= table["planted_rungs"]).all()
    assert table["share_shown"].to_numpy() == pytest.approx(table[SHOWN] / table["audits"], 1e-3)
    assert ((table["low"] <= table["share_shown"]) & (table["share_shown"] <= table["high"])).all()
    assert ((table["planted_rungs"] > 0) == (table["table"] == "power")).all()


def test_quick_false_alarms(tmp_path):
    run("false_alarms", "--quick", "--out", str(tmp_path))
    table = pd.read_csv(tmp_path / "false_alarms.csv")
    committed = pd.read_csv(BENCHMARKS / "false_alarms.csv")
    assert list(table.columns) == list(committed.columns)
    assert table["table"].tolist() == ["false alarms", "false alarms", "stress", "power"]
    assert (table["audits"] == 1).all()
    check_counts(table)
    assert pages.counted(table, "false alarms") in (tmp_path / "false_alarms.md").read_text()


def test_quick_p_values(tmp_path):
    run("p_values", "--draws", "4", "--out", str(tmp_path))
    table = pd.read_csv(tmp_path / "p_values.csv")
    assert list(table.columns) == list(pd.read_csv(BENCHMARKS / "p_values.csv").columns)
    assert (table["at_0.001"] <= table["at_0.005"]).all()
    assert (table["at_0.05"] <= table["draws"]).all()


def test_quick_explorer(tmp_path):
    run("explorer", "--images", "240", "--times", "1", "--out", str(tmp_path))
    table = pd.read_csv(tmp_path / "explorer.csv")
    committed = pd.read_csv(BENCHMARKS / "explorer.csv")
    assert list(table.columns) == list(committed.columns)
    assert table["change"].tolist() == committed["change"].tolist()


def test_committed_explorer_answers_in_time():
    table = pd.read_csv(BENCHMARKS / "explorer.csv")
    page = (BENCHMARKS / "explorer.md").read_text()
    assert page.startswith("# How fast the explorer answers\n\n10,000 images")
    for row in table.itertuples():
        assert f"| {row.change} | {row.median_ms} | {row.p95_ms} | {row.processor_ms} |" in page
    assert (table["processor_ms"] < 200).all()


def test_committed_false_alarms_are_few():
    table = pd.read_csv(BENCHMARKS / "false_alarms.csv")
    check_counts(table)
    nulls = table[table["table"] == "false alarms"]
    assert nulls["cell"].tolist() == [cell.name for cell in null_cells(1)]
    assert nulls["audits"].tolist() == [50] * 4
    assert nulls[SHOWN].sum() <= pages.MOST_ALARMS


def test_committed_pages_say_what_the_tables_say():
    table = pd.read_csv(BENCHMARKS / "false_alarms.csv")
    page = (BENCHMARKS / "false_alarms.md").read_text()
    for part in (
        pages.counted(table, "false alarms"),
        pages.counted(table, "stress"),
        pages.power(table, SHOWN, "audits"),
        pages.power(table, "planted_rungs_shown", "planted_rungs"),
    ):
        assert part in page
    shown = table.loc[table["table"] == "false alarms", SHOWN].sum()
    assert re.match(r"# False alarms.*?\n\n200 simulated null audits", page)
    assert f'**{shown} said "{SHOWN}"**' in page.replace("\n", " ")
    p_values = pd.read_csv(BENCHMARKS / "p_values.csv")
    assert pages.markdown(pages.shares_told(p_values)) in (BENCHMARKS / "p_values.md").read_text()


def test_committed_p_values_can_be_corrected_for_many_rungs():
    """Holm over some 35 rungs needs p-values of 0.001 that are not far too small."""
    table = pd.read_csv(BENCHMARKS / "p_values.csv")
    for column, level in (("at_0.05", 0.05), ("at_0.005", 0.005), ("at_0.001", 0.001)):
        pooled = table.groupby("statistic")[[column, "draws"]].sum()
        assert (pooled[column] / pooled["draws"] <= 1.5 * level).all()


def test_a_simulated_audit_has_what_it_was_given():
    world = World(300, planted=d_prime(0.8), planted_at="outcome")
    scores = simulated(world, np.random.default_rng(3))
    assert list(scores.columns) == COLUMNS
    images = scores[(scores["unit_kind"] == "image") & (scores["role"] != "held_out")]
    reached = images.groupby(["target", "access", "method", "aad"]).apply(
        lambda rows: auc(rows["score"].to_numpy(), (rows["role"] == "member").to_numpy())
    )
    assert reached["audited", "outcome"].max() == pytest.approx(0.8, abs=0.05)
    assert reached.drop(("audited", "outcome")).between(0.4, 0.6).all()
    assert set(scores["n_images"]) == {1, 2, 4, 8}
    assert scores.loc[scores["method"] == "similarity", "unit_kind"].eq("album").all()
    by_person = scores.groupby("identity", observed=True)["split"].nunique()
    assert (by_person == 1).all(), "a person is in one split"
