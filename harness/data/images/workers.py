"""Reading and decoding many files at a time, in processes of their own.

Most of what it takes to open a small image is Python, which threads of one process don't share.
"""

import os
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import current_process
from pathlib import Path
from threading import Lock

from PIL import Image

from harness.decoding.decoder import Decoder
from harness.decoding.files import Examined, File, examine
from harness.processes.workers import DIED, pool

FEW = 400
CHUNK = 256
CHUNK_BYTES = 4 << 20
POOLS = 5
NO_PROCESS = (*DIED, NotImplementedError)  # the last: no semaphores


class Workers:
    """Processes that examine files; they start when there is enough to do for them.

    Where they can't start, or one has died, the process that asks does what is left undone. New
    ones take over then, but no more than `POOLS` times.
    """

    def __init__(self, root: Path, decoder: Decoder) -> None:
        self._root, self._decoder = str(root), decoder
        self._count = _cores()
        self._threads = ThreadPoolExecutor(self._count, thread_name_prefix="images")
        self._pool: ProcessPoolExecutor | None = None
        self._pools_left = 0 if current_process().daemon else POOLS
        self._lock = Lock()

    def examine(self, names: Sequence[str]) -> Iterator[list[File]]:
        """Yield what is in the files below the root, in order, some at a time; read ahead."""
        size = max(1, min(CHUNK, CHUNK_BYTES // self._decoder.image_bytes))
        size = min(size, -(-len(names) // self._count) or 1)
        starts = iter(range(0, len(names), size))
        asked: deque[tuple[Sequence[str], Future[list[Examined]]]] = deque()
        try:
            while True:
                while len(asked) < 3 * self._count and (at := next(starts, None)) is not None:
                    share = names[at : at + size]
                    asked.append((share, self._asked(share, many=len(names) >= FEW)))
                if not asked:
                    return
                yield self._answer(*asked.popleft())
        finally:
            for _, future in asked:
                future.cancel()

    def close(self) -> None:
        """End processes and threads."""
        self._threads.shutdown(cancel_futures=True)
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def _asked(self, names: Sequence[str], many: bool) -> Future[list[Examined]]:
        with self._lock:
            try:
                if self._pool is None and many and self._pools_left:
                    self._pools_left -= 1
                    self._pool = pool(self._count)
                if self._pool is not None:
                    return self._pool.submit(examine, self._decoder, self._root, names)
            except NO_PROCESS:
                self._pool = None
        return self._threads.submit(self._here, names)

    def _answer(self, names: Sequence[str], future: Future[list[Examined]]) -> list[File]:
        try:
            answer = future.result()
        except BrokenProcessPool:
            answer = self._here(names)
        return [File(name, *each) for name, each in zip(names, answer, strict=True)]

    def _here(self, names: Sequence[str]) -> list[Examined]:
        Image.init()
        warnings.filterwarnings("ignore", module="PIL")  # for good, as threads share the filters
        return examine(self._decoder, self._root, names)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
