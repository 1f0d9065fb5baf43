"""The progress of many trials on standard error: how many are done, and what time is left."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from harness.execution.task import Outcome, Task


@dataclass
class Progressing:
    """What came of the trials so far, and the bar that shows it."""

    bar: Progress
    row: TaskID
    trials: int
    epochs: int
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    reached: dict[str, int] = field(default_factory=dict)

    def on_epoch(self, task: Task, epoch: int) -> None:
        """Show that a trial under way has ended an epoch."""
        self.reached[task.label] = epoch
        self._show(task.label)

    def on_outcome(self, task: Task, outcome: Outcome) -> None:
        """Keep what came of a trial, and show it."""
        self.outcomes[task.label] = outcome
        self.reached[task.label] = self.epochs
        if outcome.state == "failed":
            self.bar.console.print(f"failed: {task.label}: {outcome.reason}", markup=False)
        self._show(task.label)

    def _show(self, label: str) -> None:
        done = f"{len(self.outcomes)}/{self.trials} trials"
        completed = sum(self.reached.values())
        self.bar.update(self.row, completed=completed, now=f"{done}, {label}"[:48])


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


@contextmanager
def progress(err: Console, trials: int, epochs: int) -> Iterator[Progressing]:
    """Show a bar over all trials while the context lasts."""
    with bar_on(err) as bar:
        row = bar.add_task("", total=trials * epochs, now=f"0/{trials} trials")
        yield Progressing(bar, row, trials, epochs)
