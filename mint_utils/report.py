"""The pages of a run: each executed notebook as HTML, and index.html, the report on one page.

Both are made to be mailed, printed and kept: nothing in them asks the network for anything, and
a content policy in their head forbids the browser to run a script or load a file. Their look and
wording lie in ``pages/``; this file only reads what a run left and shapes it for them.
"""

import base64
import json
import re
from pathlib import Path

import nbformat
import pandas as pd
import yaml
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from mint_utils.figures.style import METHOD_NAMES
from mint_utils.pages import PageExporter

PAGES = Path(__file__).parent / "pages"
HEADLINE, BESIDE = "05_access_ladder.png", "05_detectors_beside_controls.png"
ACCESS = ("outcome", "activations", "twin", "head_blind", "head_named")
CONTRASTS = ("member_vs_external", "member_vs_held_out", "held_out_vs_external")
ROLES = ("member", "held_out", "external", "query")
SPLITS = ("fit", "calibrate", "test")
COLUMNS = {
    "rungs": "access unit_kind k contrast method auc low high best_control control_auc gain "
    "gain_low gain_high p p_holm verdict",
    "metrics": "unit_kind contrast method kind target aad seed metric value low high",
    "faces": "image_id identity source role split",
    "thresholds": "access unit_kind k contrast method nominal_fpr fpr fpr_upper tpr tpr_low "
    "tpr_high ppv_at_1pct ppv_at_10pct ppv_at_50pct note",
    "source_out": "source target method aad persons fpr low high note",
    "swapped": "contrast unit_kind k method aad access auc_a a_low a_high auc_b b_low b_high "
    "auc_difference difference_low difference_high",
}
CALLED_AT = 0.05  # the nominal false-positive rate that the page shows


def notebook_html(
    notebook: Path, html: Path, *, previous: str | None, following: str | None
) -> None:
    """Write an executed notebook as one self-contained page.

    ``previous`` and ``following`` name the neighbouring pages of the run (``"01_faces"`` or
    ``"01_faces.html"``), or None at either end. Raises FileNotFoundError if there is no notebook.
    """
    content = nbformat.read(notebook, as_version=4)
    exporter = PageExporter(
        extra_template_basedirs=[str(PAGES)],
        template_name="notebook",
        embed_images=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
    )
    first = next((c.source for c in content.cells if c.cell_type == "markdown"), "")
    heading = re.search(r"^# +(.+)$", first, re.MULTILINE)
    resources = {
        "metadata": {"name": notebook.stem, "path": str(notebook.parent)},
        "page_css": (PAGES / "style.css").read_text("utf-8"),
        "page_title": heading[1] if heading else notebook.stem,
        "previous": Path(previous).stem if previous else None,
        "following": Path(following).stem if following else None,
    }
    page, _ = exporter.from_notebook_node(content, resources)
    page = re.sub(r'href="(0[1-6]_\w+)\.ipynb"', r'href="\1.html"', page)
    html.write_text(page, "utf-8")


def write_index(folder: Path) -> Path:
    """Write ``folder/index.html`` from the run that lies in ``folder``; returns its path.

    Needs verdict.json. Tables, figures, notebooks and manifest.json are shown where they exist.
    Raises FileNotFoundError if verdict.json does not.
    """
    if not (folder / "verdict.json").is_file():
        raise FileNotFoundError(
            f"no verdict.json in {folder}: a report needs a finished run. "
            f"Run `mint-study run {folder.name}`, or name a folder under reports/ that has one."
        )
    manifest = _json(folder / "manifest.json")
    figures = _figures(folder / "figures")
    pages = Environment(loader=FileSystemLoader(PAGES), autoescape=True)
    pages.filters["in_words"] = _in_words
    page = pages.get_template("index.html.j2").render(
        css=Markup((PAGES / "style.css").read_text("utf-8")),
        verdict=_json(folder / "verdict.json"),
        manifest=manifest,
        scenario_text=yaml.safe_dump(manifest.get("scenario"), sort_keys=False, allow_unicode=True),
        ladder=_by_contrast(_table(folder, "rungs")),
        methods=_methods(_table(folder, "metrics")),
        thresholds=_by_contrast(_called(_table(folder, "thresholds"))),
        source_out=_table(folder, "source_out").to_dict("records"),
        swapped=_turned_round(_table(folder, "swapped")),
        faces=_faces(_table(folder, "faces")),
        headline=figures.pop(HEADLINE, None),
        beside=figures.pop(BESIDE, None),
        gallery=list(figures.values()),
        notebooks=sorted(path.stem for path in folder.glob("[0-9][0-9]_*.html")),
    )
    target = folder / "index.html"
    target.write_text(page, "utf-8")
    return target


def _in_words(method: str | None) -> str | None:
    """``untrained_twin: cnn on stage2`` -> ``untrained twin: CNN MINT on stage2``."""
    if not method:
        return method
    target, colon, rest = method.rpartition(": ")
    name, _, aad = rest.partition(" on ")
    where = {"head": "class centres", "outcome": "embeddings"}.get(aad, aad)
    words = f"{target.replace('_', ' ')}{colon}{METHOD_NAMES.get(name, name.replace('_', ' '))}"
    return f"{words} on {where}" if where else words


