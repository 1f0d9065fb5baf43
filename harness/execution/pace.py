"""How long trials will still take, judged by those that are under way or have ended."""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from harness.training.threads import cores

TELLING = 60.0
"""Seconds: a first epoch that takes longer stands for the next, though compiling is in it."""


def spare_cores(jobs: int, threads: int) -> bool:
    """Tell whether cores are idle while so many trials run with so many threads each."""
    return jobs * threads < cores()


@dataclass(frozen=True)
class _Mark:
    """What had ended at a moment: epochs, counted one by one, and trials."""

    seconds: float
    epochs: int
    trials: int


@dataclass
class Pace:
    """What an epoch takes, and what a trial takes beside its epochs, where `jobs` run at a time.

    An epoch is timed from the end of the one before, so that what a process does once (loading,
    compiling) is left out. What trials take beside it is known once one has ended. The first of
    each job loads and compiles what others find: once as many more have ended, these alone count.
    """

    jobs: int = 1
    clock: Callable[[], float] = monotonic
    seconds: float = 0.0
    epochs: int = 0
    ended: int = 0
    _begun: float = field(init=False)
    _first: float | None = None
    _done: int = 0
    _warm: _Mark | None = None
    _beside: float = 0.0
    _reached: dict[str, tuple[float, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._begun = self.clock()

    def epoch(self, label: str, number: int) -> None:
        """Note that a trial has ended so many epochs now."""
        now = self.clock()
        if self._first is None:
            self._first = now
        when, before = self._reached.get(label, (now, number))
        self._reached[label] = now, number
        self._done += 1
        self.seconds += now - when
        self.epochs += number - before

    def trial(self) -> None:
        """Note that a trial has ended."""
        self.ended += 1
        if self._first is None:
            return
        trained = max(self.ended, len(self._reached) - self.jobs)  # some end beside the next
        now = _Mark(self.clock(), self._done, trained)
        if self._warm is None and self.ended >= self.jobs:
            self._warm = now
        since = _Mark(self._first, 1, 0)
        if self._warm and self.ended >= 2 * self.jobs and trained > self._warm.trials:
            since = self._warm
        busy = (now.seconds - since.seconds) * self.jobs
        beside = busy - (now.epochs - since.epochs) * self._an_epoch
        self._beside = max(0.0, beside) / max(1, now.trials - since.trials)

    def left(self, epochs: int, trials: int) -> float | None:
        """Return the seconds that so many epochs in so many trials take; None: not known yet."""
        if trials <= 0:
            return 0.0
        if not self._an_epoch and self.ended < 2:
            return None
        together = epochs * self._an_epoch + trials * self._beside
        return together / min(self.jobs, trials)

    @property
    def _an_epoch(self) -> float:
        if self.epochs:
            return self.seconds / self.epochs
        first = 0.0 if self._first is None else self._first - self._begun
        return first if first > TELLING else 0.0
