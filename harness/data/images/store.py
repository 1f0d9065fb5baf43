"""Decoded images on disk: a file of pixels that only grows, and an index that says whose they are.

Rows are written and flushed before the index tells of them: whenever the writer is killed, what
the index tells of is whole, and the next writer goes on there.
"""

import os
import re
import shutil
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from harness.data.examples import Inputs
from harness.data.images.index import NOWHERE, Index, Known
from harness.data.stored import StoredRows
from harness.decoding.decoder import Decoder
from harness.decoding.files import File, located

LAYOUT = "5"
KEEP_FREE = 1 << 30
INDEX, PIXELS = "index.sqlite", "pixels"
FILES = (INDEX, f"{INDEX}-wal", f"{INDEX}-shm", f"{INDEX}-journal", PIXELS)
FAILURES = (OSError, sqlite3.Error)


@dataclass(frozen=True)
class Store:
    """The images below one root, as one decoder sees them, in a directory of a cache.

    All stores of a cache together have `max_bytes`.
    """

    directory: Path
    root: Path
    decoder: Decoder
    max_bytes: float

    @classmethod
    def of(cls, root: Path, decoder: Decoder, cache: Path, max_bytes: float) -> "Store":
        """Return the store in the directory `cache`; nothing is read or written yet."""
        whole = root.resolve()
        key = blake2b("\n".join([LAYOUT, decoder.identity, str(whole)]).encode("utf-8", "replace"))
        name = re.sub(r"[^A-Za-z0-9]+", "_", whole.name)[:40]
        size = "x".join(map(str, decoder.shape))
        directory = cache / "images" / f"{name}-{size}-{key.hexdigest()[:16]}"
        return cls(directory, root, decoder, max_bytes)

    @contextmanager
    def lock(self, wait: bool) -> Iterator[None]:
        """Keep all others from writing.

        Raises OSError where nothing can be written, or if another one writes and `wait` is false.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        lock = FileLock(f"{self.directory}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            if not wait:
                raise
            if sys.stderr.isatty():
                print("waiting for another process that prepares these images", file=sys.stderr)
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def reading(self, names: Sequence[str]) -> Iterator[tuple[Index, Known]]:
        """Open the index, with what it knows of the files: nothing, if the store is damaged."""
        index, known = self._whole(names) or (Index(None), Known.nothing(len(names)))
        with closing(index):
            yield index, known

    @contextmanager
    def writing(self, names: Sequence[str]) -> Iterator[tuple["Writer", Known]]:
        """Open the store to add to it, a damaged one as an empty one; to be used under the lock.

        Raises OSError or sqlite3.Error where nothing can be written.
        """
        index, known = self._whole(names) or self._new(names)
        with closing(index):
            index.start()
            pixels = os.open(self.directory / PIXELS, os.O_WRONLY | os.O_CREAT, 0o666)
            try:
                yield Writer(self, index, pixels, known.n_rows), known
            finally:
                os.close(pixels)

    def pixels(self, n_rows: int) -> Inputs:
        """Return the first `n_rows` rows, read when they are asked for, `[n_rows, H, W, C]`."""
        return StoredRows(self.directory / PIXELS, 0, (n_rows, *self.decoder.shape), np.uint8)

    def room(self, n_rows: int) -> int:
        """Return how many rows may be written after `n_rows`; a gibibyte of the disk stays free."""
        mine, used = self.directory / PIXELS, n_rows * self.decoder.image_bytes
        elsewhere = 0
        with suppress(OSError):
            found = self.directory.parent.glob(f"*/{PIXELS}")
            elsewhere = sum(_size(path) for path in found if path != mine)
        existing = next(path for path in mine.absolute().parents if os.path.exists(path))  # noqa: PTH110
        free = shutil.disk_usage(existing).free - KEEP_FREE + max(0, _size(mine) - used)
        allowed = self.max_bytes - elsewhere - used
        return max(0, int(min(free, allowed) // self.decoder.image_bytes))

    def _whole(self, names: Sequence[str]) -> tuple[Index, Known] | None:
        """Return the index if it can be read, and if the pixels are there that it tells of."""
        pixels = self.directory / PIXELS
        with ExitStack() as stack:
            try:
                index = stack.enter_context(closing(Index(self.directory / INDEX)))
                known = index.known(self.root, names)
            except Exception:  # what reading a damaged database raises has no common base
                return None
            readable = os.access(pixels, os.R_OK)
            if not readable or _size(pixels) < known.n_rows * self.decoder.image_bytes:
                return None
            stack.pop_all()
            return index, known

    def _new(self, names: Sequence[str]) -> tuple[Index, Known]:
        """Return an empty index in new files: who has old ones open keeps them as they were."""
        for name in FILES:
            (self.directory / name).unlink(missing_ok=True)
        return Index(self.directory / INDEX, create=True), Known.nothing(len(names))


class Writer:
    """Adds rows of pixels to a store, and tells its index of them when they are safe."""

    def __init__(self, store: Store, index: Index, pixels: int, n_rows: int) -> None:
        self._store, self._index, self._pixels = store, index, pixels
        self._n_rows, self._room = n_rows, store.room(n_rows)

    def add(self, files: Sequence[File]) -> list[int]:
        """Keep what files held, as far as there is room; return their rows, or what is instead.

        Raises OSError or sqlite3.Error if that fails; then nothing of it is kept.
        """
        rows, new, pixels = self._index.rows(files), dict[bytes, int](), list[bytes]()
        for at, file in enumerate(files):
            if rows[at] == NOWHERE:
                if file.digest not in new and len(new) < self._room:
                    new[file.digest] = self._n_rows + len(new)
                    pixels.append(file.pixels)
                rows[at] = new.get(file.digest, NOWHERE)
        try:
            _write(self._pixels, b"".join(pixels), self._end)
            os.fsync(self._pixels)
            self._index.add(files, new)
        except FAILURES:
            with suppress(OSError):
                os.ftruncate(self._pixels, self._end)
            raise
        self._n_rows += len(new)
        self._room -= len(new)
        return rows

    def finish(self, names: Sequence[str]) -> None:
        """Cut off what the index doesn't tell of, and let it forget files that are gone.

        Raises OSError or sqlite3.Error if that fails; the store is whole all the same.
        """
        os.ftruncate(self._pixels, self._end)
        root = str(self._store.root)
        self._index.finish(name for name in names if not os.path.lexists(located(root, name)))

    @property
    def _end(self) -> int:
        return self._n_rows * self._store.decoder.image_bytes


def _size(path: Path) -> int:
    """Return the size of a file, 0 where it cannot be known: another process may remove it."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _write(file: int, content: bytes, place: int) -> None:
    left = memoryview(content)
    while left:
        count = os.pwrite(file, left, place)
        left, place = left[count:], place + count
