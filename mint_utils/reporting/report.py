"""The pages of a run: each executed notebook as HTML, and index.html, the report on one page.

Both are made to be mailed, printed and kept: nothing in them asks the network for anything, and
a content policy in their head forbids the browser to run a script or load a file. Their look and
wording lie in ``pages/``; this file only reads what a run left and shapes it for them.
"""

import base64
import hashlib
import json
import re
from pathlib import Path

import nbformat
import yaml
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from mint_utils.figures import style
from mint_utils.figures.style import METHOD_NAMES
from mint_utils.hidden import HIDDEN
from mint_utils.pages import PageExporter
from mint_utils.reporting import report_tables
from mint_utils.reporting.report_tables import (
    by_access,
    by_contrast,
    called,
    counted_faces,
    methods_beside_controls,
    read_table,
    turned_round,
)

PAGES = Path(__file__).parents[1] / "pages"
HEADLINE, BESIDE = "05_access_ladder.png", "05_detectors_beside_controls.png"


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
    target = folder / "index.html"
    target.write_text(index_page(folder), "utf-8")
    return target


def index_page(folder: Path) -> str:
    """What index.html of the run in ``folder`` says; the same for the same files."""
    manifest = _json(folder / "manifest.json")
    manifest["files"] = {k: v for k, v in manifest.get("files", {}).items() if k != "index.html"}
    figures = _figures(folder / "figures")
    pages = Environment(loader=FileSystemLoader(PAGES), autoescape=True)
    pages.filters["in_words"] = _in_words
    return pages.get_template("index.html.j2").render(
        css=Markup((PAGES / "style.css").read_text("utf-8")),
        verdict=_json(folder / "verdict.json"),
        manifest=manifest if len(manifest) > 1 else {},
        hidden=_hides_faces(manifest),
        scenario_text=yaml.safe_dump(manifest.get("scenario"), sort_keys=False, allow_unicode=True),
        ladder=by_contrast(read_table(folder, "rungs")),
        methods=methods_beside_controls(read_table(folder, "metrics")),
        thresholds=by_contrast(called(read_table(folder, "thresholds"))),
        subgroups=by_access(read_table(folder, "subgroups")),
        source_out=read_table(folder, "source_out").to_dict("records"),
        swapped=turned_round(read_table(folder, "swapped")),
        faces=counted_faces(read_table(folder, "faces")),
        headline=figures.pop(HEADLINE, None),
        beside=figures.pop(BESIDE, None),
        gallery=list(figures.values()),
        notebooks=sorted(path.stem for path in folder.glob("[0-9][0-9]_*.html")),
    )


def _in_words(method: str | None) -> str | None:
    """``untrained_twin: cnn on stage2`` -> ``untrained twin: CNN MINT on stage2``."""
    if not method:
        return method
    target, colon, rest = method.rpartition(": ")
    name, _, aad = rest.partition(" on ")
    where = {"head": "class centres", "outcome": "embeddings"}.get(aad, aad.replace("_", " "))
    words = f"{target.replace('_', ' ')}{colon}{METHOD_NAMES.get(name, name.replace('_', ' '))}"
    return f"{words} on {where}" if where else words


def _hides_faces(manifest: dict) -> bool:
    settings = (manifest.get("scenario") or {}).get("report") or {}
    return settings.get("faces") == HIDDEN


def page_digest() -> str:
    """SHA-256 of what decides how index.html looks: only the same version can write it again."""
    here = [Path(__file__), Path(report_tables.__file__), Path(style.__file__)]
    files = [*here, PAGES / "index.html.j2", PAGES / "style.css"]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _json(path: Path) -> dict:
    if not path.is_file():
        return {}
    return json.loads(path.read_text("utf-8"), parse_constant=lambda _: None)  # NaN is a blank


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
