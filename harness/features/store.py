"""Rows of numbers on disk by a key of their content: two files that only grow.

Row i of `rows` belongs to the key at place i of `keys`. Rows are written and flushed before their
keys: whenever the writer is killed, what has a key is whole, and the next writer goes on there.
`width` says how many numbers a row has.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from filelock import FileLock

from harness.data.examples import Array, Identities, Inputs, Integers
from harness.data.stored import StoredRows

ROWS, KEYS, WIDTH = "rows", "keys", "width"
KEY_BYTES = 8
NOWHERE = -1


@dataclass(frozen=True)
class Store:
    """Rows of float32 numbers in a directory, by 64-bit keys."""

    directory: Path

    @property
    def width(self) -> int:
        """How many numbers a row has; 0 where there is none yet."""
        try:
            return int((self.directory / WIDTH).read_text("ascii"))
        except (OSError, ValueError):
            return 0

    def __len__(self) -> int:
        """Return how many whole rows there are."""
        keys, rows = (_size(self.directory / name) for name in (KEYS, ROWS))
        return min(keys // KEY_BYTES, rows // (4 * self.width)) if self.width else 0

    def find(self, keys: Identities) -> Integers:
        """Return the place of each key's row, or `NOWHERE`; of a key that is there twice any."""
        count = len(self)
        if not count:
            return np.full(len(keys), NOWHERE, np.int64)
        path = self.directory / KEYS
        status = path.stat()
        order, ranked = _ranked(path, count, status.st_ino, status.st_mtime_ns)
        places = np.minimum(np.searchsorted(ranked, keys), count - 1)
        return np.where(ranked[places] == keys, order[places], NOWHERE)

    def rows(self) -> Inputs:
        """Return all rows, `[M, width]`, read when they are asked for."""
        return StoredRows(self.directory / ROWS, 0, (len(self), self.width), np.float32)

    @contextmanager
    def writing(self, width: int) -> Iterator["Writer"]:
        """Keep all others from writing rows of a width, after waiting for whoever writes now.

        Raises OSError where nothing can be written.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        with FileLock(self.directory / "lock"):
            count = len(self) if self.width == width else 0
            if self.width != width:
                (self.directory / WIDTH).write_text(str(width), "ascii")
            with (
                self._opened(ROWS, count * 4 * width) as rows,
                self._opened(KEYS, count * KEY_BYTES) as keys,
            ):
                yield Writer(rows, keys)

    @contextmanager
    def _opened(self, name: str, size: int) -> Iterator[int]:
        """Open a file to write behind its first `size` bytes; what follows them is unfinished."""
        descriptor = os.open(self.directory / name, os.O_WRONLY | os.O_CREAT, 0o666)
        try:
            os.ftruncate(descriptor, size)
            os.lseek(descriptor, 0, os.SEEK_END)
            yield descriptor
        finally:
            os.close(descriptor)


@dataclass(frozen=True)
class Writer:
    """Adds rows to a store that nobody else writes."""

    rows: int
    keys: int

    def add(self, keys: Identities, rows: Array) -> None:
        """Keep rows `[M, width]` under their keys `[M]`; raises OSError where there is no room."""
        _write(self.rows, np.ascontiguousarray(rows, np.float32))
        _write(self.keys, np.ascontiguousarray(keys))


@lru_cache(maxsize=4)
def _ranked(path: Path, count: int, inode: int, time: int) -> tuple[Integers, Identities]:
    """Return the order of the first keys of a file, and the keys in it; once for each state."""
    known = np.fromfile(path, np.uint64, count)
    order = np.argsort(known, kind="stable")
    return order, known[order]


def _write(descriptor: int, array: Array) -> None:
    waiting = array.reshape(-1).view(np.uint8).data
    while waiting:
        waiting = waiting[os.write(descriptor, waiting) :]
    os.fsync(descriptor)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
