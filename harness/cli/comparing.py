"""`harness compare`: run what is not recorded yet, and say what all of it shows."""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console

from harness.cli import verdicts
from harness.cli.progress import progress
from harness.comparison.facts import Ran, facts
from harness.comparison.ranks import rank
from harness.comparison.records import recorded_trials
from harness.comparison.setup import Effort, Setup
from harness.comparison.summary import document, summarise
from harness.data import prepare
from harness.data.audit import duplicates, identical
from harness.errors import UserError
from harness.execution.schedule import Schedule
from harness.execution.task import Outcome
from harness.report.content import Content
from harness.report.keep import keep, page_of, read
from harness.report.ranks import Ranking
from harness.report.ranks import render as render_ranks
from harness.scoring.metrics import HIGHER_IS_BETTER
from harness.tracking.place import reports_folder
from harness.tracking.store import Store
from harness.training.budget import total_examples
from harness.training.threads import cores
from harness.trial.trial import Trial

if TYPE_CHECKING:
    from harness.comparison.tuned import Searched
    from harness.tuning.setup import Tuning
    from harness.tuning.tune import Tuned

WORTH_WORKERS = 1_000_000
RANKS_PAGE = "ranks.html"


@dataclass(frozen=True)
class Finished:
    """A comparison that has been run: its document, and its page (None: no baseline, no page)."""

    document: dict[str, Any]
    content: Content | None


def compare_all(
    setups: Sequence[Setup],
    jobs: int | None,
    fresh: bool,
    show: bool,
    effort: Effort | None = None,
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
            finished.append(compare(each, schedule, err, effort))
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
    train = prepare(setup.experiment, setup.seeds[0]).train
    work = trials * total_examples(setup.experiment.train, len(train))
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


def compare(setup: Setup, schedule: Schedule, err: Console, effort: Effort | None) -> Finished:
    """Run the trials that are not recorded, record the comparison, and return what it shows.

    With an `effort`, every strategy is tuned first, and the untuned ones run beside the tuned.

    Raises:
        KeyboardInterrupt: Ctrl-C; what is recorded stays.

    """
    searched = None if effort is None else _search(setup, effort, schedule.jobs, err)
    main = setup if searched is None else searched.tuned
    experiment = main.experiment
    store = Store.open(experiment.name)
    store.reap()
    splits = prepare(experiment, main.seeds[0])
    audit = duplicates(splits)
    for note in (*splits.notes, *audit.notes, *identical(splits).notes):
        err.print(f"note: {note}", markup=False, soft_wrap=True)
    first = Trial(experiment, main.candidates[0].stack(), main.seeds[0], splits)
    parent = store.comparison(first.conditions, experiment.name)
    setups = [main, searched.untuned] if searched else [main]
    ran, *beside = _run(setups, schedule, err, store, parent, first.threads)
    said = facts(ran, splits, audit, first.conditions)
    said |= {"run_id": parent, "command": shlex.join(["harness", *sys.argv[1:]])}
    said["failed"] += [failure for each in beside for failure in each.failures]
    trials = ran.by_strategy
    if not trials.get(main.baseline):
        store.fail(parent, f"no trial of the baseline {main.baseline!r} has finished")
        return Finished(said, None)
    evaluation = experiment.evaluation
    comparison = summarise(trials, main.baseline, evaluation.metric, evaluation.margin)
    said |= document(comparison)
    if searched:
        from harness.comparison.tuned import ledger

        said["tuning"] = ledger(searched, comparison, trials, beside[0].by_strategy)
    said["report"] = str(page_of(experiment.name))
    return Finished(said, keep(store, parent, said, comparison, trials, splits.train))


def _run(
    setups: Sequence[Setup],
    schedule: Schedule,
    err: Console,
    store: Store,
    parent: str,
    threads: int,
) -> list[Ran]:
    """Run all tasks of the setups that are not recorded, and show each below `parent`."""
    trials = {label: trial for each in setups for label, trial in _trials(each).items()}
    fingerprints = {label: trial.fingerprint for label, trial in trials.items()}
    known = {} if schedule.fresh else recorded_trials(store, fingerprints.values())
    tasks = [each.tasks(parent) for each in setups]
    together = [task for each in tasks for task in each]
    epochs = setups[0].experiment.train.epochs
    with progress(err, len(together), epochs) as progressing:
        schedule.on_epoch = progressing.on_epoch
        missing = []
        for task in together:
            if found := known.get(fingerprints[task.label]):
                progressing.on_outcome(task, Outcome("done", found.run.run_id, cached=True))
            else:
                missing.append(task)
        schedule.run(missing, threads, progressing.on_outcome)
    recorded = recorded_trials(store, fingerprints.values())
    for record in recorded.values():
        store.adopt(record.run, parent)
    return [
        Ran(setup, tuple(own), trials, progressing.outcomes, recorded)
        for setup, own in zip(setups, tasks, strict=True)
    ]


def _search(setup: Setup, effort: Effort, jobs: int, err: Console) -> "Searched":
    """Tune every strategy, each with a bar of its own; Optuna is loaded for this alone."""
    from harness.cli.tuning import progress as tuning_progress
    from harness.comparison.tuned import search
    from harness.tuning.tune import tune

    def run(study: "Tuning") -> "Tuned":
        with tuning_progress(study, err) as on_progress:
            return tune(study, jobs, on_progress)

    return search(setup, effort, run)


def _ranks(finished: Sequence[Finished], show: bool) -> dict[str, Any] | None:
    """Rank the strategies that every experiment has; None where metrics differ or none is left."""
    rows = [
        {row["strategy"]: row["mean"] for row in each.document["strategies"]} for each in finished
    ]
    names = [name for name in rows[0] if all(row.get(name) is not None for row in rows)]
    metrics = {each.document["metric"] for each in finished}
    if not names or len(metrics) > 1:
        if show:
            verdicts.show_no_ranks()
        return None
    scores = np.array([[row[name] for name in names] for row in rows])
    metric = metrics.pop()
    ranking = Ranking(
        experiments=tuple(each.document["experiment"] for each in finished),
        strategies=tuple(names),
        metric=metric,
        scores=scores,
        ranks=rank(scores, higher_is_better=HIGHER_IS_BETTER[metric]),
        made=finished[-1].document["made"],
    )
    page = reports_folder() / RANKS_PAGE
    page.write_text(render_ranks(ranking), "utf-8")
    if show:
        verdicts.show_ranks(ranking, page)
    ranks = ranking.ranks
    return {
        "strategies": names,
        "average": ranks.average.tolist(),
        "p": ranks.p,
        "critical_difference": ranks.critical_difference,
        "groups": [[names[index] for index in group] for group in ranks.groups],
        "reason": ranks.reason,
        "page": str(page),
    }


def _trials(setup: Setup) -> dict[str, Trial]:
    """Return every trial of a setup by its task's label, to know it in the record."""
    splits = {seed: prepare(setup.experiment, seed) for seed in setup.seeds}
    return {
        task.label: Trial(task.experiment, task.candidate.stack(), task.seed, splits[task.seed])
        for task in setup.tasks(None)
    }
