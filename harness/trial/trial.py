"""A trial: one experiment, one strategy with its parameters, one seed, and the data they make."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.config.experiment import Experiment
from harness.config.load import load
from harness.data import prepare
from harness.data.classes import rarest
from harness.data.split import Splits
from harness.networks.build import digest
from harness.strategy.registry import resolve
from harness.strategy.stack import Stack
from harness.training.precision import precision_for
from harness.training.threads import threads_for
from harness.trial.fingerprint import circumstances, conditions, fingerprint


@dataclass(frozen=True, eq=False)
class Trial:
    """The unit that runs, is recorded and is resumed."""

    experiment: Experiment
    strategy: Stack
    seed: int
    splits: Splits

    @classmethod
    def of(
        cls,
        strategy: str,
        config: str | Experiment | None = None,
        seed: int = 0,
        parameters: Mapping[str, Any] | None = None,
        overrides: Sequence[str] = (),
        plugins: Iterable[Path] = (),
    ) -> "Trial":
        """Return the trial that `harness run STRATEGY -c CONFIG --seed SEED …` would run.

        `overrides` are `train.epochs=5` pairs; with an experiment as `config` there are none.

        Raises:
            UserError: the strategy, a parameter, the configuration or the data are wrong.

        """
        stack = resolve(strategy, dict(parameters or {}), plugins)
        experiment = config if isinstance(config, Experiment) else load(config, overrides)
        return cls(experiment, stack, seed, prepare(experiment, seed))

    @property
    def threads(self) -> int:
        """How many threads it computes with."""
        return threads_for(self.experiment, self.splits.train.inputs.shape[1:])

    @property
    def precision(self) -> str:
        """What its network computes in: `float32` or `mixed_bfloat16`."""
        return precision_for(self.experiment.train)

    @property
    def positive(self) -> int:
        """The class that binary scores look for: the rarer one in training."""
        return rarest(self.splits.train.counts)

    @property
    def circumstances(self) -> dict[str, Any]:
        """What it shares with every trial that it may be compared with, in full."""
        return circumstances(*self._facts)

    @cached_property
    def conditions(self) -> str:
        """What it shares with every trial that it may be compared with, as a digest."""
        return conditions(*self._facts)

    @cached_property
    def _facts(self) -> tuple[Experiment, str, int, str]:
        return self.experiment, digest(self.experiment.model), self.threads, self.splits.source

    @cached_property
    def fingerprint(self) -> str:
        """What tells this trial from every other one."""
        return fingerprint(self.conditions, self.strategy, self.seed, self.splits.digest)
