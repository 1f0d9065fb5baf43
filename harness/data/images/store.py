"""Decoded images on disk: a file of pixels that only grows, and an index that says whose they are.

A row is written and flushed before the journal tells of it, and the journal's lines carry
checksums: whenever the writer is killed, what was told is whole, and the next one goes on there.
"""

import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from harness.data.examples import Inputs
from harness.data.images.decode import Decoder
from harness.data.images.index import Index, latest, load, replay, save
from harness.data.stored import StoredRows

LAYOUT = "2"
KEEP_FREE = 1 << 30
INDEX, JOURNAL, PIXELS = "index.npz", "journal", "pixels"


@dataclass(frozen=True)
class Store:
    """The images below one root, as one decoder sees them."""

    directory: Path
    decoder: Decoder

    @classmethod
    def of(cls, root: Path, decoder: Decoder, cache: Path) -> "Store":
        """Return the store in the directory `cache`; nothing is read or written yet."""
        whole = root.resolve()
        key = blake2b("\n".join([LAYOUT, decoder.identity, str(whole)]).encode("utf-8", "replace"))
        name = re.sub(r"[^A-Za-z0-9]+", "_", whole.name)[:40]
        size = "x".join(map(str, decoder.shape))
        return cls(cache / "images" / f"{name}-{size}-{key.hexdigest()[:16]}", decoder)

    @property
    def unfinished(self) -> bool:
        """Whether a writer is at work, or was killed before it could put all in the index."""
        return os.path.exists(self.directory / JOURNAL)  # noqa: PTH110  (pathlib's may raise)

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

    def load(self) -> Index:
        """Return what is known of all files; a store that is not whole is as good as empty."""
        index = load(self.directory / INDEX) or Index.blank([])
        index = latest([index, self._journal()[0]])
        pixels = self.directory / PIXELS
        readable = os.access(pixels, os.R_OK)
        whole = readable and _size(pixels) >= index.n_rows * self.decoder.image_bytes
        return index if whole else Index.blank([])

    def open(self, known: Index) -> "Writer":
        """Return a writer that goes on after what is known; to be used under the lock."""
        if not known.names:  # new files: who has old ones open keeps them as they were
            for name in (INDEX, JOURNAL, PIXELS):
                (self.directory / name).unlink(missing_ok=True)
        return Writer(self, known.n_rows, self._journal()[1])

    def pixels(self, n_rows: int) -> Inputs:
        """Return the first `n_rows` rows, read when they are asked for, `[n_rows, H, W, C]`."""
        return StoredRows(self.directory / PIXELS, 0, (n_rows, *self.decoder.shape), np.uint8)

    def room(self, max_bytes: float, n_rows: int) -> int:
        """Return how many rows may still be written after `n_rows`.

        All stores of a cache together have `max_bytes`; a gibibyte of the disk is left free.
        """
        mine, used = self.directory / PIXELS, n_rows * self.decoder.image_bytes
        others = 0
        with suppress(OSError):
            found = self.directory.parent.glob(f"*/{PIXELS}")
            others = sum(_size(path) for path in found if path != mine)
        existing = next(path for path in mine.absolute().parents if os.path.exists(path))  # noqa: PTH110
        free = shutil.disk_usage(existing).free - KEEP_FREE + max(0, _size(mine) - used)
        allowed = max_bytes - others - used
        return max(0, int(min(free, allowed) // self.decoder.image_bytes))

    def _journal(self) -> tuple[Index, int]:
        try:
            with (self.directory / JOURNAL).open("rb") as lines:
                return replay(lines)
        except OSError:
            return Index.blank([]), 0


class Writer:
    """Adds rows to a store, and to its journal when they are safe."""

    def __init__(self, store: Store, n_rows: int, journal_length: int) -> None:
        self._store = store
        self._pixels = os.open(store.directory / PIXELS, os.O_WRONLY | os.O_CREAT, 0o666)
        try:
            self._journal = os.open(store.directory / JOURNAL, os.O_WRONLY | os.O_CREAT, 0o666)
        except OSError:
            os.close(self._pixels)
            raise
        os.ftruncate(self._journal, journal_length)
        os.lseek(self._journal, 0, os.SEEK_END)
        self.n_rows = n_rows

    def write(self, rows: bytes, line: bytes) -> None:
        """Add whole rows, and then the line that tells of them."""
        size = self._store.decoder.image_bytes
        os.lseek(self._pixels, self.n_rows * size, os.SEEK_SET)
        try:
            _write(self._pixels, rows)
            os.fsync(self._pixels)
            _write(self._journal, line)
            os.fsync(self._journal)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._pixels, self.n_rows * size)
            raise
        self.n_rows += len(rows) // size

    def finish(self, index: Index) -> OSError | None:
        """Replace index and journal by `index`, and cut off what was written but never told of.

        If that fails, the journal still tells all; the error is returned.
        """
        try:
            os.ftruncate(self._pixels, self.n_rows * self._store.decoder.image_bytes)
            save(index, self._store.directory / INDEX)
            (self._store.directory / JOURNAL).unlink()
        except OSError as error:
            return error
        return None

    def close(self) -> None:
        """Close the files; what was told of stays."""
        os.close(self._pixels)
        os.close(self._journal)


def _size(path: Path) -> int:
    """Return the size of a file, 0 where it cannot be known: another process may remove it."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _write(file: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(file, left) :]
