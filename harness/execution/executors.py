"""Where tasks run: in this process or in long-lived worker processes, behind one interface."""

import multiprocessing
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import UserError, reason
from harness.execution.task import OnEpoch, Outcome, Task, begin, perform
from harness.processes.workers import end_with_parent, pool
from harness.training.threads import use

if TYPE_CHECKING:
    from harness.tracking.figures import Evaluation


class WorkerLost(Exception):
    """A worker of a cluster is gone, and what it was asked to do with it: one line why."""


class NodeRefused(UserError):
    """A node of a cluster can't compute as this process would: one line that says why."""


_spawn = multiprocessing.get_context("spawn")
_epochs: Any = None


class Inline:
    """Trains in this process, one task after the other.

    With `beside`, a task's record is completed beside the training of the next: in a thread, and
    the figures in a process of their own, for drawing would keep this one's interpreter busy.
    """

    def __init__(self, beside: bool) -> None:
        self._thread = ThreadPoolExecutor(1) if beside else None
        self._drawer = pool(1)
        if beside:  # its process starts now, while this thread does nothing else
            self._drawer.submit(int)
        self.tasks = 2 if beside else 1
        """How many tasks may be under way."""

    def submit(self, task: Task, fresh: bool, wait: bool, on_epoch: OnEpoch) -> Future[Outcome]:
        """Train a task now, and return the future of its outcome; Ctrl-C goes through."""
        future: Future[Outcome] = Future()
        try:
            if self._thread is not None:
                return self._thread.submit(begin(task, fresh, wait, on_epoch, self._draw))
            future.set_result(perform(task, fresh, wait, on_epoch))
        except Exception as error:
            future.set_exception(error)
        return future

    def shutdown(self) -> None:
        """Complete what has been trained, and end."""
        if self._thread is not None:
            self._thread.shutdown()
        self._drawer.shutdown()

    def _draw(self, folder: Path, evaluation: "Evaluation") -> None:
        from harness.tracking.figures import draw

        try:
            self._drawer.submit(draw, folder, evaluation).result()
        except BrokenProcessPool:  # somebody killed it, as the system does when memory runs out
            draw(folder, evaluation)


class Workers(ProcessPoolExecutor):
    """Processes that load the framework once, compute with `threads` each, and run many tasks.

    Epochs that end in a worker are told to `on_epoch` in this process. Workers leave Ctrl-C to
    this process, and end when it does, however it ends.
    """

    def __init__(self, jobs: int, threads: int, on_epoch: Callable[[Any, int], None]) -> None:
        self._queue: Any = _spawn.SimpleQueue()
        self._listener = threading.Thread(target=self._listen, args=(on_epoch,), daemon=True)
        self._listener.start()
        self.tasks = jobs
        """How many tasks may be under way."""
        super().__init__(jobs, _spawn, _begin, (threads, self._queue))

    def kill(self) -> None:
        """Stop at once, without waiting for the tasks under way."""
        processes = list((self._processes or {}).values())
        self.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.kill()
        for process in processes:
            process.join()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Stop taking tasks; with `wait`, until all that were taken have ended."""
        super().shutdown(wait, cancel_futures=cancel_futures)
        if self._listener.is_alive():
            self._queue.put(None)
            self._listener.join()

    def _listen(self, on_epoch: Callable[[Any, int], None]) -> None:
        while (epoch := self._queue.get()) is not None:
            on_epoch(*epoch)


def tell(done: Any, epoch: int) -> None:
    """Tell the process that waits for this worker what has ended how many epochs."""
    _epochs.put((done, epoch))


def in_worker(task: Task, fresh: bool, wait: bool) -> Outcome:
    """Perform a task in a worker, and tell its epochs to the process that waits for it.

    Ctrl-C doesn't reach a worker, so one that is raised here is the strategy's or the network's.
    """
    try:
        return perform(task, fresh, wait, tell)
    except KeyboardInterrupt as error:
        return Outcome("failed", reason=reason(error))


def tell_through(epochs: Any) -> None:
    """Let `tell` put what it is told into a queue of this worker."""
    global _epochs  # noqa: PLW0603 (what an initializer leaves for the tasks has no other place)
    _epochs = epochs


def load_framework(threads: int) -> None:
    """Load the framework now, so that no task pays for it, to compute with so many threads."""
    use(threads)
    with suppress(Exception):  # each task meets it again, and says why
        import harness.trial.fitting  # noqa: F401


def _begin(threads: int, epochs: Any) -> None:
    """Make a new process a worker of this machine."""
    tell_through(epochs)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    load_framework(threads)
