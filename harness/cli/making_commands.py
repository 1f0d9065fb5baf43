"""The commands that check, make and use: a strategy of your own, a model to be used."""

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.options import (
    Csv,
    Decision,
    Exported,
    Json,
    LabelColumn,
    NetworkFrom,
    Parameters,
    PathColumn,
    Plugins,
    Prior,
    Root,
    Suffix,
    ToPredict,
)
from harness.cli.output import print_document


def check_strategy(
    name: Annotated[str, typer.Argument(help="A strategy, a plugin's too.")],
    parameter: Parameters = None,
    plugin: Plugins = None,
    as_json: Json = False,
) -> None:
    """Hold a strategy against the laws that every right one keeps; nothing is trained."""
    from harness.cli.checking import check, show
    from harness.config.load import parameters
    from harness.testing import subject

    document = check(subject(name, parameters(parameter or []), plugin or []))
    if as_json:
        print_document(document)
    else:
        show(document)
    raise typer.Exit(0 if document["holds"] else 1)


def new_strategy(
    name: Annotated[str, typer.Argument(help="What to call it, in snake case: my_idea.")],
    directory: Annotated[
        Path, typer.Option(help="Where to put its folder; default: here.", show_default=False)
    ] = Path(),
    as_json: Json = False,
) -> None:
    """Write a strategy of your own as a package, ready to edit, with its test."""
    from harness.cli.scaffolding import new_strategy as write

    document = write(name, directory, show=not as_json)
    if as_json:
        print_document(document)


def predict(
    folder: Exported,
    inputs: ToPredict,
    prior: Prior = None,
    path_column: PathColumn = None,
    label_column: LabelColumn = None,
    root: Root = None,
    suffix: Suffix = "",
    as_csv: Csv = False,
    as_json: Json = False,
) -> None:
    """Label images with an exported model; score them where their classes are known."""
    from harness.cli.predicting import run_prediction
    from harness.cli.prediction_output import writer
    from harness.errors import UserError
    from harness.prediction.parts import Columns

    if as_csv and as_json:
        raise UserError("--csv and --json can't both have standard output; give one of them")
    columns = Columns(path_column, label_column, root, suffix)
    status = run_prediction(folder, inputs, prior, columns, writer(as_json, as_csv))
    raise typer.Exit(status)


def export(
    wanted: Annotated[
        str, typer.Argument(metavar="RUN_ID|EXPERIMENT", help="A trial's run, or an experiment.")
    ],
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder.")],
    format_: Annotated[
        str, typer.Option("--format", help="keras, savedmodel, litert or onnx.")
    ] = "keras",
    ensemble: Annotated[
        bool, typer.Option("--ensemble", help="All seeds or folds as one model.")
    ] = False,
    refit: Annotated[
        str | None,
        typer.Option(metavar="all", help="all: train on validation too; the rule stays."),
    ] = None,
    register: Annotated[
        str | None, typer.Option(metavar="NAME", help="A name in MLflow's registry.")
    ] = None,
    decision: Decision = None,
    plugin: Plugins = None,
    network_from: NetworkFrom = None,
    as_json: Json = False,
) -> None:
    """Write a trained model with its decision rule and a model card into a folder."""
    from harness.cli.exporting import export_model
    from harness.errors import UserError, unknown
    from harness.export.building import Request
    from harness.export.export import format_of

    if refit not in (None, "all"):
        raise UserError(unknown("--refit", refit or "", ["all"]))
    request = Request(
        wanted,
        directory,
        format_of(format_),
        ensemble,
        refit == "all",
        register,
        decision,
        tuple(plugin or ()),
        network_from,
    )
    document = export_model(request, show=not as_json)
    if as_json:
        print_document(document)


def pack(
    experiment: Annotated[str, typer.Argument(metavar="EXPERIMENT", help="Its name.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file: results.pack.")],
    as_json: Json = False,
) -> None:
    """Write an experiment's trials and comparisons into one file, for another machine."""
    from harness.cli.travelling import pack_experiment

    document = pack_experiment(experiment, file, show=not as_json)
    if as_json:
        print_document(document)


def merge(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Packs of any machines.")],
    as_json: Json = False,
) -> None:
    """Take packs into the record, each trial once; trials of other conditions are refused."""
    from harness.cli.travelling import merge_packs

    document = merge_packs(files, show=not as_json)
    if as_json:
        print_document(document)
