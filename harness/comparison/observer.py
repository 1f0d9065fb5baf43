"""Who is told how a comparison gets on: nobody, unless the caller passes an observer."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from harness.execution.task import Outcome, Task

if TYPE_CHECKING:
    from harness.tuning.setup import Tuning
    from harness.tuning.work import Watcher


@dataclass(frozen=True)
class Work:
    """Trials that are wanted, of which some are recorded already.

    Of the rest, `jobs` run at a time with so many `threads` each. `epochs` is what each takes, or
    at most takes where that is not exact.
    """

    trials: int
    recorded: int
    epochs: int
    is_exact: bool
    jobs: int
    threads: int


class TrialsBar(Protocol):
    """Shows how far the trials of a comparison are."""

    def on_epoch(self, task: Task, epoch: int) -> None:
        """Show that a trial under way has ended an epoch."""

    def on_outcome(self, task: Task, outcome: Outcome) -> None:
        """Show what came of a trial."""


class Observer(Protocol):
    """Is told what a user may want to see while a comparison runs."""

    def note(self, line: str) -> None:
        """Show a line about the data."""

    def search(self, tuning: "Tuning", jobs: int) -> AbstractContextManager["Watcher"]:
        """Show a bar while a strategy's parameters are searched; yield what moves it."""

    def trials(self, work: Work) -> AbstractContextManager[TrialsBar]:
        """Show a bar while trials run; yield it."""


class Silent:
    """Shows nothing."""

    def note(self, line: str) -> None:
        """Drop the line."""

    @contextmanager
    def search(self, tuning: "Tuning", jobs: int) -> Iterator["Watcher"]:
        """Yield what does nothing."""
        from harness.tuning.work import Unwatched

        yield Unwatched()

    @contextmanager
    def trials(self, work: Work) -> Iterator["Silent"]:
        """Yield itself, a bar that shows nothing."""
        yield self

    def on_epoch(self, task: Task, epoch: int) -> None:
        """Show nothing."""

    def on_outcome(self, task: Task, outcome: Outcome) -> None:
        """Show nothing."""
