"""What a comparison would run, and what that would take, without running it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from harness.comparison.setup import Effort, Setup
from harness.data import prepare
from harness.tracking.experiments import experiment_names
from harness.tracking.run import RecordedRun
from harness.tracking.source import FINISHED_TRIALS
from harness.tracking.store import Store
from harness.training.budget import total_examples
from harness.trial.stored import is_whole
from harness.trial.trial import Trial

SECONDS = 3600.0
SEEN, TRAINED = "cost/examples_seen", "cost/train_seconds"


@dataclass(frozen=True)
class Forecast:
    """The shape of a comparison's work.

    Of the `trials`, so many are `recorded`. The others visit so many training `examples` in all,
    each of `shape`, in up to `epochs` epochs, with `threads` each. `core_hours` are those of
    training, judged by `measured_on` recorded trials; None where there is none to judge by.
    `searched` are the trials of tuning that come first, of which the others' parameters follow.
    """

    experiment: str
    strategies: tuple[str, ...]
    seeds: tuple[int, ...]
    trials: int
    recorded: int
    examples: int
    shape: tuple[int, ...]
    epochs: int
    threads: int
    core_hours: float | None
    measured_on: int
    searched: int = 0

    @property
    def document(self) -> dict[str, Any]:
        """It as JSON-ready data."""
        return {**asdict(self), "to_run": self.trials - self.recorded}


def forecast(setup: Setup, effort: Effort | None = None, fresh: bool = False) -> Forecast:
    """Return what a comparison would run; the data are read, and nothing is made or recorded.

    Where it is `fresh`, what is recorded would run again.

    Of `train.epochs: auto` it is the first run of each strategy, at most; the number of epochs that
    these find may take a second one. Before a search nothing is known to be recorded.

    Raises:
        UserError: the data or a strategy's parameters are wrong.

    """
    runs = _recorded(setup.experiment.name)
    tasks = setup.tasks(None)
    missing = [task for task in tasks if effort or fresh or task.trial().fingerprint not in runs]
    first = prepare(setup.experiment, setup.seeds[0])
    visits = total_examples(setup.experiment.train, len(first.train))
    some = Trial(setup.experiment, setup.candidates[0].stack(), setup.seeds[0], first)
    known = _seconds_an_example(runs, some.conditions)
    mean = float(np.mean(list(known.values()))) if known else 0.0
    seconds = sum(known.get(task.candidate.spec, mean) for task in missing) * visits
    return Forecast(
        experiment=setup.experiment.name,
        strategies=tuple(candidate.name for candidate in setup.candidates),
        seeds=setup.seeds,
        trials=len(tasks),
        recorded=len(tasks) - len(missing),
        examples=len(missing) * visits,
        shape=tuple(first.train.inputs.shape[1:]),
        epochs=setup.most_epochs,
        threads=some.threads,
        core_hours=seconds * some.threads / SECONDS if known or not missing else None,
        measured_on=sum(run.tags.get("conditions") == some.conditions for run in runs.values()),
        searched=len(setup.candidates) * effort.trials * effort.inner_seeds if effort else 0,
    )


def _recorded(experiment: str) -> dict[str, RecordedRun]:
    """Return the finished trials of an experiment whose files can be read, by fingerprint."""
    if experiment not in experiment_names():
        return {}
    store = Store.existing(experiment)
    found: dict[str, RecordedRun] = {}
    for run in store.runs(FINISHED_TRIALS):
        if run.tags["trial"] not in found and is_whole(store, run.run_id):
            found[run.tags["trial"]] = run
    return found


def _seconds_an_example(runs: Mapping[str, RecordedRun], conditions: str) -> dict[str, float]:
    """Return what a visit of a training example took, by strategy, under the same conditions."""
    found: dict[str, list[float]] = {}
    for run in runs.values():
        if run.tags.get("conditions") == conditions and run.metrics.get(SEEN):
            seconds = run.metrics[TRAINED] / run.metrics[SEEN]
            found.setdefault(run.tags["strategy"], []).append(seconds)
    return {name: float(np.mean(each)) for name, each in found.items()}
