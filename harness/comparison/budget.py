"""`train.epochs: auto`: all strategies of a seed train as long as the one that needs most."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.comparison.observer import Observer
from harness.comparison.running import run
from harness.comparison.setup import Setup
from harness.config.experiment import Train
from harness.execution.schedule import Schedule
from harness.tracking.store import Store

PROBE = "probe"


def settled(
    setups: Sequence[Setup], schedule: Schedule, store: Store, parent: str, observer: Observer
) -> list[Setup]:
    """Return the setups with a number of epochs for each seed, where that was left open.

    Each strategy first runs alone, with as many epochs as it needs itself. These trials are
    recorded as well, so that a comparison which is stopped goes on where it was. One that fails
    does not count; where all do, the number is `train.max_epochs`.
    """
    train = setups[0].experiment.train
    if train.epochs != "auto":
        return list(setups)
    probes = [replace(each, variant=f"{each.variant} {PROBE}".lstrip()) for each in setups]
    needed = dict.fromkeys(setups[0].seeds, 0)
    for ran in run(probes, schedule, store, parent, observer):
        for trials in ran.by_strategy.values():
            for seed, trial in trials.items():
                needed[seed] = max(needed[seed], int(trial.run.metrics["cost/epochs"]))
    epochs = {seed: count or train.max_epochs for seed, count in needed.items()}
    return [replace(each, epochs=epochs) for each in setups]


def epochs_found(setup: Setup) -> list[str]:
    """Return a line that says how many epochs there were, where `auto` found their number."""
    return epochs_line(setup.experiment.train, setup.epochs)


def epochs_line(train: Train, epochs: Mapping[int, int]) -> list[str]:
    """Return the same from the number of epochs by seed."""
    if not epochs:
        return []
    least, most = min(epochs.values()), max(epochs.values())
    count = f"{least}" if least == most else f"{least} to {most}"
    return [
        f"train.epochs: auto took {count} epochs, in each seed as many for every strategy as the "
        f"one that needs most ({_stop(train)})"
    ]


def _stop(train: Train) -> str:
    return f"no better on validation for {train.stopping.patience}, {train.max_epochs} at most"
