"""Reading and decoding many files at a time, in processes of their own.

Most of what it takes to open a small image is Python, which threads of one process don't share.
"""

import os
import pickle
import subprocess
import sys
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.data.examples import Integers
from harness.data.images import decode
from harness.data.images.decode import Decoder, Examined
from harness.data.images.names import located

FEW = 400
CHUNK = 256
CHUNK_BYTES = 4 << 20
Asked = Future[Examined]


@dataclass(frozen=True, eq=False)
class Batch:
    """What `N` files held: see `Examined`. Digests are `[N, 16]`, pixels `[N, H * W * C]`."""

    sizes: Integers
    times: Integers
    digests: NDArray[np.uint8]
    pixels: NDArray[np.uint8]
    reasons: dict[int, str]

    @classmethod
    def of(cls, examined: Examined) -> "Batch":
        """Return the same as arrays, without copying pixels."""
        sizes = np.frombuffer(examined.sizes, np.int64)
        return cls(
            sizes,
            np.frombuffer(examined.times, np.int64),
            np.frombuffer(examined.digests, np.uint8).reshape(len(sizes), -1),
            np.frombuffer(examined.pixels, np.uint8).reshape(len(sizes), -1),
            examined.reasons,
        )

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def readable(self) -> NDArray[np.bool_]:
        """Which of the files have pixels, `[N]`."""
        mask = np.ones(len(self), np.bool_)
        mask[list(self.reasons)] = False
        return mask


class Workers:
    """Processes that examine files; they start when there is enough to do for them.

    Where one can't start, or has died, its share is done by the process that asks.
    """

    def __init__(self, root: Path, decoder: Decoder) -> None:
        self._root, self._decoder = str(root), decoder
        self._count = _cores() + 1  # each waits for the disk and for its turn now and then
        self._started = False
        self._idle: SimpleQueue[_Worker | None] = SimpleQueue()
        for _ in range(self._count):
            self._idle.put(None)
        self._threads = ThreadPoolExecutor(self._count, thread_name_prefix="images")

    def examine(self, names: Sequence[str]) -> Iterator[Batch]:
        """Yield what is in the files below the root, in order, some at a time; read ahead."""
        self._started = self._started or len(names) >= FEW
        size = max(1, min(CHUNK, CHUNK_BYTES // self._decoder.image_bytes))
        size = min(size, -(-len(names) // self._count) or 1)
        starts = iter(range(0, len(names), size))
        asked: deque[Asked] = deque()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                while True:
                    while len(asked) < 3 * self._count and (at := next(starts, None)) is not None:
                        asked.append(self._threads.submit(self._share, names[at : at + size]))
                    if not asked:
                        return
                    yield Batch.of(asked.popleft().result())
            finally:
                for each in asked:
                    each.cancel()

    def close(self) -> None:
        """End the processes."""
        self._threads.shutdown(cancel_futures=True)
        while not self._idle.empty():
            if worker := self._idle.get():
                worker.close()

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _share(self, names: Sequence[str]) -> Examined:
        paths = [located(self._root, name) for name in names]
        worker = self._idle.get()
        try:
            if worker is None and self._started:
                worker = _Worker(self._decoder)
            if worker is not None:
                return worker.examine(paths)
        except (OSError, EOFError, ValueError, pickle.UnpicklingError):
            if worker is not None:
                worker.close()
                worker = None
        finally:
            self._idle.put(worker)
        Image.init()
        return self._decoder.examine(paths)


class _Worker:
    def __init__(self, decoder: Decoder) -> None:
        settings = [str(each) for each in decoder]
        self._process = subprocess.Popen(
            [sys.executable, "-P", decode.__file__, *settings],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def examine(self, paths: Sequence[str]) -> Examined:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        pickle.dump(list(paths), self._process.stdin)
        self._process.stdin.flush()
        return Examined(*pickle.load(self._process.stdout))

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
