"""Bars on standard error: over the trials of a comparison, of a search, and epochs of one trial."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from harness.cli.notes import print_line, print_notes
from harness.execution.task import Outcome, Task

if TYPE_CHECKING:
    from harness.tuning.setup import Tuning
    from harness.tuning.work import OnProgress


@dataclass
class TrialsBar:
    """A bar over all epochs of all trials."""

    bar: Progress
    row: TaskID
    trials: int
    epochs: int
    reached: dict[str, int] = field(default_factory=dict)
    ended: int = 0

    def on_epoch(self, task: Task, epoch: int) -> None:
        """Show that a trial under way has ended an epoch."""
        self.reached[task.label] = epoch
        self._show(task.label)

    def on_outcome(self, task: Task, outcome: Outcome) -> None:
        """Show that a trial has ended, and if it failed, why."""
        self.ended += 1
        self.reached[task.label] = self.epochs
        if outcome.state == "failed":
            line = f"failed: {task.label}: {outcome.reason}"
            print_line(self.bar.console, line)
        self._show(task.label)

    def _show(self, label: str) -> None:
        now = f"{self.ended}/{self.trials} trials, {label}"[:48]
        self.bar.update(self.row, completed=sum(self.reached.values()), now=now)


@dataclass(frozen=True)
class Bars:
    """Shows notes and bars on the console while a comparison runs."""

    err: Console

    def note(self, line: str) -> None:
        """Print a line about the data."""
        print_notes(self.err, [line])

    @contextmanager
    def search(self, tuning: "Tuning") -> Iterator["OnProgress"]:
        """Show a bar of trials with the best score so far; yield what moves it."""
        with bar_on(self.err) as bar:
            row = bar.add_task(tuning.candidate.name[:24], total=tuning.trials, now="loading")

            def on_progress(ended: int, best: float | None) -> None:
                score = "" if best is None else f", best {best:.4f}"
                bar.update(row, completed=ended, now=f"{ended}/{tuning.trials} trials{score}")

            yield on_progress

    @contextmanager
    def trials(self, count: int, epochs: int) -> Iterator[TrialsBar]:
        """Show a bar over all trials while the context lasts."""
        with bar_on(self.err) as bar:
            row = bar.add_task("", total=count * epochs, now=f"0/{count} trials")
            yield TrialsBar(bar, row, count, epochs)


def bar_on(err: Console) -> Progress:
    """Return the bar of every command: drawn on a terminal only, and gone at the end."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[now]}"),
        TimeRemainingColumn(),
        console=err,
        disable=not sys.stderr.isatty(),
        transient=True,
    )
