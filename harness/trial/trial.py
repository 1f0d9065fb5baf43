"""A trial: one experiment, strategy and seed; what is recorded of it, and how it is found again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from harness.config.experiment import Experiment
from harness.data.split import Splits
from harness.strategy.stack import Stack
from harness.training.networks import code_digest
from harness.training.threads import threads_for
from harness.trial.fingerprint import conditions, fingerprint

if TYPE_CHECKING:
    from harness.tracking.store import RecordedRun, Store


@dataclass(frozen=True, eq=False)
class Trial:
    """The unit that runs, is recorded and is resumed."""

    experiment: Experiment
    strategy: Stack
    seed: int
    splits: Splits

    @property
    def threads(self) -> int:
        """How many threads it computes with."""
        return threads_for(self.experiment, self.splits.train.inputs.shape[1:])

    @cached_property
    def conditions(self) -> str:
        """What it shares with every trial that it may be compared with."""
        model = self.experiment.model
        network = code_digest(model.name, model.network_from)
        return conditions(self.experiment, network, self.threads)

    @cached_property
    def fingerprint(self) -> str:
        """What tells this trial from every other one."""
        return fingerprint(self.conditions, self.strategy, self.seed, self.splits.digest)


@dataclass(frozen=True)
class Result:
    """What is recorded of a finished trial; `warnings` are what its reader should know."""

    run_id: str
    trial: str
    metrics: Mapping[str, float]
    effective_prior: Mapping[str, float]
    warnings: tuple[str, ...]
    cached: bool


def recorded(trial: Trial, store: Store) -> Result | None:
    """Return the result of a trial that is recorded as finished, or None."""
    run = store.finished(trial.fingerprint)
    return None if run is None else _result(trial, run)


def _result(trial: Trial, run: RecordedRun) -> Result:
    names = trial.splits.train.class_names
    prior = json.loads(run.tags["effective_prior"])
    return Result(
        run_id=run.run_id,
        trial=trial.fingerprint,
        metrics={key: v for key, v in run.metrics.items() if not key.startswith("epoch/")},
        effective_prior=dict(zip(names, prior, strict=True)),
        warnings=tuple(run.tags.get("warnings", "").splitlines()),
        cached=True,
    )
