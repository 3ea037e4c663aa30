"""The explorer in a browser: notebook 06 in JupyterLab, and the page that Voila serves.

Screenshots go to the folder that MINT_ARTEFACTS names, to be looked at.
"""

import os
import shutil
import sys
from pathlib import Path

import nbformat
import papermill
import pytest
from explorer_in_browser import (
    CHROMIUM,
    CONTRASTS,
    SWITCHES,
    control,
    free_port,
    lab_command,
    lab_environment,
    picture_source,
    reached_by_tab,
    run_in_lab,
    served,
    wait_for_another,
    watched,
)

from mint_utils import locations
from mint_utils.scenario_file import tiny_overrides

playwright = pytest.importorskip(
    "playwright.sync_api", reason="no playwright: pip install -e .[dev]"
)
if CHROMIUM is None:
    pytest.skip("no chromium here: apt-get install chromium", allow_module_level=True)

CONTROLS = [
    "scenario", "tap", "order", "channel", "member", "photograph", "external", "photograph",
    "beneath", "threshold", "prior",
]  # fmt: skip
READABLE = 4.5  # contrast of text, as WCAG 2 (AA) asks


@pytest.fixture(scope="module")
def chromium():
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield browser
        browser.close()


@pytest.fixture
def artefacts(tmp_path) -> Path:
    folder = Path(os.environ.get("MINT_ARTEFACTS") or tmp_path / "artefacts")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def private_copy(beside_tiny, tmp_path, monkeypatch) -> Path:
    """The tiny report and its cache, so that a notebook may write into its step."""
    shutil.copytree(beside_tiny.parents[1] / "cache", tmp_path / "copy" / "cache")
    shutil.copytree(beside_tiny.parent, tmp_path / "copy" / "reports")
    monkeypatch.setenv("MINT_CACHE", str(tmp_path / "copy" / "cache"))
    monkeypatch.setenv("MINT_REPORTS", str(tmp_path / "copy" / "reports"))
    return tmp_path


def check_sliders_and_keys(page) -> None:
    """Arrow keys change the pictures, and Tab reaches every control in the order of the page."""
    for name, picture in (("threshold", 1), ("channel", 0)):
        before = picture_source(page, picture)
        control(page, name).focus()
        page.keyboard.press("ArrowRight")
        wait_for_another(page, picture, before)
    visited = [name for name in reached_by_tab(page, "scenario", len(CONTROLS) + 2) if name]
    once = [name for place, name in enumerate(visited) if visited[place - 1 : place] != [name]]
    assert once == CONTROLS  # a slider's readout can be typed into, and is another stop


def another_photograph(page) -> None:
    """Choose another photograph with the keyboard: faces, marks and rings follow."""
    before = picture_source(page, 0)
    control(page, "photograph").focus()
    for key in ("Space", "ArrowDown", "Enter"):  # a bare arrow is JupyterLab's: the next cell
        page.keyboard.press(key)
        page.wait_for_timeout(200)
    wait_for_another(page, 0, before)


def hovered_face(page):
    """Point at a place on the map; the face that appears."""
    point = page.locator(".mint-map i").last
    point.scroll_into_view_if_needed()
    point.hover(force=True)
    return point.locator("span img")


def check_texts_are_readable(page) -> None:
    found = page.evaluate(CONTRASTS)
    assert len(found) > len(CONTROLS)
    assert not [words for contrast, words in found if contrast < READABLE]


def test_notebook_06_in_jupyterlab(private_copy, chromium, artefacts):
    notebooks = private_copy / "notebooks"
    notebooks.mkdir()
    nbformat.write(
        papermill.parameterize.parameterize_notebook(
            papermill.iorw.load_notebook_node(str(locations.NOTEBOOKS / "06_explorer.ipynb")),
            {"scenario": "synthetic", "overrides": tiny_overrides("synthetic")},
        ),
        notebooks / "06_explorer.ipynb",
    )
    port, log = free_port(), private_copy / "lab.log"
    url, home = f"http://127.0.0.1:{port}/api", private_copy / "home"
    with served(lab_command(notebooks, port), url, lab_environment(home), log):
        page = chromium.new_page(viewport={"width": 1400, "height": 2000})
        wrong = watched(page)
        run_in_lab(page, port, "06_explorer.ipynb")
        page.wait_for_selector(".mint-explorer .mint-picture", timeout=60_000)
        check_sliders_and_keys(page)
        another_photograph(page)
        page.locator(".mint-explorer").screenshot(path=artefacts / "jupyterlab_light.png")
        run = "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})"
        page.evaluate(run, "JupyterLab Dark")
        page.wait_for_selector("body[data-jp-theme-light=false]", state="attached")
        page.locator(".mint-explorer").screenshot(path=artefacts / "jupyterlab_dark.png")
        check_texts_are_readable(page)
        assert hovered_face(page).is_visible()
        page.locator(".mint-map").screenshot(path=artefacts / "hovered_face.png")
        page.close()
    assert wrong == []


def visit_voila(chromium, url: str, artefacts: Path) -> list[str]:
    """Open the page, use it, make it as narrow as a phone; gives what went wrong."""
    page = chromium.new_page(viewport={"width": 1400, "height": 1500})
    try:
        wrong = watched(page)
        page.goto(url, wait_until="commit", timeout=60_000)
        page.wait_for_selector(".mint-explorer .mint-picture", timeout=60_000)
        check_sliders_and_keys(page)
        page.locator(".mint-explorer").screenshot(path=artefacts / "voila.png")
        page.set_viewport_size({"width": 390, "height": 2600})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.locator(".mint-explorer").screenshot(path=artefacts / "voila_phone.png")
        check_texts_are_readable(page)
        return wrong
    finally:
        page.close()


def test_the_page_that_voila_serves(beside_tiny, tmp_path, chromium, artefacts):
    pytest.importorskip("voila", reason="no voila: pip install -e .[app]")
    port = free_port()
    url, log = f"http://127.0.0.1:{port}/", tmp_path / "voila.log"
    command = [
        sys.executable, "-m", "mint_utils.cli", "explore", "synthetic", "--port", str(port),
        "--no-browser",
    ]  # fmt: skip
    with served(command, f"{url}voila/static/voila.js", dict(os.environ), log):
        try:
            wrong = visit_voila(chromium, url, artefacts)
        except playwright.TimeoutError:  # a page in twenty never finishes to load
            wrong = visit_voila(chromium, url, artefacts)
    assert wrong == []
