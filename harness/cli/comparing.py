"""`harness compare`: run what is not recorded yet, and say what all of it shows."""

import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from harness.cli import verdicts
from harness.comparison.ranks import rank
from harness.comparison.records import RecordedTrial, recorded_trials
from harness.comparison.setup import Setup
from harness.comparison.summary import document, summarise
from harness.config.load import resolved
from harness.data import prepare
from harness.data.audit import duplicates
from harness.data.split import Splits
from harness.errors import UserError
from harness.execution.schedule import Schedule
from harness.execution.task import Outcome, Task
from harness.fingerprint import VERSIONS
from harness.metrics import HIGHER_IS_BETTER
from harness.report.content import Content
from harness.report.keep import keep, page_of, read
from harness.tracking.store import Store
from harness.training.threads import cores
from harness.trial import Trial

WORTH_WORKERS = 1_000_000


@dataclass(frozen=True)
class Finished:
    """A comparison that has been run: its document, and its page (None: no baseline, no page)."""

    document: dict[str, Any]
    content: Content | None


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


def compare_all(
    setups: Sequence[Setup], jobs: int | None, fresh: bool, show: bool
) -> tuple[dict[str, Any], bool]:
    """Run one comparison after the other; return the JSON document, and whether a trial failed.

    Raises:
        UserError: several experiments have one name, so that their records would mix.

    """
    names = [each.experiment.name for each in setups]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"two experiments are named {doubled[0]!r}; give each a name of its own")
    err = Console(stderr=True)
    schedule = Schedule(jobs or max(map(_jobs, setups)), fresh)
    try:
        finished = []
        for each in setups:
            finished.append(compare(each, schedule, err))
            if show:
                verdicts.show(finished[-1].document, finished[-1].content)
    except KeyboardInterrupt:
        schedule.kill()
        for name in names:
            Store.open(name).reap()
        err.print("stopped; what was recorded stays, and the same command goes on from there")
        raise
    schedule.close()
    failed = any(each.document["failed"] for each in finished)
    if len(finished) == 1:
        return finished[0].document, failed
    document: dict[str, Any] = {"experiments": [each.document for each in finished]}
    document["ranks"] = _ranks(finished, show)
    return document, failed


def _jobs(setup: Setup) -> int:
    """Return a worker a core if there is work for over a minute, for loading them takes as long.

    The work is judged by the examples that training visits, of which a core takes some 10,000 a
    second in the small networks (see `benchmarks/README.md`).
    """
    trials = len(setup.candidates) * len(setup.seeds)
    examples = len(prepare(setup.experiment, setup.seeds[0]).train)
    work = trials * setup.experiment.train.epochs * examples
    return min(cores(), trials) if work > WORTH_WORKERS else 1


def write_report(experiment: str, output: Path | None) -> str:
    """Write the page of the newest comparison of an experiment; return where it stands.

    Raises:
        UserError: nothing is recorded, or the file can't be written.

    """
    from harness.report.page import render

    content, _ = read(experiment)
    path = output or page_of(experiment)
    try:
        path.write_text(render(content), "utf-8")
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error
    return str(path)


def compare(setup: Setup, schedule: Schedule, err: Console) -> Finished:
    """Run the trials that are not recorded, record the comparison, and return what it shows.

    Raises:
        KeyboardInterrupt: Ctrl-C; what is recorded stays.

    """
    experiment = setup.experiment
    store = Store.open(experiment.name)
    store.reap()
    splits = prepare(experiment, setup.seeds[0])
    audit = duplicates(splits)
    for note in (*splits.notes, *audit.notes):
        err.print(f"note: {note}", markup=False)
    trials = _trials(setup)
    first = next(iter(trials.values()))
    parent = store.comparison(first.conditions, experiment.name)
    tasks = setup.tasks(parent)
    fingerprints = {label: trial.fingerprint for label, trial in trials.items()}
    known = {} if schedule.fresh else recorded_trials(store, fingerprints.values())
    with _progress(err, len(tasks), experiment.train.epochs) as progress:
        schedule.on_epoch = progress.on_epoch
        missing = []
        for task in tasks:
            if found := known.get(fingerprints[task.label]):
                progress.on_outcome(task, Outcome("done", found.run.run_id, cached=True))
            else:
                missing.append(task)
        schedule.run(missing, first.threads, progress.on_outcome)
    recorded = recorded_trials(store, fingerprints.values())
    by_strategy: dict[str, dict[int, RecordedTrial]] = {}
    for task in tasks:
        if found := recorded.get(fingerprints[task.label]):
            store.adopt(found.run, parent)
            by_strategy.setdefault(task.candidate.name, {})[task.seed] = found
    facts = _facts(setup, tasks, trials, recorded, progress.outcomes)
    facts |= {
        "command": shlex.join(["harness", *sys.argv[1:]]),
        "run_id": parent,
        "duplicates": vars(audit),
    }
    facts |= {"classes": list(splits.train.class_names), "counts": _counts(splits)}
    facts |= {"notes": [*splits.notes, *audit.notes], "dataset": splits.digest}
    if not by_strategy.get(setup.baseline):
        store.fail(parent, f"no trial of the baseline {setup.baseline!r} has finished")
        return Finished(facts, None)
    metric, margin = experiment.evaluation.metric, experiment.evaluation.margin
    comparison = summarise(by_strategy, setup.baseline, metric, margin)
    facts |= document(comparison)
    facts["report"] = str(page_of(experiment.name))
    return Finished(facts, keep(store, parent, facts, comparison, by_strategy, splits.train))


