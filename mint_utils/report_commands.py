"""The commands that take a finished report: ask, explore, compare, verify, pdf."""

from pathlib import Path
from typing import Annotated

import typer

from mint_utils import locations
from mint_utils.arguments import (
    EXPECTED,
    Csv,
    OnePerson,
    Page,
    Photos,
    Reference,
    Report,
    Strangers,
    WithFaces,
    failure,
)


def ask(
    name: Report,
    folder: Annotated[Path, typer.Argument(help="photographs, or images cropped as the run's")],
    one_person: OnePerson = False,
    photos: Photos = None,
    reference: Reference = None,
    strangers: Strangers = None,
    page: Page = None,
    with_faces: WithFaces = False,
    csv: Csv = None,
) -> None:
    """Ask a finished run about images of unknown membership, in words.

    Subfolders are looked into; nothing of the images is kept but what is asked for.
    Example: mint-study ask lfw ~/photos/me --one-person --page answer.html
    """
    from mint_utils.asking.answer_page import write_page
    from mint_utils.asking.answers import in_words
    from mint_utils.asking.ask import ask as asked
    from mint_utils.reporting.finished import report_of

    try:
        for file in (page, csv):
            if file and not file.parent.is_dir():
                raise NotADirectoryError(f"{file} cannot be written: {file.parent} is no folder")
        if with_faces and not page:
            raise ValueError("--with-faces is about the page: name one with --page FILE.html")
        answer = asked(report_of(name), folder, one_person, photos, reference, strangers)
        if csv:
            answer.table.to_csv(csv, index=False)
        if page:
            write_page(answer, page, with_faces)
    except (*EXPECTED, FloatingPointError) as error:
        raise failure(error) from error
    typer.echo(in_words(answer))


def explore(
    name: Report = "synthetic",
    port: Annotated[int, typer.Option("--port", help="of the page on this machine")] = 8866,
    browser: Annotated[bool, typer.Option(help="open a browser")] = True,
) -> None:
    """Explore a finished run in the browser: notebook 06 as a page, served by Voila until Ctrl-C.

    Example: mint-study explore lfw
    """
    from mint_utils.explorer.serving import serve
    from mint_utils.reporting.finished import report_of

    try:
        serve(str(report_of(name)), port, browser)
    except (*EXPECTED, ModuleNotFoundError) as error:
        raise failure(error) from error


def compare() -> None:
    """Notebook 07 over every finished report and grid, into reports/_compare/.

    And notebook 08 where the grid `factors` was run.
    Example: mint-study compare
    """
    from mint_utils.study import StudyFailed, run_compare

    try:
        for page in run_compare():
            typer.echo(page)
    except (*EXPECTED, StudyFailed) as error:
        raise failure(error) from error


def verify(report: Report) -> None:
    """Re-check a report's hashes and recompute its figures; exit 1 on any difference.

    Example: mint-study verify synthetic
    """
    from mint_utils.reporting.finished import report_of
    from mint_utils.reporting.verify import differences

    try:
        folder = report_of(report)
        found = differences(folder)
    except EXPECTED as error:
        raise failure(error) from error
    for line in found:
        typer.echo(line)
    if found:
        raise typer.Exit(1)
    typer.echo(f"{folder}: every hash matches; metrics, rungs and verdict follow from scores")


def pdf(
    report: Annotated[Path, typer.Argument(help="reports/NAME, or just NAME")],
    to: Annotated[
        Path | None, typer.Option("--to", help="the PDF; default: NAME.pdf beside the report")
    ] = None,
) -> None:
    """Print a report's page as a PDF with Chromium (extra: pdf).

    Example: mint-study pdf synthetic --to audit.pdf
    """
    from mint_utils.reporting.pdf import print_pdf

    try:
        typer.echo(print_pdf(report if report.is_dir() else locations.reports() / report, to))
    except EXPECTED as error:
        raise failure(error) from error


COMMANDS = (ask, explore, compare, verify, pdf)
