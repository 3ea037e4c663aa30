"""A report on paper: index.html printed by Chromium, through Playwright.

Needs the extra: ``pip install 'mint-study[pdf]'``. Nothing else in the study starts a browser. The
PDF lies beside the report's folder, not in it: a PDF says when it was printed, and a report stays
what its manifest signed. Its provenance section names the SHA-256 of every file of the report.
"""

import shutil
from html import escape
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = [
    "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
]  # fmt: skip
MARGIN = {"top": "16mm", "bottom": "18mm", "left": "15mm", "right": "15mm"}
FOOTER = (
    '<div style="width:100%;margin:0 15mm;font:7pt sans-serif;color:#5a636d;display:flex;'
    'justify-content:space-between"><span>{name}</span><span><span class="pageNumber"></span> of '
    '<span class="totalPages"></span></span></div>'
)
# Links to files beside the page would be printed as paths of this machine, which lead nowhere else.
TO_WORDS = """for (const a of document.querySelectorAll('a[href]:not([href^="#"])'))
    a.removeAttribute('href')"""


def print_pdf(report: Path, target: Path | None = None) -> Path:
    """Print ``report``/index.html to ``target`` (default: NAME.pdf beside the folder NAME).

    Raises FileNotFoundError if there is no page, ValueError, saying what to install, if there is
    no Playwright or no browser.
    """
    page = report / "index.html"
    if not page.is_file():
        raise FileNotFoundError(
            f"no index.html in {report}: run `mint-study run {report.name}` first"
        )
    target = target or report.resolve().with_name(f"{report.resolve().name}.pdf")
    playwright = _playwright()
    with playwright() as started:
        browser = _browser(started)
        try:
            sheet = browser.new_context(offline=True).new_page()
            sheet.goto(page.resolve().as_uri())
            sheet.evaluate(TO_WORDS)
            sheet.pdf(
                path=target, format="A4", margin=MARGIN, print_background=True, tagged=True,
                outline=True, display_header_footer=True, header_template="<span></span>",
                footer_template=FOOTER.format(name=escape(report.resolve().name)),
            )  # fmt: skip
        finally:
            browser.close()
    return target


def _playwright():
    try:
        from playwright.sync_api import sync_playwright  # an extra that only this needs
    except ImportError as error:
        raise ValueError(
            f"printing needs Playwright ({error}): pip install 'mint-study[pdf]'"
        ) from error
    return sync_playwright


def _browser(started):
    """Chromium or Chrome as it is on the path, or the one that Playwright downloaded."""
    from playwright.sync_api import Error

    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    try:
        return started.chromium.launch(executable_path=found, args=QUIET)
    except Error as error:
        where = f"{found} did not start" if found else f"no {', '.join(BROWSERS)} on the path"
        raise ValueError(
            f"{where}, and printing needs a browser: install Chromium, or run "
            f"`playwright install chromium` ({str(error).strip().splitlines()[0]})"
        ) from error
