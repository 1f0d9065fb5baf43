"""Running a comparison's trials: those that no record holds, each once; and what came of all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.comparison.observer import Observer, Work
from harness.comparison.records import RecordedTrial, recorded_trials
from harness.comparison.setup import Setup
from harness.data import prepare
from harness.errors import UserError
from harness.execution.schedule import Schedule
from harness.execution.task import Outcome, Task
from harness.tracking.store import Store
from harness.trial.ahead import features_ahead
from harness.trial.trial import Trial

ANOTHER = (
    "it was recorded as another trial, for code changed while the comparison ran; run it again"
)


@dataclass(frozen=True)
class Ran:
    """A setup whose tasks have ended: each with its outcome and, if it finished, its record.

    `trials` and `outcomes` are by the task's label, `recorded` by the trial's fingerprint.
    """

    setup: Setup
    tasks: tuple[Task, ...]
    trials: Mapping[str, Trial]
    outcomes: Mapping[str, Outcome]
    recorded: Mapping[str, RecordedTrial]

    def record(self, task: Task) -> RecordedTrial | None:
        """Return what is recorded of a task's trial."""
        return self.recorded.get(self.trials[task.label].fingerprint)

    @property
    def by_strategy(self) -> dict[str, dict[int, RecordedTrial]]:
        """The finished trials by strategy and seed; none for a strategy of which none finished."""
        found: dict[str, dict[int, RecordedTrial]] = {
            candidate.name: {} for candidate in self.setup.candidates
        }
        for task in self.tasks:
            if record := self.record(task):
                found[task.candidate.name][task.seed] = record
        return found

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A row for each finished trial."""
        return [
            {
                "run_id": record.run.run_id,
                "trial": self.trials[task.label].fingerprint,
                "strategy": task.candidate.name,
                "seed": task.seed,
                **_place(self.setup, task.seed),
                "cached": self.outcomes[task.label].cached,
            }
            for task in self.tasks
            if (record := self.record(task))
        ]

    @property
    def failures(self) -> list[dict[str, Any]]:
        """A row for each failed trial, and for each that ended but isn't the one asked for."""
        return [
            {"strategy": task.candidate.name, "seed": task.seed, "reason": reason}
            for task in self.tasks
            if (reason := self._failure(task))
        ]

    def _failure(self, task: Task) -> str:
        outcome = self.outcomes[task.label]
        if outcome.state == "failed":
            return outcome.reason
        return "" if self.record(task) else ANOTHER


def run(
    setups: Sequence[Setup], schedule: Schedule, store: Store, parent: str, observer: Observer
) -> list[Ran]:
    """Run all tasks of the setups that are not recorded, and show each below the run `parent`."""
    trials = {label: trial for setup in setups for label, trial in _trials(setup).items()}
    if len({trial.splits.source for trial in trials.values()}) > 1:
        raise UserError("the data changed while they were read; start the comparison again")
    fingerprints = {label: trial.fingerprint for label, trial in trials.items()}
    evaluation = setups[0].experiment.evaluation
    known = (
        {}
        if schedule.fresh
        else recorded_trials(
            store,
            fingerprints.values(),
            evaluation,
            on_damage=lambda run, why: observer.note(f"{run.name} runs again, for {why}"),
        )
    )
    tasks = [setup.tasks(parent) for setup in setups]
    together = [task for each in tasks for task in each]
    missing = [task for task in together if fingerprints[task.label] not in known]
    splits = {task.seed: trials[task.label].splits for task in missing}
    features_ahead(setups[0].experiment, splits.values())
    outcomes: dict[str, Outcome] = {}
    threads = trials[together[0].label].threads
    work = Work(
        trials=len(together),
        recorded=len(together) - len(missing),
        epochs=setups[0].most_epochs,
        is_exact=setups[0].experiment.train.epochs != "auto",
        jobs=min(schedule.at_a_time(threads), max(1, len(missing))),
        threads=threads,
    )
    with observer.trials(work) as bar:

        def on_outcome(task: Task, outcome: Outcome) -> None:
            outcomes[task.label] = outcome
            bar.on_outcome(task, outcome)

        schedule.on_epoch = bar.on_epoch
        for task in together:
            if found := known.get(fingerprints[task.label]):
                on_outcome(task, Outcome("done", found.run.run_id, cached=True))
        schedule.run(missing, threads, on_outcome)
    store.reap()  # what workers left that were killed
    recorded = recorded_trials(store, fingerprints.values(), evaluation, known)
    for record in recorded.values():
        store.adopt(record.run, parent)
    return [
        Ran(setup, tuple(each), trials, outcomes, recorded)
        for setup, each in zip(setups, tasks, strict=True)
    ]


def _place(setup: Setup, seed: int) -> dict[str, int]:
    split = setup.experiment.split
    if split.folds is None:
        return {}
    repeat, fold = split.repeat_and_fold(seed)
    return {"repeat": repeat, "fold": fold}


def _trials(setup: Setup) -> dict[str, Trial]:
    """Return every trial of a setup by its task's label, to know it in the record."""
    splits = {seed: prepare(setup.experiment, seed) for seed in setup.seeds}
    return {
        task.label: Trial(task.experiment, task.candidate.stack(), task.seed, splits[task.seed])
        for task in setup.tasks(None)
    }
