"""A report on paper: printed where there is a browser, and else told what to install."""

import os
import re
import shutil
import sys

import pytest
from test_report import run  # noqa: F401  (a finished run with hostile names, as a fixture)

from mint_utils.reporting import pdf
from mint_utils.reporting.report import write_index


@pytest.fixture
def report(run):  # noqa: F811
    write_index(run)
    return run


@pytest.fixture
def browser():
    if not any(map(shutil.which, pdf.BROWSERS)):
        pytest.skip(f"no browser here: {', '.join(pdf.BROWSERS)}")


def test_the_page_is_printed_beside_the_report(report, browser):
    before = sorted(report.rglob("*"))
    printed = pdf.print_pdf(report)
    assert printed == report.with_name(f"{report.name}.pdf")
    assert sorted(report.rglob("*")) == before, "what the manifest signed stays as it is"
    content = printed.read_bytes()
    assert content.startswith(b"%PDF") and content.rstrip().endswith(b"%%EOF")
    assert b"/StructTreeRoot" in content, "tagged, so that a screen reader finds its way"
    assert b"/Outlines" in content and len(re.findall(rb"/Type\s*/Page\b", content)) >= 2
    assert b"file://" not in content, "no path of this machine, and no link that leads nowhere"


def test_it_goes_where_it_is_told(report, browser, tmp_path_factory):
    target = tmp_path_factory.mktemp("elsewhere") / "mine.pdf"
    assert pdf.print_pdf(report, target) == target and target.stat().st_size > 10_000


def test_without_a_page_it_says_what_to_run(tmp_path):
    with pytest.raises(FileNotFoundError, match="no index.html.*mint-study run"):
        pdf.print_pdf(tmp_path)


def test_without_playwright_it_says_what_to_install(report, monkeypatch):
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    with pytest.raises(ValueError, match=r"pip install 'mint-study\[pdf\]'"):
        pdf.print_pdf(report)


def test_a_browser_that_does_not_start_is_named(report, monkeypatch, tmp_path_factory):
    broken = tmp_path_factory.mktemp("bin") / "chromium"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(broken.parent), os.environ["PATH"]]))
    with pytest.raises(ValueError, match=f"{broken} did not start.*playwright install chromium"):
        pdf.print_pdf(report)


def test_without_any_browser_it_says_what_to_install(report, monkeypatch, tmp_path):
    monkeypatch.setattr(pdf, "BROWSERS", ("no_such_browser",))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "none"))
    with pytest.raises(ValueError, match="no no_such_browser on the path.*install Chromium"):
        pdf.print_pdf(report)
