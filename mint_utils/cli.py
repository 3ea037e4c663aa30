"""The command line: list, init, check, run, grid, ask, explore, compare, verify, pdf."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from mint_utils import locations
from mint_utils.arguments import (
    Align,
    AttestedBy,
    Externals,
    Members,
    Model,
    Name,
    Names,
    Override,
    Report,
    Tiny,
    overrides,
)
from mint_utils.scenario_file import ScenarioError, load_scenario, scenario_names

app = typer.Typer(
    help="Was this face in the training data? The Membership Inference Test, with its controls.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

EXPECTED = (ScenarioError, ValueError, FileNotFoundError, NotADirectoryError, OSError)


def _fail(error: BaseException) -> typer.Exit:
    typer.secho(f"error: {error}", err=True, fg="red")
    return typer.Exit(1)


@app.command("list")
def list_scenarios() -> None:
    """Every scenario: its question, whether its data is here, its last verdict.

    Example: mint-study list
    """
    from mint_utils.sources import open_sources

    for name in scenario_names():
        scenario = load_scenario(name)
        is_here = all(source.is_here() for source in open_sources(scenario).values())
        here = "data is here" if is_here else f"no data yet: mint-study check {name} says what"
        file = locations.reports() / name / "verdict.json"
        last = json.loads(file.read_text())["verdict"] if file.is_file() else "not run yet"
        typer.secho(name, bold=True)
        typer.echo(f"  {scenario.question}\n  {here}; last verdict: {last}")


@app.command()
def init(
    name: Annotated[str, typer.Argument(help="the new scenario's name, or a new .yml file")],
    model: Model,
    members: Members,
    externals: Externals,
    attested_by: AttestedBy,
    align: Align = False,
) -> None:
    """Write a commented scenario for your own model and faces; asks what it cannot read off them.

    Example: mint-study init ours --model weights/backbone.pth --members data/raw/ours
    --externals data/raw/others --attested-by "the vendor" --no-align
    """
    from mint_utils.new_scenario import write_scenario

    try:
        file = write_scenario(name, members, externals, model, attested_by, align)
    except EXPECTED as error:
        raise _fail(error) from error
    typer.echo(f"{file}\nNext: mint-study check {name}")


@app.command()
def check(name: Name, override: Override = None, tiny: Tiny = False) -> None:
    """Validate a scenario without running it: faces found and counted, problems, disk needed.

    Example: mint-study check lfw -o audited_model.epochs=40
    """
    from mint_utils.check import described

    try:
        scenario = load_scenario(name, overrides(name, override, tiny))
        for line in described(scenario):
            typer.echo(line)
    except EXPECTED as error:
        raise _fail(error) from error


@app.command()
def run(
    names: Names,
    override: Override = None,
    tiny: Tiny = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="ignore all caches")] = False,
) -> None:
    """Run notebooks 01 to 06 for each scenario into reports/NAME/.

    A rerun redoes only what changed; after Ctrl-C the same command goes on where it was.
    Example: mint-study run synthetic lfw -o detectors.seeds=5
    """
    from contextlib import nullcontext

    from mint_utils.study import StudyFailed, fresh_cache, run_study

    for name in names:
        try:
            with fresh_cache() if fresh else nullcontext():
                report = run_study(name, overrides(name, override, tiny))
        except KeyboardInterrupt:
            typer.echo("interrupted: finished steps are kept, run the same command again", err=True)
            raise typer.Exit(130) from None
        except (*EXPECTED, StudyFailed) as error:
            raise _fail(error) from error
        verdict = json.loads((report / "verdict.json").read_text())
        typer.secho(f"\n{report.name}: {verdict['verdict']}", bold=True)
        typer.echo(f"{verdict['sentence']}\n{report / 'index.html'}")


@app.command()
def grid(
    file: Annotated[str, typer.Argument(help="a grid's name, or a path to a .yml file")],
    tiny: Annotated[bool, typer.Option("--tiny", help="the grid's own smallest size")] = False,
    cluster: Annotated[
        str | None, typer.Option("--cluster", help="Dask: local, or a scheduler's address")
    ] = None,
) -> None:
    """Run a grid of audits: one scenario, some of its keys at several values.

    Cells that are done are not done again; after Ctrl-C the same command goes on where it was.
    Notebook 07 (mint-study compare) draws what the cells say together.
    Example: mint-study grid factors --tiny
    """
    from mint_utils.grid import folder_of, load_grid, run_grid

    try:
        chosen = load_grid(file, tiny)
        if cluster:
            chosen = chosen.model_copy(update={"cluster": cluster})
        failed = run_grid(chosen)
    except KeyboardInterrupt:
        typer.echo("interrupted: finished cells are kept, run the same command again", err=True)
        raise typer.Exit(130) from None
    except EXPECTED as error:
        raise _fail(error) from error
    typer.echo(folder_of(chosen))
    for name, words in failed.items():
        typer.secho(f"{name}: {words}", err=True, fg="red")
    if failed:
        raise typer.Exit(1)


@app.command()
def ask(
    name: Report,
    folder: Annotated[Path, typer.Argument(help="photographs, or images cropped as the run's")],
    one_person: Annotated[
        bool, typer.Option("--one-person", help="they all show the same person")
    ] = False,
    photos: Annotated[
        bool | None,
        typer.Option("--photos/--aligned", help="find and crop faces, or not  [default: as seen]"),
    ] = None,
    reference: Annotated[
        Path | None, typer.Option("--reference", help="a photograph of the person who is meant")
    ] = None,
    strangers: Annotated[
        Path | None,
        typer.Option("--strangers", help="others photographed alike: a subfolder a person"),
    ] = None,
    page: Annotated[
        Path | None, typer.Option("--page", help="write the answer as one HTML page as well")
    ] = None,
    with_faces: Annotated[
        bool, typer.Option("--with-faces", help="show the faces on that page")
    ] = False,
    csv: Annotated[
        Path | None, typer.Option("--csv", help="write every number to this file as well")
    ] = None,
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
        raise _fail(error) from error
    typer.echo(in_words(answer))


@app.command()
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
        raise _fail(error) from error


@app.command()
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
        raise _fail(error) from error


@app.command()
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
        raise _fail(error) from error
    for line in found:
        typer.echo(line)
    if found:
        raise typer.Exit(1)
    typer.echo(f"{folder}: every hash matches; metrics, rungs and verdict follow from scores")


@app.command()
def pdf(
    report: Annotated[Path, typer.Argument(help="reports/NAME, or just NAME")],
    to: Annotated[
        Path | None, typer.Option("--to", help="the PDF; default: NAME.pdf beside the report")
    ] = None,
) -> None:
    """Print a report's page as a PDF with Chromium (extra: pip install 'mint-study[pdf]').

    Example: mint-study pdf synthetic --to audit.pdf
    """
    from mint_utils.reporting.pdf import print_pdf

    try:
        typer.echo(print_pdf(report if report.is_dir() else locations.reports() / report, to))
    except EXPECTED as error:
        raise _fail(error) from error


if __name__ == "__main__":
    sys.exit(app())
