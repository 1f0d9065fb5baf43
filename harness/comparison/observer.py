"""Who is told how a comparison gets on: nobody, unless the caller passes an observer."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Protocol

from harness.execution.task import Outcome, Task

if TYPE_CHECKING:
    from harness.tuning.setup import Tuning
    from harness.tuning.study import OnProgress


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

    def search(self, tuning: "Tuning") -> AbstractContextManager["OnProgress"]:
        """Show a bar while a strategy's parameters are searched; yield what moves it."""

    def trials(self, count: int, epochs: int) -> AbstractContextManager[TrialsBar]:
        """Show a bar while so many trials of so many epochs run; yield it."""


class Silent:
    """Shows nothing."""

    def note(self, line: str) -> None:
        """Drop the line."""

    @contextmanager
    def search(self, tuning: "Tuning") -> Iterator["OnProgress"]:
        """Yield what does nothing."""
        yield lambda ended, best: None

    @contextmanager
    def trials(self, count: int, epochs: int) -> Iterator["Silent"]:
        """Yield itself, a bar that shows nothing."""
        yield self

    def on_epoch(self, task: Task, epoch: int) -> None:
        """Show nothing."""

    def on_outcome(self, task: Task, outcome: Outcome) -> None:
        """Show nothing."""
