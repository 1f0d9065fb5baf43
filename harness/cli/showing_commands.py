"""The commands that show what there is: the record, strategies, networks and data."""

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.options import Config, Json, Overrides, Plugins, Seed
from harness.cli.output import print_document


def report(
    experiments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="EXPERIMENT|FILE",
            help="Its name, or packs of it; default: the default experiment's.",
        ),
    ] = None,
    comparison: Annotated[
        str | None,
        typer.Option(help="Its digest or run, or how one begins; default: what ended last."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The file to write.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the page of a recorded comparison: one HTML file that needs nothing else."""
    from harness.cli.travelling import report_on

    page, document = report_on(experiments or [], comparison, output)
    if as_json:
        print_document(document)
    else:
        typer.echo(page)


def strategies(
    name: Annotated[str | None, typer.Argument(help="Only this one, in full.")] = None,
    plugin: Plugins = None,
    as_json: Json = False,
) -> None:
    """List the strategies: summary, parameters with their search ranges, the paper."""
    from harness.cli.listing import describe, show
    from harness.errors import UserError, unknown
    from harness.strategy.registry import registry

    known = registry(plugin or [])
    if name is not None and name not in known:
        raise UserError(unknown("strategy", name, known))
    entries = [known[name]] if name is not None else list(known.values())
    if as_json:
        print_document([describe(entry) for entry in entries])
    else:
        show(entries, in_full=name is not None)


def models(as_json: Json = False) -> None:
    """List the networks: backbones with their size and features, and those of your own."""
    from harness.cli.models import describe, show

    if as_json:
        print_document(describe())
    else:
        show(describe())


def data(
    config: Config = None,
    overrides: Overrides = None,
    seed: Seed = 0,
    ahead: Annotated[
        bool, typer.Option("--prepare", help="Only decode the images, ahead of the first trial.")
    ] = False,
    page: Annotated[bool, typer.Option("--page", help="Write it all as one HTML page.")] = False,
    file: Annotated[
        Path | None, typer.Argument(help="The page's file; default: beside the record.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show class counts a split, imbalance ratio, and how often a batch lacks a class."""
    from harness.config.load import load
    from harness.errors import UserError

    if file is not None and not page:
        raise UserError(f"{file} would be the file of a page: write --page {file}")
    if page and ahead:
        raise UserError("--prepare only decodes images; leave it out for --page")
    experiment = load(config, overrides or [])
    if ahead:
        from harness.cli.preparing import prepare_images, show_preparation

        document = prepare_images(experiment.data)
        if not as_json:
            show_preparation(document)
    else:
        from harness.cli.inspection import describe, show
        from harness.data import prepare

        splits, seeds = prepare(experiment, seed), len(experiment.seeds())
        document = describe(splits, experiment.train.batch_size, seeds, experiment.evaluation)
        if page:
            from harness.report.data_page import write

            document["page"] = str(write(experiment.name, splits, document, file))
        if not as_json:
            show(document, experiment.name)
    if as_json:
        print_document(document)


def ui(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where to listen.")] = 5000,
) -> None:
    """Open the MLflow UI over the record, on this machine only."""
    from harness.tracking.ui import serve

    raise typer.Exit(serve(port))
