"""The commands that train: one strategy, several over seeds, or a search."""

from typing import Annotated

import typer

from harness.cli.options import (
    Also,
    Config,
    InnerSeeds,
    Json,
    NetworkFrom,
    Overrides,
    Parameters,
    Plugins,
    Ray,
    Seed,
    Storage,
    Strategy,
)
from harness.cli.output import print_document
from harness.config.seeds import LARGEST_SEED


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
        print_document(document)


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
    first_seed: Annotated[
        int,
        typer.Option(
            min=0, max=LARGEST_SEED, help="Where seeds begin, for a share of a comparison."
        ),
    ] = 0,
    against: Annotated[
        str | None, typer.Option(help="The baseline; default: the experiment's.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, max=1024, help="Trials at a time; default: a core each.")
    ] = None,
    ray: Ray = None,
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
    storage: Storage = None,
    fresh: Annotated[bool, typer.Option(help="Run again what is recorded.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would run, and what it would take.")
    ] = False,
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
            first_seed=first_seed,
        )
        for config in configs or [DEFAULT]
    ]
    effort = None if tune is None else Effort(tune, tuple(also or ()), inner_seeds, storage)
    if dry_run:
        from harness.cli.forecasting import show_forecasts

        forecasts = show_forecasts(setups, effort, fresh, show=not as_json)
        if as_json:
            print_document(forecasts)
        return
    document, failed = run_comparisons(setups, jobs, ray, fresh, not as_json, effort)
    if as_json:
        print_document(document)
    raise typer.Exit(1 if failed else 0)


def tune(
    strategy: Strategy,
    config: Config = None,
    trials: Annotated[int, typer.Option(min=1, max=100_000, help="How many trials in all.")] = 50,
    also: Also = None,
    inner_seeds: InnerSeeds = 3,
    storage: Storage = None,
    study: Annotated[
        str | None, typer.Option(help="The study's name; default: one for what is searched.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, max=1024, help="Trials at a time; default: 1.")
    ] = None,
    ray: Ray = None,
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
    document, failed = tune_one(chosen, jobs, ray, options, show=not as_json)
    if as_json:
        print_document(document)
    raise typer.Exit(1 if failed else 0)
