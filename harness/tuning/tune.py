"""Tuning as a whole: as many processes as wanted work at a study; what it found is recorded."""

import tempfile
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optuna.exceptions import StorageInternalError
from optuna.trial import FrozenTrial, TrialState

from harness.config.yaml_text import dump
from harness.data import prepare
from harness.errors import TrialFailed
from harness.execution.executors import WorkerLost, Workers, tell
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

if TYPE_CHECKING:
    from harness.execution.cluster import Cluster

MOST_KILLED = 20
KILLED = (
    "ended without a word, killed by somebody, or by the system if memory ran out (then take fewer "
    "--jobs)"
)


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


def tune(
    tuning: Tuning,
    jobs: int = 1,
    watcher: Watcher | None = None,
    cluster: "Cluster | None" = None,
) -> Tuned:
    """Work at a study, here, in so many processes or on a cluster, until all trials have ended.

    After Ctrl-C or a kill the same call goes on from what has ended.

    Raises:
        UserError: the storage can't be opened, by a node of the cluster neither, or holds another
            study under this name.
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
                _work(opened, jobs, _Crew(tuning, watcher, cluster))
            except KeyboardInterrupt:
                store.reap(mine=True)
                raise
        return _conclude(tuning, opened, store)
    except StorageInternalError as error:
        reason = without_password(" ".join(str(error.__cause__ or error).split()))[:200]
        raise TrialFailed(f"the storage {shown(tuning.storage)} broke down: {reason}") from error


def _work(opened: OpenStudy, jobs: int, crew: "_Crew") -> None:
    try:
        if jobs == 1 and crew.cluster is None:
            use(crew.tuning.threads)
            work(crew.tuning, crew.watcher)
        else:
            _in_workers(opened, jobs, crew)
    except BaseException as error:
        release(error)
        slots.give_back_the_lost(opened.study)
        raise


@dataclass
class _Crew:
    """Workers that share a study, in processes of this machine or on the nodes of a cluster.

    A process is a pool of its own, as a pool takes all its workers down with one that is killed.
    """

    tuning: Tuning
    watcher: Watcher
    cluster: "Cluster | None"
    at_work: dict[Future[None], Workers | None] = field(default_factory=dict)

    def begin(self) -> None:
        """Let one more worker begin."""
        tuning, on_epoch = self.tuning, self.watcher.on_epoch
        if self.cluster is None:
            worker = Workers(1, tuning.threads, on_epoch)
            self.at_work[worker.submit(_in_worker, tuning)] = worker
        else:
            workers = self.cluster.workers(tuning.threads, on_epoch)
            workers.get_ready([tuning.experiment], tuning.candidate.plugins)
            self.at_work[workers.submit(_in_worker, tuning)] = None

    def end(self, future: Future[None]) -> None:
        """Let go of a worker that has ended."""
        if (worker := self.at_work.pop(future)) is not None:
            worker.shutdown()

    def kill(self) -> None:
        """End all workers at once."""
        for worker in self.at_work.values():
            if worker is not None:
                worker.kill()
        if self.at_work and self.cluster is not None:
            self.cluster.kill()


def _in_workers(opened: OpenStudy, jobs: int, crew: _Crew) -> None:
    """Let workers share the study; in place of one that is killed another begins."""
    killed, why = 0, KILLED
    try:
        if crew.cluster is not None:
            crew.cluster.refuse_files(shown(crew.tuning.storage))
        for _ in range(jobs):
            crew.begin()
        while crew.at_work:
            ended, _ = wait(crew.at_work, SECONDS_BETWEEN_LOOKS, FIRST_COMPLETED)
            crew.watcher.on_progress(*opened.so_far())
            for future in ended:
                try:
                    future.result()
                except (BrokenProcessPool, WorkerLost) as error:
                    killed, why = killed + 1, str(error) if crew.cluster else KILLED
                    crew.begin()
                crew.end(future)
            if killed >= MOST_KILLED:
                raise TrialFailed(f"{killed} workers were lost: {why}")
    finally:
        crew.kill()


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
