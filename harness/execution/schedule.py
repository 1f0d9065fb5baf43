"""The order in which tasks run: each exactly once, whatever fails, dies or runs elsewhere."""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field

from harness.errors import RecordLost, reason
from harness.execution.executors import Inline, Workers, in_worker
from harness.execution.task import OnEpoch, Outcome, Task, perform
from harness.training.threads import use

OnOutcome = Callable[[Task, Outcome], None]
KILLED = (
    "its process ended twice without a word: its own code may have ended it, or somebody killed "
    "it, as the system does when memory runs out"
)


@dataclass
class Schedule:
    """Runs tasks `jobs` at a time: one in this process, more in workers that are kept.

    What another process has under way is left for the end, and waited for there. When a worker
    dies, what was under way is tried once more, alone, so that only the culprit counts as failed.
    """

    jobs: int
    fresh: bool
    on_epoch: OnEpoch = lambda task, epoch: None
    _workers: dict[int, Workers] = field(default_factory=dict)
    _inline_threads: int | None = None

    def run(self, tasks: Sequence[Task], threads: int, on_outcome: OnOutcome) -> None:
        """Run every task with so many threads each; tell each outcome, in order of completion."""
        elsewhere: list[Task] = []

        def sort_out(task: Task, outcome: Outcome) -> None:
            if outcome.state == "under_way":
                elsewhere.append(task)
            else:
                on_outcome(task, outcome)

        self._run(tasks, threads, sort_out, wait_for_others=False)
        self._run(elsewhere, threads, on_outcome, wait_for_others=True)

    def close(self) -> None:
        """End the workers once they are idle."""
        for workers in self._workers.values():
            workers.shutdown()

    def kill(self) -> None:
        """End the workers at once, as after Ctrl-C."""
        for workers in self._workers.values():
            workers.kill()

    def _run(
        self, tasks: Sequence[Task], threads: int, on_outcome: OnOutcome, wait_for_others: bool
    ) -> None:
        pending, suspects = deque(tasks), set[int]()
        flying: dict[Future[Outcome], Task] = {}
        while pending or flying:
            while pending and len(flying) < (1 if suspects else self.jobs):
                task = pending.popleft()
                flying[self._submit(task, threads, wait_for_others)] = task
            done, _ = wait(flying, return_when=FIRST_COMPLETED)
            broken = any(_is_broken(future) for future in done)
            for future in [each for each in flying if _ended(each)]:
                task = flying.pop(future)
                suspects.discard(id(task))
                on_outcome(task, _outcome(future))
            if broken:
                self._workers.pop(threads).kill()
                for task in reversed(flying.values()):
                    if id(task) in suspects:
                        suspects.discard(id(task))
                        on_outcome(task, Outcome("failed", reason=KILLED))
                    else:
                        suspects.add(id(task))
                        pending.appendleft(task)
                flying.clear()

    def _tell(self, task: Task, epoch: int) -> None:
        self.on_epoch(task, epoch)

    def _submit(self, task: Task, threads: int, wait_for_others: bool) -> Future[Outcome]:
        executor = self._executor(threads)
        if isinstance(executor, Inline):
            return executor.submit(perform, task, self.fresh, wait_for_others, self._tell)
        try:
            return executor.submit(in_worker, task, self.fresh, wait_for_others)
        except BrokenProcessPool as error:
            broken: Future[Outcome] = Future()
            broken.set_exception(error)
            return broken

    def _executor(self, threads: int) -> Executor:
        if self.jobs == 1 and self._inline_threads in (None, threads):
            self._inline_threads = threads
            use(threads)
            return Inline()
        if threads not in self._workers:
            self._workers[threads] = Workers(self.jobs, threads, self._tell)
        return self._workers[threads]


def _ended(future: Future[Outcome]) -> bool:
    return future.done() and not _is_broken(future)


def _is_broken(future: Future[Outcome]) -> bool:
    """Whether a future ended because a worker died, its own or another one."""
    return isinstance(future.exception(), BrokenProcessPool)


def _outcome(future: Future[Outcome]) -> Outcome:
    """Return what a task came to; what came instead, such as what can't be pickled, fails it.

    Raises RecordLost, as no other task could be recorded either.
    """
    error = future.exception()
    if isinstance(error, RecordLost):
        raise error
    return future.result() if error is None else Outcome("failed", reason=reason(error))
