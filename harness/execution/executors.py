"""Where tasks run: in this process or in long-lived worker processes, behind one interface."""

import multiprocessing
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import suppress
from typing import Any, ParamSpec, TypeVar

from harness.errors import reason
from harness.execution.task import Outcome, Task, perform
from harness.processes.workers import end_with_parent
from harness.training.threads import use

Given = ParamSpec("Given")
Made = TypeVar("Made")

_spawn = multiprocessing.get_context("spawn")
_epochs: Any = None


class Inline(Executor):
    """Runs what is submitted at once, in this process."""

    def submit(
        self, fn: Callable[Given, Made], /, *args: Given.args, **kwargs: Given.kwargs
    ) -> Future[Made]:
        """Call the function and return its result as a future that is done; Ctrl-C goes through."""
        future: Future[Made] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class Workers(ProcessPoolExecutor):
    """Processes that load the framework once, compute with `threads` each, and run many tasks.

    Epochs that end in a worker are told to `on_epoch` in this process. Workers leave Ctrl-C to
    this process, and end when it does, however it ends.
    """

    def __init__(self, jobs: int, threads: int, on_epoch: Callable[[Any, int], None]) -> None:
        self._queue: Any = _spawn.SimpleQueue()
        self._listener = threading.Thread(target=self._listen, args=(on_epoch,), daemon=True)
        self._listener.start()
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


def _begin(threads: int, epochs: Any) -> None:
    """Make a new process a worker; the framework is loaded now, so that no task pays for it."""
    global _epochs  # noqa: PLW0603 (what an initializer leaves for the tasks has no other place)
    _epochs = epochs
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    use(threads)
    with suppress(Exception):  # each task meets it again, and says why
        import harness.trial.fitting  # noqa: F401
