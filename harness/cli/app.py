"""The commands; each loads what it needs when it runs, so that help and listing are instant."""

from pathlib import Path
from typing import Annotated, Any

import typer

from harness.cli.options import (
    Also,
    Config,
    Csv,
    Decision,
    Exported,
    InnerSeeds,
    Json,
    LabelColumn,
    NetworkFrom,
    Overrides,
    Parameters,
    PathColumn,
    Plugins,
    Prior,
    Root,
    Seed,
    Strategy,
    Suffix,
    ToPredict,
)

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


@app.command()
def run(
    strategy: Strategy,
    config: Config = None,
    parameter: Parameters = None,
    overrides: Overrides = None,
    seed: Seed = 0,
    plugin: Plugins = None,
    network_from: NetworkFrom = None,
    fresh: Annotated[bool, typer.Option(help="Run again even if it is recorded.")] = False,
    as_json: Json = False,
) -> None:
    """Train with one strategy, score it under three decision rules, and record it."""
    from harness.cli.running import run_trial
    from harness.config.load import load, parameters
    from harness.strategy.registry import resolve

    stack = resolve(strategy, parameters(parameter or []), plugin or [])
    experiment = load(config, overrides or [], network_from)
    document = run_trial(experiment, stack, seed, fresh, show=not as_json)
    if as_json:
        _print_json(document)


@app.command()
def compare(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[STRATEGY]...", help="What to compare.")
    ] = None,
    configs: Annotated[
        list[str] | None,
        typer.Option("-c", "--config", help="Experiment file or name; several are ranked over."),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(min=1, max=10_000, help="How many seeds; default: the experiment's."),
    ] = None,
    against: Annotated[
        str | None, typer.Option(help="The baseline; default: the experiment's.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, max=1024, help="Trials at a time; default: a core each.")
    ] = None,
    parameter: Parameters = None,
    overrides: Overrides = None,
    plugin: Plugins = None,
    network_from: NetworkFrom = None,
    tune: Annotated[
        int | None,
        typer.Option(min=1, max=100_000, help="Tune every strategy first, with so many trials."),
    ] = None,
    also: Also = None,
    inner_seeds: InnerSeeds = 3,
    fresh: Annotated[bool, typer.Option(help="Run again what is recorded.")] = False,
    as_json: Json = False,
) -> None:
    """Run strategies over seeds and say which help, by how much, and how sure that is."""
    from harness.cli.comparing import run_comparisons
    from harness.comparison.setup import Effort, setup
    from harness.config.load import DEFAULT, load, parameters

    setups = [
        setup(
            load(config, overrides or [], network_from),
            names or [],
            parameters(parameter or []),
            plugin or [],
            against,
            seeds,
            tuned=tune is not None,
        )
        for config in configs or [DEFAULT]
    ]
    effort = None if tune is None else Effort(tune, tuple(also or ()), inner_seeds)
    document, failed = run_comparisons(setups, jobs, fresh, not as_json, effort)
    if as_json:
        _print_json(document)
    raise typer.Exit(1 if failed else 0)


@app.command()
def tune(
    strategy: Strategy,
    config: Config = None,
    trials: Annotated[int, typer.Option(min=1, max=100_000, help="How many trials in all.")] = 50,
    also: Also = None,
    inner_seeds: InnerSeeds = 3,
    storage: Annotated[
        str | None, typer.Option(help="Where the study lives; default: beside the record.")
    ] = None,
    study: Annotated[
        str | None, typer.Option(help="The study's name; default: one for what is searched.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, max=1024, help="Trials at a time.")] = 1,
    parameter: Parameters = None,
    overrides: Overrides = None,
    plugin: Plugins = None,
    network_from: NetworkFrom = None,
    as_json: Json = False,
) -> None:
    """Search for a strategy's best parameters on validation; the test set stays sealed."""
    from harness.cli.tuning import tune_one
    from harness.config.load import load, parameters
    from harness.execution.task import Candidate
    from harness.tuning.setup import tuning

    experiment = load(config, overrides or [], network_from)
    candidate = Candidate(strategy, parameters(parameter or []), tuple(plugin or []))
    chosen = tuning(experiment, candidate, trials, also or [], inner_seeds, storage, study)
    options = [] if config is None else ["-c", config]
    options += [word for pair in overrides or [] for word in ("--set", pair)]
    options += [word for path in plugin or [] for word in ("--plugin", str(path))]
    options += [] if network_from is None else ["--network-from", str(network_from)]
    document, failed = tune_one(chosen, jobs, options, show=not as_json)
    if as_json:
        _print_json(document)
    raise typer.Exit(1 if failed else 0)


@app.command()
def report(
    experiment: Annotated[
        str | None, typer.Argument(help="Its name; default: the default experiment's.")
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
    from harness.config.load import load
    from harness.report.publish import write_page

    page, document = write_page(experiment or load().name, comparison, output)
    if as_json:
        _print_json(document)
    else:
        typer.echo(page)


@app.command()
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
        _print_json([describe(entry) for entry in entries])
    else:
        show(entries, in_full=name is not None)


@app.command()
def models(as_json: Json = False) -> None:
    """List the networks: backbones with their size and features, and those of your own."""
    from harness.cli.models import describe, show

    if as_json:
        _print_json(describe())
    else:
        show(describe())


@app.command()
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
        _print_json(document)
    else:
        show(document)
    raise typer.Exit(0 if document["holds"] else 1)


@app.command()
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
        _print_json(document)


@app.command()
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


@app.command()
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
        _print_json(document)


@app.command()
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
        _print_json(document)


@app.command()
def ui(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where to listen.")] = 5000,
) -> None:
    """Open the MLflow UI over the record, on this machine only."""
    from harness.tracking.ui import serve

    raise typer.Exit(serve(port))


def _print_json(document: Any) -> None:
    from harness.cli.output import print_document

    print_document(document)
