"""Worker processes that start quickly, know nothing of the main program, and end with their parent.

This module is imported by workers that are to start quickly: it imports nothing heavy.
"""

import multiprocessing
import os
import signal
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from multiprocessing.context import SpawnContext, SpawnProcess
from types import ModuleType

DIED = (BrokenProcessPool, OSError, ValueError)
"""What a pool's `submit` raises where a worker has died, or can't start.

The last two where the pool closes what one worker has left while it starts another: its handles
are closed, or were given anew.
"""

_starting = threading.Lock()


def pool(count: int) -> ProcessPoolExecutor:
    """Return a pool of `count` fresh processes for functions of modules, which start when asked."""
    return ProcessPoolExecutor(count, _Context(), end_with_parent)


def end_with_parent() -> None:
    """Let this process end when its parent does, however that ends."""
    threading.Thread(target=_end_with_parent, daemon=True).start()


class _Worker(SpawnProcess):
    """A process that does not run the main program, and leaves Ctrl-C to the one that starts it.

    Spawned processes import the main module again, by its name or file, and a script that isn't
    guarded by `if __name__ == "__main__"` would run once more in each: here, it has neither. The
    signal is blocked from before the start, as nothing in the new process could be early enough.
    """

    def start(self) -> None:
        with _starting:
            main, sys.modules["__main__"] = sys.modules["__main__"], ModuleType("__main__")
            mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            try:
                super().start()
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)
                sys.modules["__main__"] = main


class _Context(SpawnContext):
    Process = _Worker


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