def _ranks(finished: Sequence[Finished], show: bool) -> dict[str, Any] | None:
    """Rank the strategies that every experiment has; None where metrics differ or none is left."""
    rows = [
        {row["strategy"]: row["mean"] for row in each.document["strategies"]} for each in finished
    ]
    names = [name for name in rows[0] if all(row.get(name) is not None for row in rows)]
    metrics = {each.document["metric"] for each in finished}
    if not names or len(metrics) > 1:
        return None
    scores = np.array([[row[name] for name in names] for row in rows])
    ranks = rank(scores, higher_is_better=HIGHER_IS_BETTER[metrics.pop()])
    if show:
        verdicts.show_ranks(names, [each.document["experiment"] for each in finished], ranks)
    return {
        "strategies": names,
        "average": ranks.average.tolist(),
        "p": ranks.p,
        "critical_difference": ranks.critical_difference,
        "groups": [[names[index] for index in group] for group in ranks.groups],
        "reason": ranks.reason,
    }


def _trials(setup: Setup) -> dict[str, Trial]:
    """Return every trial of the comparison by its task's label, to know it in the record."""
    found = {}
    for seed in setup.seeds:
        splits = prepare(setup.experiment, seed)
        for candidate in setup.candidates:
            trial = Trial(setup.experiment, candidate.stack(), seed, splits)
            found[Task(setup.experiment, candidate, seed).label] = trial
    return found


def _facts(
    setup: Setup,
    tasks: list[Task],
    trials: dict[str, Trial],
    recorded: dict[str, RecordedTrial],
    outcomes: dict[str, Outcome],
) -> dict[str, Any]:
    """Return what was run under which circumstances, as JSON-ready data."""
    experiment = setup.experiment
    ran, failed = [], []
    for task in tasks:
        what = {"strategy": task.candidate.name, "seed": task.seed}
        trial, outcome = trials[task.label], outcomes[task.label]
        if outcome.state == "failed":
            failed.append(what | {"reason": outcome.reason})
        elif trial.fingerprint in recorded:
            run_id = recorded[trial.fingerprint].run.run_id
            ran.append(
                {"run_id": run_id, "trial": trial.fingerprint} | what | {"cached": outcome.cached}
            )
    costs = experiment.evaluation
    return {
        "experiment": experiment.name,
        "metric": costs.metric,
        "baseline": setup.baseline,
        "seeds": list(setup.seeds),
        "margin": costs.margin,
        "strategy_names": [candidate.name for candidate in setup.candidates],
        "strategies": [],
        "trials": ran,
        "failed": failed,
        "costs": {
            "false_positive": costs.false_alarm_cost,
            "false_negative": costs.miss_cost,
        },
        "conditions": trials[tasks[0].label].conditions,
        "versions": {"imbalance-harness": version("imbalance-harness")}
        | {name: version(name) for name in VERSIONS},
        "configuration": resolved(experiment),
        "made": datetime.now().astimezone().strftime("%-d %B %Y, %H:%M"),
    }


def _counts(splits: Splits) -> dict[str, list[int]]:
    return {
        "train": splits.train.counts.tolist(),
        "validation": splits.validation.counts.tolist(),
        "test": splits.test.counts.tolist(),
    }


@contextmanager
def _progress(err: Console, trials: int, epochs: int) -> Iterator[Progressing]:
    columns = (
        BarColumn(bar_width=20),
        TextColumn("{task.fields[now]}"),
        TimeRemainingColumn(),
    )
    shown = sys.stderr.isatty()
    with Progress(*columns, console=err, disable=not shown, transient=True) as bar:
        row = bar.add_task("", total=trials * epochs, now=f"0/{trials} trials")
        yield Progressing(bar, row, trials, epochs)
