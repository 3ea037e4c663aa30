"""What data says is shown as words in a browser, and never run: names, files, scenarios, tables."""

import json
import shutil

import nbformat
import pandas as pd
import pytest
from nbformat import v4
from test_report import run  # noqa: F401  (a finished run with hostile names, as a fixture)

from mint_utils.reporting.pdf import BROWSERS
from mint_utils.reporting.report import notebook_html, write_index

ATTACKS = [
    "<script>window.ran = 1</script>",
    "<img src=x onerror='window.ran = 1'>",
    '"><svg onload=window.ran=1>',
    "[click](javascript:window.ran=1)",
    "</style><script>window.ran = 1</script>",
    "{{ 7 * 7 }}",
    "</details></main><iframe srcdoc='<script>parent.ran = 1</script>'>",
]


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser here: {', '.join(BROWSERS)}")
    with sync_api.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=found)
        yield opened
        opened.close()


def opened(browser, file):
    """The page in a browser: what it says, and what it did that it should not have done."""
    page = browser.new_page()
    did = []
    page.on("dialog", lambda dialog: (did.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda r: did.append(r.url) if r.url.startswith("http") else None)
    page.goto(file.as_uri())
    page.wait_for_timeout(200)
    for link in page.query_selector_all("a[href^='javascript' i]"):
        did.append(link.get_attribute("href"))
    if page.evaluate("window.ran"):
        did.append("a script ran")
    said = page.evaluate("document.documentElement.textContent")
    hostile = "script, iframe, object, [onerror], [onload]"
    elements = page.evaluate(f"document.querySelectorAll('{hostile}').length")
    page.close()
    return said, did, elements


@pytest.mark.parametrize("attack", [*ATTACKS[:3], ATTACKS[4], ATTACKS[6]])
def test_the_attacks_run_where_nothing_stops_them(browser, tmp_path, attack):
    (tmp_path / "open.html").write_text(
        f'<title>open</title><style></style><p x="{attack}">{attack}'
    )
    _, did, _ = opened(browser, tmp_path / "open.html")
    assert did == ["a script ran"]


def test_the_report_shows_hostile_words_and_runs_none(browser, run):  # noqa: F811
    said = json.loads((run / "verdict.json").read_text())
    said |= {"question": ATTACKS[0], "reason": ATTACKS[1], "sentence": ATTACKS[2]}
    said |= {"warnings": ATTACKS, "scenario": ATTACKS[4]}
    (run / "verdict.json").write_text(json.dumps(said))
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["scenario"] |= {"attested_by": ATTACKS[3], "faces": [{"exclude": ATTACKS}]}
    manifest["inputs"] = {
        "scenario": ATTACKS[0],
        "faces": {ATTACKS[1]: {"images": 1, "sha256": ATTACKS[2]}},
        "weights": {ATTACKS[6]: "00"},
    }
    (run / "manifest.json").write_text(json.dumps(manifest))
    captions = {"01_roles.png": {"caption": ATTACKS[1], "alt": ATTACKS[2]}}
    (run / "figures" / "captions.json").write_text(json.dumps(captions))
    groups = [
        {"group": attack, "n_persons": 3, "n_images": 9, "method": attack, "access": "outcome",
         "fpr": 0.1, "low": 0, "high": 0.3, "small": True}
        for attack in ATTACKS
    ]  # fmt: skip
    pd.DataFrame(groups).to_csv(run / "tables" / "subgroups.csv", index=False)
    said, did, elements = opened(browser, write_index(run))
    assert did == [] and elements == 0
    for attack in ATTACKS:
        assert said.count(attack) >= 2, attack


def test_an_executed_notebook_shows_hostile_words_and_runs_none(browser, tmp_path):
    table = pd.DataFrame({"identity": ATTACKS, ATTACKS[1]: range(len(ATTACKS))})
    new = v4.new_output
    outputs = [
        new("stream", name="stdout", text="\n".join(ATTACKS)),
        new("stream", name="stderr", text="\n".join(ATTACKS)),
        new("execute_result", data={"text/html": table.to_html(), "text/plain": repr(table)}),
        new("display_data", data={"text/plain": repr(ATTACKS)}),
        new("display_data", data={"application/javascript": "window.ran = 1"}),
        new(
            "display_data", data={"image/png": "iVBORw0KGgo="},
            metadata={"image/png": {"alt": ATTACKS[2]}},
        ),
        new("error", ename="ValueError", evalue=ATTACKS[0], traceback=ATTACKS),
    ]  # fmt: skip
    parameters = v4.new_code_cell(f"scenario = {ATTACKS[4]!r}")
    parameters.metadata["tags"] = ["injected-parameters"]
    cells = [v4.new_markdown_cell("# Who?"), parameters, v4.new_code_cell("f()", outputs=outputs)]
    nbformat.write(v4.new_notebook(cells=cells), tmp_path / "01_faces.ipynb")
    notebook_html(
        tmp_path / "01_faces.ipynb", tmp_path / "01_faces.html", previous=None, following=None
    )
    said, did, elements = opened(browser, tmp_path / "01_faces.html")
    assert did == [] and elements == 0
    for attack in ATTACKS:
        assert said.count(attack) >= 3, attack


def test_even_what_a_table_does_not_escape_is_not_run(browser, tmp_path):
    """The policy in the head of a page is the second wall."""
    raw = {"text/html": f"<table><tr><td>{''.join(ATTACKS[:3])}</td></tr></table>"}
    raw["text/html"] += "<form action='http://example.com'></form><base href='http://example.com'>"
    cell = v4.new_code_cell("f()", outputs=[v4.new_output("display_data", data=raw)])
    nbformat.write(v4.new_notebook(cells=[cell]), tmp_path / "raw.ipynb")
    notebook_html(tmp_path / "raw.ipynb", tmp_path / "raw.html", previous=None, following=None)
    _, did, _ = opened(browser, tmp_path / "raw.html")
    assert did == []
    page = (tmp_path / "raw.html").read_text()
    assert "form-action 'none'" in page and "base-uri 'none'" in page
