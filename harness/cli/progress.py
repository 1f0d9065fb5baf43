"""Bars on standard error: over the trials of a comparison, of a search, and epochs of one trial."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from harness.cli.notes import print_line, print_notes
from harness.comparison.observer import Work
from harness.config.experiment import Train
from harness.execution.pace import Pace, spare_cores
from harness.execution.task import Outcome, Task
from harness.report.wording import Metric, plural
from harness.trial.epoch import Epoch, OnEpoch

if TYPE_CHECKING:
    from harness.tuning.setup import Tuning

LONG = 600.0
ENOUGH = 5.0
"""Seconds of timed epochs that an estimate can rest on before more than one trial a job ended."""


@dataclass
class Forecast:
    """Says once, as soon as that can be told, how long the rest will take; and keeps it current."""

    err: Console
    pace: Pace
    shorter: str
    at_most: bool = False
    _is_told: bool = False

    def text(self, epochs: int, trials: int) -> str:
        """Return what is to stand beside a bar; the line is printed when it is first known."""
        seconds = self.pace.left(epochs, trials)
        if seconds is None:
            return ""
        pace = self.pace
        sure = pace.ended > pace.jobs or pace.seconds > ENOUGH or not pace.epochs
        if sure and trials and not self._is_told:
            self._is_told = True
            self.err.print(self._line(seconds), markup=False, highlight=False, soft_wrap=True)
        return f"{duration(seconds)} left"

    def _line(self, seconds: float) -> str:
        line = f"about {duration(seconds)} left{', or less' if self.at_most else ''}"
        return f"{line}; shorter with {self.shorter}" if seconds > LONG else line


@dataclass
class TrialsBar:
    """A bar over all epochs of all trials; those that are recorded already take no time."""

    bar: Progress
    row: TaskID
    work: Work
    forecast: Forecast
    reached: dict[str, int] = field(default_factory=dict)
    ended: int = 0
    trained: int = 0
    found: int = 0

    def on_epoch(self, task: Task, epoch: int) -> None:
        """Show that a trial under way has ended an epoch."""
        self.reached[task.label] = epoch
        self.forecast.pace.epoch(task.label, epoch)
        self._show(task.label)

    def on_outcome(self, task: Task, outcome: Outcome) -> None:
        """Show that a trial has ended, and if it failed, why."""
        self.ended += 1
        if outcome.cached:
            self.found += 1
        else:
            self.trained += 1
            self.forecast.pace.trial()
            self.reached[task.label] = self.work.epochs
        if outcome.state == "failed":
            line = f"failed: {task.label}: {outcome.reason}"
            print_line(self.bar.console, line)
        self._show(task.label)

    def _show(self, label: str) -> None:
        trials = self.work.trials - self.found
        epochs = sum(self.reached.values())
        left = self.forecast.text(trials * self.work.epochs - epochs, trials - self.trained)
        done = epochs + self.found * self.work.epochs
        now = _cut(f"{self.ended}/{self.work.trials} trials, {label}", 44)
        self.bar.update(self.row, completed=done, now=now, left=left)


@dataclass
class SearchBar:
    """A bar over the trials of a search, with the best score so far."""

    bar: Progress
    row: TaskID
    tuning: "Tuning"
    forecast: Forecast
    now: str = "loading"
    ended: int | None = None
    epochs: int = 0

    def on_progress(self, ended: int, best: float | None) -> None:
        """Show how many trials have ended, and the best score so far."""
        if self.ended is None:
            self._begin(ended)
        for _ in range(ended - (self.ended or 0)):
            self.forecast.pace.trial()
            self.epochs = 0
        self.ended = ended
        metric = Metric(self.tuning.experiment.evaluation.metric)
        score = "" if best is None else f", best {metric.heading} {metric.score(best)}"
        self.now = f"{ended}/{self.tuning.trials} trials{score}"
        self._show()

    def on_epoch(self, label: str, epoch: int) -> None:
        """Show that a trial under way has ended an epoch with an inner seed."""
        self.forecast.pace.epoch(label, epoch)
        self.epochs += 1
        self._show()

    def _begin(self, ended: int) -> None:
        tuning = self.tuning
        line = (
            f"{tuning.candidate.name}: {plural(tuning.trials - ended, 'trial')} to search, each of "
            f"{plural(len(tuning.inner_seeds), 'inner seed')} and "
            f"{plural(tuning.experiment.train.most_epochs, 'epoch')} a seed"
            + (f"; {ended} more have ended already" if ended else "")
        )
        if ended < tuning.trials:
            self.bar.console.print(line, markup=False, highlight=False, soft_wrap=True)
        self.ended = ended

    def _show(self) -> None:
        trials = self.tuning.trials - (self.ended or 0)
        each = len(self.tuning.inner_seeds) * self.tuning.experiment.train.most_epochs
        left = self.forecast.text(max(0, trials * each - self.epochs), trials)
        self.bar.update(self.row, completed=self.ended, now=_cut(self.now, 44), left=left)


@dataclass(frozen=True)
class Bars:
    """Shows notes and bars on the console while a comparison runs."""

    err: Console
    clock: Callable[[], float] = monotonic

    def note(self, line: str) -> None:
        """Print a line about the data."""
        print_notes(self.err, [line])

    @contextmanager
    def search(self, tuning: "Tuning", jobs: int) -> Iterator[SearchBar]:
        """Say how many trials a search has, and show a bar of them while the context lasts."""
        shorter = _shorter("fewer trials, inner seeds or epochs", jobs, tuning.threads)
        with progress_bar(self.err) as bar:
            row = bar.add_task(
                _cut(tuning.candidate.name, 24), total=tuning.trials, now="loading", left=""
            )
            forecast = Forecast(
                self.err, Pace(min(jobs, tuning.trials), self.clock), shorter, at_most=True
            )
            yield SearchBar(bar, row, tuning, forecast)

    @contextmanager
    def trials(self, work: Work) -> Iterator[TrialsBar]:
        """Say how many trials there are, and show a bar of them while the context lasts."""
        self.err.print(_work(work), markup=False, highlight=False, soft_wrap=True)
        shorter = _shorter("fewer seeds, strategies or epochs", work.jobs, work.threads)
        with progress_bar(self.err) as bar:
            total = work.trials * work.epochs
            row = bar.add_task("", total=total, now=f"0/{work.trials} trials", left="")
            forecast = Forecast(self.err, Pace(work.jobs, self.clock), shorter, not work.is_exact)
            yield TrialsBar(bar, row, work, forecast)


@contextmanager
def epochs_bar(err: Console, train: Train) -> Iterator[OnEpoch]:
    """Show a bar over the epochs of a trial while the context lasts; yield what moves it."""
    pace, metric = Pace(), Metric(train.select_by)
    with progress_bar(err) as bar:
        row = bar.add_task("", total=train.most_epochs, now="compiling", left="")

        def on_epoch(epoch: Epoch) -> None:
            done = epoch.number + 1
            pace.epoch("", done)
            seconds = pace.left(train.most_epochs - done, 1)
            score = f"{metric.heading} {metric.score(epoch.validation_score)}"
            bar.update(
                row,
                completed=done,
                now=f"epoch {done}, validation {score}",
                left="" if seconds is None else f"{duration(seconds)} left",
            )

        yield on_epoch


def progress_bar(err: Console) -> Progress:
    """Return the bar of every command: drawn on a terminal only, and gone at the end.

    Its tasks have the fields `now`, what is under way, and `left`, the time that the rest takes.
    """
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=16),
        TextColumn("{task.fields[now]}"),
        TextColumn("{task.fields[left]}"),
        console=err,
        disable=not sys.stderr.isatty(),
        transient=True,
    )


def duration(seconds: float) -> str:
    """Return a time in the unit that it is thought of in: 8 s, 25 min, 3.5 h, 2.1 days."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.1f} days"


def _work(work: Work) -> str:
    missing = work.trials - work.recorded
    if not missing:
        return f"{plural(work.trials, 'trial')}, recorded already"
    epochs = f"{'' if work.is_exact else 'up to '}{plural(work.epochs, 'epoch')}"
    line = f"{plural(missing, 'trial')} to run, {epochs} each"
    line += f", {work.jobs} at a time" if work.jobs > 1 else ""
    return f"{line}; {work.recorded} more are recorded already" if work.recorded else line


def _shorter(what: str, jobs: int, threads: int) -> str:
    return f"{what}, or more --jobs" if spare_cores(jobs, threads) else what


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
