"""Tables in HTML in which every number leads to the report it comes from.

Addresses are relative to ``reports/_compare``, where ``mint-study compare`` leaves the page.
"""

from collections.abc import Iterable
from urllib.parse import quote

import pandas as pd
from IPython.display import HTML
from jinja2 import Environment

from mint_utils.figures.heat import MARKS, column_of, columns_of, interval_words, shade


def report_address(scenario: str) -> str:
    """Where the page of a scenario's report is, seen from ``reports/_compare``."""
    return f"../{quote(scenario)}/index.html"


_PAGES = Environment(autoescape=True)
_PAGES.filters["address"] = report_address
_TABLE = _PAGES.from_string("""{% if not rows %}<p>No report has any yet.</p>{% else %}
{% if folded %}<details><summary>{{ rows | length }} rows</summary>{% endif %}
<div style="overflow-x: auto"><table>
<thead><tr>{% for name in columns %}<th style="text-align: left">{{ name }}</th>{% endfor %}</tr>
</thead><tbody>{% for address, cells in rows %}
<tr><td style="text-align: left"><a href="{{ address }}">{{ cells[0] }}</a></td>
{%- for cell in cells[1:] %}<td style="text-align: left; white-space: normal">{{ cell }}</td>
{%- endfor %}</tr>{% endfor %}</tbody></table></div>
{% if folded %}</details>{% endif %}{% endif %}""")
_HEAT = _PAGES.from_string("""{% if not rows %}<p>No report has any yet.</p>{% else %}
<div style="overflow-x: auto; font-size: 0.75rem; line-height: 1.35">
<table style="border-spacing: 2px; border-collapse: separate"><thead><tr><th></th>
{%- for name in columns %}<th style="text-align: center; padding: 4px 2px; white-space: pre-line;
 font-size: 0.6875rem; overflow-wrap: normal">{{ name }}</th>{% endfor %}</tr></thead><tbody>
{%- for name, cells in rows %}
<tr><th style="text-align: left; padding: 4px"><a href="{{ name | address }}">{{ name }}</a></th>
{%- for cell in cells %}{% if cell %}
<td style="background: {{ cell.background }}; text-align: center; padding: 4px 2px"
 title="{{ cell.about }}"><a href="{{ name | address }}" style="color: {{ cell.ink }};
 text-decoration: none; font-size: 0.6875rem"><span style="font-size: 0.9375rem">{{ cell.mark }}
 <b>{{ cell.auc }}</b></span><br>{{ cell.interval }}<br>control {{ cell.control }}<br>
{{ cell.control_interval }}</a></td>
{%- else %}<td></td>{% endif %}{% endfor %}</tr>{% endfor %}</tbody></table></div>
<p style="font-size: 0.8rem">{% for verdict, mark in marks.items() -%}
<span style="white-space: nowrap">{{ mark }} {{ verdict }}</span>&emsp;{% endfor %}</p>
{% endif %}""")
LONG = 12  # rows, from which on a table is folded


def linked_table(table: pd.DataFrame, addresses: Iterable[str]) -> HTML:
    """A table whose first column leads to ``addresses``, one a row; numbers have three digits.

    One of more than LONG rows is folded.
    """
    rows = [
        (address, [_written(value) for value in row])
        for address, row in zip(addresses, table.itertuples(index=False), strict=True)
    ]
    return HTML(_TABLE.render(columns=list(table), rows=rows, folded=len(rows) > LONG))


def linked_heat_map(rungs: pd.DataFrame, contrast: str) -> HTML:
    """AUC of every rung with its interval, verdict and best control; cells lead to reports.

    What stands behind a number, method, control and corrected p, is shown on pointing at it.
    """
    some = rungs[rungs["contrast"] == contrast]
    columns = columns_of(some)
    rows = []
    for scenario, part in some.groupby("scenario", sort=False):
        cells = {(rung["access"], rung["k"]): _cell(rung) for _, rung in part.iterrows()}
        rows.append((scenario, [cells.get(column) for column in columns]))
    return HTML(_HEAT.render(columns=[column_of(*key) for key in columns], rows=rows, marks=MARKS))


def _cell(rung: pd.Series) -> dict[str, str]:
    background, ink = shade(rung["auc"])
    control = interval_words(rung["control_low"], rung["control_high"])
    return {
        "background": background, "ink": ink, "mark": MARKS[rung["verdict"]],
        "auc": f"{rung['auc']:.2f}", "interval": interval_words(rung["low"], rung["high"]),
        "control": f"{rung['control_auc']:.2f}", "control_interval": control,
        "about": f"{rung['method']}; {rung['verdict']}, corrected p {rung['p_holm']:.2g}; "
        f"best control {rung['best_control']}, {rung['control_auc']:.2f} [{control}]",
    }  # fmt: skip


def _written(value: object) -> str:
    if isinstance(value, float):
        return "" if pd.isna(value) else f"{value:.3g}"
    return str(value)
