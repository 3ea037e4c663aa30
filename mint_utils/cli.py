"""The command line: list, init, check, run, grid, ask, explore, compare, verify, pdf."""

import json
import sys
from typing import Annotated

import typer

from mint_utils import locations
from mint_utils.arguments import (
    EXPECTED,
    Align,
    AttestedBy,
    Externals,
    Members,
    Model,
    Name,
    Names,
    Override,
    Tiny,
    failure,
    overrides,
)
from mint_utils.report_commands import COMMANDS
from mint_utils.scenario_file import load_scenario, scenario_names

app = typer.Typer(
    help="Was this face in the training data? The Membership Inference Test, with its controls.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


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
        raise failure(error) from error
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
        raise failure(error) from error


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
            raise failure(error) from error
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
        raise failure(error) from error
    typer.echo(folder_of(chosen))
    for name, words in failed.items():
        typer.secho(f"{name}: {words}", err=True, fg="red")
    if failed:
        raise typer.Exit(1)


for command in COMMANDS:
    app.command()(command)


if __name__ == "__main__":
    sys.exit(app())
