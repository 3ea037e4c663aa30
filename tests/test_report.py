"""The pages of a run: complete, escaped, and silent on the network."""

import json
import re

import nbformat
import pandas as pd
import pytest
from matplotlib.figure import Figure

from mint_utils.reporting.report import notebook_html, write_index

HOSTILE = "<script>alert(1)</script>"
REQUESTS = re.compile(
    r"""<script|<link\b|@import|url\(\s*["']?(?:https?:)?//|(?:src|href)\s*=\s*["']?(?:https?:)?//""",
    re.IGNORECASE,
)
VERDICTS = ("membership shown", "explained by the dataset", "no evidence", "cannot tell")


def verdict(word: str = VERDICTS[0], **changes) -> dict:
    return {
        "scenario": f"small {HOSTILE}",
        "question": f"Was {HOSTILE} in the training data?",
        "assignment": "random",
        "verdict": word,
        "reason": "Holm p = 0.003",
        "sentence": "The audited model leaves a trace.",
        "rung": None,
        "proves": [f"one thing {HOSTILE}"],
        "does_not_prove": ["another"],
        "warnings": [],
        **changes,
    }


def metric(target: str, name: str, value: float, **changes) -> dict:
    row = {"unit_kind": "image", "k": 1, "contrast": "member_vs_external", "method": "vanilla"}
    row |= {"kind": "mint", "target": target, "aad": "stage2", "seed": "all", "metric": name}
    return row | {"value": value, "low": value - 0.05, "high": value + 0.05} | changes


def write_tables(folder) -> None:
    rung = {"unit_kind": "image", "k": 1, "contrast": "member_vs_external", "method": "vanilla"}
    rung |= {"auc": 0.71, "low": 0.66, "high": 0.76, "p": 0.0009, "p_holm": 0.0009}
    control = {"best_control": "untrained_twin", "control_auc": 0.52}
    gain = {"gain": 0.19, "gain_low": 0.12, "gain_high": 0.25, "verdict": VERDICTS[0]}
    rows = [rung | control | gain | {"access": "activations"}, rung | {"access": "outcome"}]
    tables = {
        "rungs": rows,
        "metrics": [
            metric("audited", "auc", 0.712),
            metric("audited", "accuracy", 0.66),
            metric("audited", "tpr_at_5pct_fpr", 0.23),
            metric("untrained_twin", "auc", 0.489),
            metric("pixels", "auc", 0.534, aad="pixels"),
            metric("audited", "auc", 0.999, seed=0),
        ],
        "faces": [
            {
                "image_id": f"{person}/{i}",
                "identity": person,
                "source": HOSTILE,
                "role": role,
                "split": "test",
            }
            for person, role in ((HOSTILE, "member"), ("NA", "member"), ("b", "external"))
            for i in range(3)
        ],
    }
    (folder / "tables").mkdir()
    for name, rows in tables.items():
        pd.DataFrame(rows).to_csv(folder / "tables" / f"{name}.csv", index=False)


def write_figures(folder) -> None:
    (folder / "figures").mkdir()
    for name in ("05_access_ladder.png", "05_detectors_beside_controls.png", "01_roles.png"):
        Figure(figsize=(1, 1)).savefig(folder / "figures" / name)
    captions = {"01_roles.png": {"caption": f"Roles {HOSTILE}", "alt": '"><script>'}}
    (folder / "figures" / "captions.json").write_text(json.dumps(captions))


@pytest.fixture
def run(tmp_path):
    """A finished run, as small as one can be, with hostile names wherever data may bring them."""
    (tmp_path / "verdict.json").write_text(json.dumps(verdict()))
    manifest = {"scenario": {"name": HOSTILE, "faces": {"source": "folders"}}, "seed": 7}
    manifest |= {"commit": "abc", "versions": {"torch": HOSTILE}, "seconds": {"01_faces": 1.2}}
    manifest |= {"created": "2026-03-14T09:26:53", "files": {f"tables/{HOSTILE}": "00ff"}}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    write_tables(tmp_path)
    write_figures(tmp_path)
    (tmp_path / "01_faces.html").write_text("")
    return tmp_path


