"""Tuning as a whole: as many processes as wanted work at a study; what it found is recorded."""

import tempfile
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optuna.exceptions import StorageInternalError
from optuna.trial import FrozenTrial, TrialState

from harness.config.yaml_text import dump
from harness.data import prepare
from harness.errors import TrialFailed
from harness.execution.executors import Workers, tell
from harness.processes.exits import release
from harness.tracking.place import without_password
from harness.tracking.store import Store
from harness.training.threads import use
from harness.trial.ahead import features_ahead
from harness.tuning import slots
from harness.tuning.pictures import draw
from harness.tuning.recording import Recorder
from harness.tuning.setup import Tuning
from harness.tuning.space import Point
from harness.tuning.storage import shown
from harness.tuning.study import OpenStudy
from harness.tuning.work import SECONDS_BETWEEN_LOOKS, Unwatched, Watcher, work

MOST_KILLED = 20


@dataclass(frozen=True)
class Tuned:
    """What a study found, and what that took.

    `value` is the best point's mean validation score over the inner seeds, `default` that of the
    first known point; None where no trial has one. `reasons` say why trials failed.
    """

    tuning: Tuning
    best: Point | None
    value: float | None
    trial: int | None
    default: float | None
    complete: int
    pruned: int
    failed: int
    reasons: tuple[str, ...]
    examples: int
    seconds: float
    run_id: str

    def document(self, command: str) -> dict[str, Any]:
        """Return it as the JSON document of the command; `command` repeats the best point."""
        tuning = self.tuning
        best = self.best and {
            "value": self.value,
            "params": dict(self.best.parameters),
            "settings": dict(self.best.settings),
            "trial": self.trial,
        }
        return {
            "study": tuning.study,
            "experiment": tuning.experiment.name,
            "strategy": tuning.candidate.name,
            "metric": tuning.experiment.evaluation.metric,
            "trials": {"complete": self.complete, "pruned": self.pruned, "failed": self.failed},
            "best": best,
            "default": {"value": self.default},
            "inner_seeds": list(tuning.inner_seeds),
            "examples_seen": self.examples,
            "seconds": self.seconds,
            "storage": shown(tuning.storage),
            "run_id": self.run_id,
            "command": command,
        }


def tune(tuning: Tuning, jobs: int = 1, watcher: Watcher | None = None) -> Tuned:
    """Work at a study, here or in so many processes, until all its trials have ended.

    After Ctrl-C or a kill the same call goes on from what has ended.

    Raises:
        UserError: the storage can't be opened, or holds another study under this name.
        TrialFailed: the storage or the workers broke down for good.

    """
    watcher = watcher or Unwatched()
    try:
        opened = OpenStudy.of(tuning)
        store = Store.open(tuning.experiment.name)
        store.reap()
        watcher.on_progress(*opened.so_far())
        if not opened.is_done():
            splits = (prepare(tuning.experiment, seed) for seed in tuning.inner_seeds)
            features_ahead(tuning.experiment, splits, with_test=False)
            try:
                _work(tuning, opened, jobs, watcher)
            except KeyboardInterrupt:
                store.reap(mine=True)
                raise
        return _conclude(tuning, opened, store)
    except StorageInternalError as error:
        reason = without_password(" ".join(str(error.__cause__ or error).split()))[:200]
        raise TrialFailed(f"the storage {shown(tuning.storage)} broke down: {reason}") from error


def _work(tuning: Tuning, opened: OpenStudy, jobs: int, watcher: Watcher) -> None:
    try:
        if jobs == 1:
            use(tuning.threads)
            work(tuning, watcher)
        else:
            _in_workers(tuning, opened, jobs, watcher)
    except BaseException as error:
        release(error)
        slots.give_back_the_lost(opened.study)
        raise


def _in_workers(tuning: Tuning, opened: OpenStudy, jobs: int, watcher: Watcher) -> None:
    """Let workers share the study; in place of one that is killed another begins.

    Each is a pool of its own, as a pool takes all its workers down with one that is killed.
    """
    crew: dict[Future[None], Workers] = {}
    killed = 0

    def begin() -> None:
        worker = Workers(1, tuning.threads, watcher.on_epoch)
        crew[worker.submit(_in_worker, tuning)] = worker

    try:
        for _ in range(jobs):
            begin()
        while crew:
            ended, _ = wait(crew, SECONDS_BETWEEN_LOOKS, FIRST_COMPLETED)
            watcher.on_progress(*opened.so_far())
            for future in ended:
                try:
                    future.result()
                except BrokenProcessPool:
                    killed += 1
                    begin()
                crew.pop(future).shutdown()
            if killed >= MOST_KILLED:
                raise TrialFailed(
                    f"{killed} workers ended without a word: killed by somebody, or by the system "
                    "if memory ran out (then take fewer --jobs)"
                )
    finally:
        for worker in crew.values():
            worker.kill()


class _Telling(Unwatched):
    """Tells the process that waits for this worker of its epochs."""

    def on_epoch(self, label: str, epoch: int) -> None:
        tell(label, epoch)


def _in_worker(tuning: Tuning) -> None:
    work(tuning, _Telling())


def _found(opened: OpenStudy, trials: list[FrozenTrial], run_id: str) -> Tuned:
    tuning, best = opened.tuning, opened.best()
    complete = [each for each in trials if each.state is TrialState.COMPLETE]
    first = next((each for each in complete if each.user_attrs[slots.SLOT] == 0), None)
    reports = [each.user_attrs.get(slots.REPORT, {}) for each in trials]
    errors = [str(each.user_attrs.get(slots.ERROR, "")) for each in trials]
    return Tuned(
        tuning=tuning,
        best=None if best is None else tuning.space.point(best.params),
        value=None if best is None else best.value,
        trial=None if best is None else best.number,
        default=first.value if first is not None and first.user_attrs[slots.KNOWN] else None,
        complete=len(complete),
        pruned=sum(each.state is TrialState.PRUNED for each in trials),
        failed=sum(each.state is TrialState.FAIL for each in trials),
        reasons=tuple(dict.fromkeys(reason for reason in errors if reason)),
        examples=sum(each.get("examples", 0) for each in reports),
        seconds=round(sum(each.get("seconds", 0.0) for each in reports), 3),
        run_id=run_id,
    )


def _conclude(tuning: Tuning, opened: OpenStudy, store: Store) -> Tuned:
    store.reap()
    trials = opened.finished()
    recorder = Recorder(tuning, store)
    recorder.record_missing(trials)
    tuned = _found(opened, trials, recorder.run_id)
    numbers = {
        "tuning/best": tuned.value,
        "tuning/default": tuned.default,
        "cost/examples_seen": float(tuned.examples),
        "cost/train_seconds": tuned.seconds,
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if tuned.best is not None:
            chosen = {
                "strategy": tuning.candidate.name,
                "parameters": dict(tuned.best.parameters),
                "settings": dict(tuned.best.settings),
            }
            (folder / "best.yaml").write_text(dump(chosen), "utf-8")
        draw(opened.study, folder)
        known = {key: value for key, value in numbers.items() if value is not None}
        recorder.conclude(known, folder, f"{len(trials)} trials")
    return tuned
