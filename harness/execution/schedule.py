"""The order in which tasks run: each exactly once, whatever fails, dies or runs elsewhere."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.errors import RecordLost, reason
from harness.execution.executors import Inline, NodeRefused, WorkerLost, Workers, in_worker
from harness.execution.pace import spare_cores
from harness.execution.task import OnEpoch, Outcome, Task
from harness.processes.workers import DIED
from harness.training.threads import use

if TYPE_CHECKING:
    from harness.execution.actors import Actors
    from harness.execution.cluster import Cluster

OnOutcome = Callable[[Task, Outcome], None]
WORTH_A_PROCESS = 5
"""Trials from which on a process that draws their figures is worth its start."""
KILLED = (
    "its process ended twice without a word: its own code may have ended it, or somebody killed "
    "it, as the system does when memory runs out"
)


@contextmanager
def joined(address: str | None, most: int | None) -> "Iterator[Cluster | None]":
    """Join the cluster at an address, if there is one, and leave it at the end; Ray is loaded here.

    No more than `most` trials are to run at a time. Raises UserError as `Cluster.joined` does.
    """
    if address is None:
        yield None
        return
    from harness.execution.cluster import Cluster

    cluster = Cluster.joined(address, most)
    try:
        yield cluster
    except BaseException:
        cluster.kill()
        raise
    finally:
        cluster.close()


@dataclass
class Schedule:
    """Runs tasks `jobs` at a time: one in this process, more in workers that are kept.

    What another process has under way is left for the end, and waited for there. When a worker
    dies, what was under way is tried once more, alone, so that only the culprit counts as failed.
    With a `cluster` its workers take the tasks; there, each dies for itself.
    """

    jobs: int
    fresh: bool
    on_epoch: OnEpoch = lambda task, epoch: None
    cluster: "Cluster | None" = None
    _workers: dict[int, Workers] = field(default_factory=dict)
    _inline: Inline | None = None
    _inline_threads: int | None = None

    def run(self, tasks: Sequence[Task], threads: int, on_outcome: OnOutcome) -> None:
        """Run every task with so many threads each; tell each outcome, in order of completion."""
        elsewhere: list[Task] = []
        self._get_ready(tasks, threads)

        def sort_out(task: Task, outcome: Outcome) -> None:
            if outcome.state == "under_way":
                elsewhere.append(task)
            else:
                on_outcome(task, outcome)

        _Round(self, threads, False, sort_out, deque(tasks)).run()
        _Round(self, threads, True, on_outcome, deque(elsewhere)).run()

    def at_a_time(self, threads: int) -> int:
        """Return how many tasks with so many threads each run at a time."""
        return self.jobs if self.cluster is None else self.cluster.room(threads)

    def close(self) -> None:
        """End the workers once they are idle; a cluster's stay."""
        if self._inline is not None:
            self._inline.shutdown()
        for workers in self._workers.values():
            workers.shutdown()

    def kill(self) -> None:
        """End the workers at once, as after Ctrl-C; what this process has trained is recorded."""
        if self.cluster is not None:
            self.cluster.kill()
        for workers in self._workers.values():
            workers.kill()
        if self._inline is not None:
            self._inline.shutdown()

    def executor(self, threads: int, tasks: int) -> "Inline | Workers | Actors":
        """Return what runs tasks with so many threads each, of which there are so many."""
        if self.cluster is not None:
            return self.cluster.workers(threads, self._tell)
        if self.jobs == 1 and self._inline_threads in (None, threads):
            self._inline_threads = threads
            use(threads)
            if self._inline is None:
                self._inline = Inline(tasks >= WORTH_A_PROCESS and spare_cores(1, threads))
            return self._inline
        if threads not in self._workers:
            self._workers[threads] = Workers(self.jobs, threads, self._tell)
        return self._workers[threads]

    def replace_workers(self, threads: int) -> None:
        """End workers of which one has died; the next task finds new ones."""
        self._workers.pop(threads).kill()

    def _get_ready(self, tasks: Sequence[Task], threads: int) -> None:
        if self.cluster is not None and tasks:
            plugins = {path for task in tasks for path in task.candidate.plugins}
            workers = self.cluster.workers(threads, self._tell)
            experiments = {id(task.experiment): task.experiment for task in tasks}
            workers.get_ready(experiments.values(), plugins)

    def _tell(self, task: Task, epoch: int) -> None:
        self.on_epoch(task, epoch)


@dataclass
class _Round:
    """Some tasks on their way: `pending`, under way, or ended and told to `on_outcome`."""

    schedule: Schedule
    threads: int
    wait_for_others: bool
    on_outcome: OnOutcome
    pending: deque[Task]
    _flying: dict[Future[Outcome], Task] = field(default_factory=dict)
    _suspects: set[int] = field(default_factory=set)
    _lost: set[int] = field(default_factory=set)

    def run(self) -> None:
        """Run them all."""
        while self.pending or self._flying:
            if self.pending and len(self._flying) < self._room():
                task = self.pending.popleft()
                self._flying[self._submit(task)] = task
            else:
                wait(self._flying, return_when=FIRST_COMPLETED)
            self._tell_ended()

    def _room(self) -> int:
        return 1 if self._suspects else self._executor().tasks

    def _submit(self, task: Task) -> Future[Outcome]:
        executor, fresh = self._executor(), self.schedule.fresh
        if isinstance(executor, Inline):
            return executor.submit(task, fresh, self.wait_for_others, self._on_epoch)
        try:
            return executor.submit(in_worker, task, fresh, self.wait_for_others)
        except DIED:
            broken: Future[Outcome] = Future()
            broken.set_exception(BrokenProcessPool())
            return broken

    def _executor(self) -> "Inline | Workers | Actors":
        return self.schedule.executor(self.threads, len(self.pending))

    def _on_epoch(self, task: Task, epoch: int) -> None:
        """Tell an epoch of this process, and whatever has ended beside it."""
        self.schedule.on_epoch(task, epoch)
        self._tell_ended()

    def _tell_ended(self) -> None:
        done = [future for future in self._flying if future.done()]
        for future in [each for each in done if not _is_broken(each)]:
            task = self._flying.pop(future)
            self._suspects.discard(id(task))
            if isinstance(future.exception(), WorkerLost) and id(task) not in self._lost:
                self._lost.add(id(task))
                self.pending.appendleft(task)
            else:
                self.on_outcome(task, _outcome(future))
        if any(map(_is_broken, done)):
            self._try_alone()

    def _try_alone(self) -> None:
        """Put off what was under way as a worker died, each to run alone, or fail what did."""
        self.schedule.replace_workers(self.threads)
        for task in reversed(self._flying.values()):
            if id(task) in self._suspects:
                self._suspects.discard(id(task))
                self.on_outcome(task, Outcome("failed", reason=KILLED))
            else:
                self._suspects.add(id(task))
                self.pending.appendleft(task)
        self._flying.clear()


def _is_broken(future: Future[Outcome]) -> bool:
    """Whether a future ended because a worker died, its own or another one."""
    return isinstance(future.exception(), BrokenProcessPool)


def _outcome(future: Future[Outcome]) -> Outcome:
    """Return what a task came to; what came instead, such as what can't be pickled, fails it.

    Raises RecordLost and NodeRefused, as they would stop every other task as well.
    """
    error = future.exception()
    if isinstance(error, RecordLost | NodeRefused):
        raise error
    if isinstance(error, WorkerLost):
        return Outcome("failed", reason=f"tried twice: {error}")
    return future.result() if error is None else Outcome("failed", reason=reason(error))