@pytest.fixture
def notebook(tmp_path):
    """An executed notebook: parameters, a progress bar, a table, a formula, a hidden answer."""
    new = nbformat.v4
    widget = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "slider"}
    parameters = new.new_code_cell('scenario = "small"')
    parameters.metadata["tags"] = ["parameters"]
    outputs = [
        new.new_output("stream", name="stderr", text="\rfaces: 10%"),
        new.new_output("stream", name="stderr", text="\rfaces: 100%\n"),
        new.new_output("display_data", data={"text/html": "<table><tr><td>1</td></tr></table>"}),
        new.new_output("display_data", data={"image/png": "iVBORw0KGgo="}),
        new.new_output("display_data", data=widget),
        new.new_output("display_data", data={"application/javascript": "alert(2)"}),
    ]
    text = "# Who is in `D`?\n\n$p = \\frac{1}{m}$ [next](02_audited_model.ipynb)\n\n"
    text += "<details><summary>Answer</summary>\n\nhidden words\n\n</details>"
    cells = [
        new.new_markdown_cell(text),
        parameters,
        new.new_code_cell("count(faces)", outputs=outputs, execution_count=3),
    ]
    path = tmp_path / "01_faces.ipynb"
    nbformat.write(new.new_notebook(cells=cells), path)
    return path


def test_index_shows_the_run_and_escapes_what_data_says(run):
    page = write_index(run).read_text()
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 7
    for shown in ("Membership inference test", "membership shown", "0.71", "+0.19", "below 0.001"):
        assert shown in page
    assert "untrained twin" in page and "none applies" in page and "01_faces.html" in page
    assert "0.49" in page and "0.53" in page and "66&nbsp;%" in page and "23&nbsp;%" in page
    assert "2 persons" in page, "a person called NA is a person"
    rows = page.split("<tbody>")[1]
    assert rows.index("(outcome)") < rows.index("(activations)"), "a ladder starts at the bottom"


def test_index_asks_the_network_for_nothing(run):
    page = write_index(run).read_text()
    assert not REQUESTS.search(page)
    assert page.count('<img src="data:image/png;base64,') == 3
    assert "default-src 'none'" in page


def test_verdicts_differ_by_word_and_sign_not_by_colour_alone(tmp_path):
    signs = set()
    for word in VERDICTS:
        (tmp_path / "verdict.json").write_text(json.dumps(verdict(word, assignment="observed")))
        page = write_index(tmp_path).read_text()
        assert f"<h2>{word}</h2>" in page
        signs.add(re.search(r'<svg class="icon".*?</svg>', page, re.DOTALL)[0])
    assert len(signs) == len(VERDICTS)


@pytest.mark.parametrize("missing", ["tables/rungs.csv", "tables/metrics.csv", "tables/faces.csv"])
def test_a_missing_or_empty_table_is_left_out(run, missing):
    whole = len(write_index(run).read_text())
    (run / missing).write_text("")
    assert len(write_index(run).read_text()) < whole
    (run / missing).unlink()
    assert len(write_index(run).read_text()) < whole


def test_a_verdict_is_enough(tmp_path):
    (tmp_path / "verdict.json").write_text(json.dumps(verdict()))
    page = write_index(tmp_path).read_text()
    assert "<table" not in page and "<img" not in page and "Provenance" not in page


def test_without_a_verdict_the_error_says_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no verdict\.json .*mint-study run"):
        write_index(tmp_path)


def test_notebook_page_is_quiet_and_linked(notebook, tmp_path):
    target = tmp_path / "01_faces.html"
    notebook_html(notebook, target, previous=None, following="02_audited_model")
    page = target.read_text()
    assert not REQUESTS.search(page) and "alert(2)" not in page
    assert '<details class="code"><summary>code</summary>' in page and "In [" not in page
    assert ">parameters</p>" in page
    assert "faces: 100%" in page and "faces: 10%" not in page
    assert 'href="index.html"' in page and 'rel="prev"' not in page
    assert page.count('href="02_audited_model.html"') == 3, "top, bottom, and the notebook's own"
    assert "data:image/svg+xml;base64," in page, "the formula is drawn"
    hidden = re.search(r"<details><summary>Answer.*?</details>", page, re.DOTALL)[0]
    assert "hidden words" in hidden


def test_notebook_page_names_both_neighbours(notebook, tmp_path):
    target = tmp_path / "02.html"
    notebook_html(notebook, target, previous="01_faces.html", following="03_activations.html")
    page = target.read_text()
    assert 'href="01_faces.html" rel="prev"' in page
    assert 'href="03_activations.html" rel="next"' in page
