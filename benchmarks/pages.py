"""What the benchmarks found, as pages for people: everything in them is read from the tables."""

import os
from datetime import date

import pandas as pd
from scipy.stats import beta

from mint_utils.evidence.verdict import ORDER, SHOWN

MOST_ALARMS = 18  # of 200 null audits: what a rule of 5 % exceeds once in two hundred benchmarks
ABOUT = """# False alarms, and power

{audits} simulated null audits went through the whole rule of evidence (ladder, Holm over all
rungs, controls, verdict of the report): **{shown} said "{SHOWN}"** ({share:.1%}, 95 % interval
{low:.1%} to {high:.1%}; at most {most} of 200 are tolerated). What was simulated:
[worlds.py](worlds.py), [simulated_audit.py](simulated_audit.py).

`python benchmarks/false_alarms.py` on {day}, seed {seed}, {resamples} resamples of persons (a
study uses 1,000), {minutes:.0f} minutes of one processor.
"""
STRESS = """## Where the rule is fooled

Observed assignment, nobody was trained on, and the two sets differ in a way that the controls
hardly see (AUC 0.55) and the audited model sees very well (d' = 2, AUC 0.92). Every "{SHOWN}" here
is a false one, and a report of observed members is no better than its controls: no number of
persons tells such a model from one that was trained on the faces. Not counted above.
"""
POWER = """## Power

Assignment at random; training adds to one level of access what gives a single image the AUC of
the column (members against externals; unseen photos of member persons gain half, albums gain by
averaging). {audits} audits a cell. Reports that say "{SHOWN}" at any rung:

{reports}
Image rungs that say so, members against externals at the level that has the effect:

{rungs}"""


def processor_minutes() -> float:
    """What this command has cost so far, its workers included; a clock would time other work."""
    return sum(os.times()[:4]) / 60


def clopper_pearson(hits: int, of: int) -> tuple[float, float]:
    """Exact 95 % interval of a rate."""
    low = beta.ppf(0.025, hits, of - hits + 1) if hits else 0.0
    high = beta.ppf(0.975, hits + 1, of - hits) if hits < of else 1.0
    return float(low), float(high)


def markdown(rows: pd.DataFrame) -> str:
    """A table in Markdown; figures stand right."""
    figures = [pd.api.types.is_numeric_dtype(rows[c]) for c in rows]
    under = ["---:" if f else "---" for f in figures]
    lines = [rows.columns.tolist(), under, *rows.values.tolist()]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines) + "\n"


def counted(table: pd.DataFrame, kind: str) -> str:
    """Verdicts of the null or stress audits, with a row for all of them."""
    some = table[table["table"] == kind]
    numbers = ["audits", *ORDER, "rungs", "rungs_shown"]
    rows = some[["cell", "persons", *numbers]]
    everything = {"cell": "**all**", "persons": ""} | some[numbers].sum().to_dict()
    rows = pd.concat([rows, pd.DataFrame([everything])], ignore_index=True)
    bounds = [clopper_pearson(*pair) for pair in zip(rows[SHOWN], rows["audits"], strict=True)]
    rows["95 % interval of the rate shown"] = [f"{low:.1%} to {high:.1%}" for low, high in bounds]
    names = {"cell": "what is true", "persons": "persons a side", "rungs_shown": "rungs shown"}
    return markdown(rows.rename(columns=names))


def power(table: pd.DataFrame, hits: str, of: str) -> str:
    """Part of ``of`` that are ``hits``: a row a number of persons, a column an effect."""
    some = table[table["table"] == "power"]
    some = some.assign(part=(some[hits] / some[of]).map("{:.2f}".format))
    wide = some.pivot(index="persons", columns="planted_auc", values="part")
    wide = wide.reindex(index=some["persons"].unique()).fillna("–")
    wide.columns = [f"{auc:.2f}" for auc in wide.columns]
    return markdown(wide.reset_index().rename(columns={"persons": "persons a side"}))


def alarms_told(alarms: list[dict]) -> str:
    """The false alarms one by one, so that each can be looked into."""
    if not alarms:
        return ""
    told = [
        f"- {a['cell']}, audit {a['number']}: {a['persons']} persons a side, controls see d' "
        f"{a['control_shift']:.2f}, the audited model {a['audited_shift']:.2f}. {a['sentence']}"
        for a in alarms
    ]
    return "The false alarms:\n\n" + "\n".join(told) + "\n"


def false_alarms_page(table: pd.DataFrame, alarms: list[dict], how: dict) -> str:
    """false_alarms.md. ``how`` has seed, resamples and minutes."""
    nulls = table[table["table"] == "false alarms"]
    audits, shown = int(nulls["audits"].sum()), int(nulls[SHOWN].sum())
    low, high = clopper_pearson(shown, audits)
    about = ABOUT.format(
        audits=audits, shown=shown, share=shown / audits, low=low, high=high, day=date.today(),
        most=MOST_ALARMS, SHOWN=SHOWN, **how,
    )  # fmt: skip
    powers = POWER.format(
        audits=table.loc[table["table"] == "power", "audits"].iloc[0], SHOWN=SHOWN,
        reports=power(table, SHOWN, "audits"),
        rungs=power(table, "planted_rungs_shown", "planted_rungs"),
    )  # fmt: skip
    parts = [
        about, counted(table, "false alarms"), alarms_told(alarms), STRESS.format(SHOWN=SHOWN),
        counted(table, "stress"), powers,
    ]  # fmt: skip
    return "\n".join(filter(None, parts))


def shares_told(table: pd.DataFrame) -> pd.DataFrame:
    """p_values.csv with shares and their intervals in place of counts."""
    told = table[["statistic", "units", "persons", "draws"]]
    told = told.rename(columns={"persons": "persons a side"})
    for column in table.columns[table.columns.str.startswith("at_")]:
        told[f"p <= {column.removeprefix('at_')}"] = [
            "{:.4f} [{:.4f}, {:.4f}]".format(hits / of, *clopper_pearson(hits, of))
            for hits, of in zip(table[column], table["draws"], strict=True)
        ]
    return told
