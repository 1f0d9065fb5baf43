"""The commands; each loads what it needs when it runs, so that help and listing are instant."""

from typing import Annotated

import typer

from harness.cli.making_commands import check_strategy, export, merge, new_strategy, pack, predict
from harness.cli.showing_commands import data, models, report, strategies, ui
from harness.cli.training_commands import compare, run, tune

app = typer.Typer(
    name="harness",
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"harness {version('imbalance-harness')}")
        raise typer.Exit


@app.callback()
def harness(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", is_eager=True, callback=_print_version
        ),
    ] = False,
) -> None:
    """Which strategy against class imbalance helps on your images, and how sure is that?"""


for _command in (
    run,
    compare,
    tune,
    report,
    strategies,
    models,
    check_strategy,
    new_strategy,
    predict,
    data,
    export,
    pack,
    merge,
    ui,
):
    app.command()(_command)