def _json(path: Path) -> dict:
    if not path.is_file():
        return {}
    return json.loads(path.read_text("utf-8"), parse_constant=lambda _: None)  # NaN is a blank


def _table(folder: Path, name: str) -> pd.DataFrame:
    """A table of the run with the columns a page needs, blanks as None; no rows if missing."""
    columns = COLUMNS[name].split()
    try:  # a person may be called NA, so only an empty cell is a blank
        table = pd.read_csv(
            folder / "tables" / f"{name}.csv", keep_default_na=False, na_values=["", "nan"]
        )
    except (FileNotFoundError, pd.errors.EmptyDataError):
        return pd.DataFrame(columns=columns)
    table = table.reindex(columns=columns).astype(object)
    return table.where(table.notna(), None)


def _rank(order: tuple[str, ...], word: str) -> int:
    return order.index(word) if word in order else len(order)


def _by_contrast(rungs: pd.DataFrame) -> dict[str, list[dict]]:
    """Rows of rungs by contrast, from the least access to the most, small albums first."""
    rows = rungs.to_dict("records")
    rows.sort(
        key=lambda r: (_rank(CONTRASTS, r["contrast"]), _rank(ACCESS, r["access"]), r["k"] or 0)
    )
    return {
        c: [r for r in rows if r["contrast"] == c]
        for c in dict.fromkeys(r["contrast"] for r in rows)
    }


def _called(thresholds: pd.DataFrame) -> pd.DataFrame:
    """The rows at the rate that the page shows, of rungs at which a threshold can be called."""
    return thresholds[(thresholds["nominal_fpr"] == CALLED_AT) & thresholds["fpr"].notna()]


def _turned_round(swapped: pd.DataFrame) -> list[dict]:
    """Image and album rows of the paper's contrast, the clearest difference first; ten at most."""
    some = swapped[swapped["contrast"] == CONTRASTS[0]]
    return some.sort_values("auc_difference", ascending=False).head(10).to_dict("records")


def _methods(metrics: pd.DataFrame) -> dict:
    """Every method on single images, for the paper's contrast (or the first there is).

    ``rows`` maps a kind to its methods on the audited model, each with the AUC of the same method
    on every one of ``controls``; ``pixels`` are methods that look at no model.
    """
    images = metrics[(metrics["seed"].astype(str) == "all") & (metrics["unit_kind"] != "album")]
    if images.empty:
        return {}
    contrast = min(images["contrast"].unique(), key=lambda word: _rank(CONTRASTS, word))
    found: dict[tuple, dict] = {}
    for row in images[images["contrast"] == contrast].to_dict("records"):
        key = (row["target"], row["kind"], row["method"], row["aad"])
        found.setdefault(key, {})[row["metric"]] = row
    targets = {target for target, *_ in found}
    twins = ("untrained_twin", "reference_twin", "shuffled_labels")
    controls = [target for target in twins if target in targets]
    table = {"contrast": contrast, "controls": controls, "rows": {}, "pixels": []}
    for (target, kind, method, aad), values in found.items():
        if "auc" not in values or target not in ("audited", "pixels"):
            continue
        row = {
            "method": method,
            "aad": aad,
            "auc": values["auc"],
            "accuracy": values.get("accuracy", {}).get("value"),
            "tpr": values.get("tpr_at_5pct_fpr", {}).get("value"),
            "controls": [found.get((c, kind, method, aad), {}).get("auc") for c in controls],
        }
        same = table["pixels"] if target == "pixels" else table["rows"].setdefault(kind, [])
        same.append(row)
    return table


def _faces(faces: pd.DataFrame) -> dict:
    """Images and persons for each role and source (rows) and split (columns)."""
    groups = faces.where(faces.notna(), "").groupby(["role", "source", "split"])
    counts = groups.agg(images=("image_id", "size"), persons=("identity", "nunique"))
    cells = counts.to_dict("index")
    splits = sorted({split for *_, split in cells}, key=lambda s: _rank(SPLITS, s))
    sides = sorted({(role, source) for role, source, _ in cells}, key=lambda s: _rank(ROLES, s[0]))
    rows = [
        {"role": role, "source": source, "counts": [cells.get((role, source, s)) for s in splits]}
        for role, source in sides
    ]
    return {"splits": splits, "rows": rows}


def _figures(folder: Path) -> dict[str, dict]:
    """Every figure by file name, as a data URI with its caption and alternative text."""
    captions, figures = _json(folder / "captions.json"), {}
    for path in sorted(folder.glob("*.png")):
        name = re.sub(r"^\d+_", "", path.stem).replace("_", " ").capitalize()
        said = captions.get(path.name, {})
        figures[path.name] = {
            "data": "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode(),
            "caption": said.get("caption") or name,
            "alt": said.get("alt") or said.get("caption") or name,
        }
    return figures
