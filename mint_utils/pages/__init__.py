"""How the pages of a run look, and the one piece of their rendering that is code.

style.css      for both kinds of page
index.html.j2  the report on one page; its wording is there
notebook/      nbconvert template for executed notebooks, built on ``lab``
"""

import base64
import re
from html import escape
from io import BytesIO

from jinja2 import pass_context
from matplotlib import mathtext, rc_context
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath


class _Formulas(IPythonRenderer):
    """Markdown whose formulas are drawn by matplotlib, since MathJax would need the network."""

    def inline_math(self, body: str) -> str:
        return f'<span class="formula">{_drawn(body)}</span>'

    def block_math(self, body: str) -> str:
        return f'<span class="formula block">{_drawn(body)}</span>'

    def block_html(self, html: str) -> str:
        # embedding would close an open <details>, and show an exercise's hidden answer
        return super().block_html(html) if "<img" in html else html


class PageExporter(HTMLExporter):
    """nbconvert's HTML exporter, with the Markdown of :class:`_Formulas`."""

    @pass_context
    def markdown2html(self, context: dict, source: str) -> str:
        renderer = _Formulas(
            escape=False,
            embed_images=True,
            exclude_anchor_links=True,
            attachments=context.get("cell", {}).get("attachments", {}),
            path=context["resources"]["metadata"]["path"],
        )
        return MarkdownWithMath(renderer=renderer).render(source)


def _drawn(formula: str) -> str:
    """An <img> of a TeX formula on the line's baseline; its source where matplotlib cannot."""
    source, file = " ".join(formula.split()), BytesIO()
    try:
        with rc_context({"mathtext.fontset": "stix", "font.size": 12}):  # 12 points are 1 em
            depth = mathtext.math_to_image(f"${source}$", file, format="svg")
    except ValueError:
        return f"<code>{escape(source)}</code>"
    picture = file.getvalue()
    height = float(re.search(rb'height="([\d.]+)pt"', picture)[1])
    return (
        f'<img src="data:image/svg+xml;base64,{base64.b64encode(picture).decode()}" '
        f'alt="{escape(source)}" '
        f'style="height:{height / 12:.2f}em;vertical-align:-{depth / 12:.2f}em">'
    )
