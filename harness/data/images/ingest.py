"""Reading what is not known yet, once: into the store, into memory, or just to see if it works."""

import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from time import monotonic

import numpy as np

from harness.data.examples import Array, Integers
from harness.data.images.index import NOWHERE, UNKNOWN, UNREADABLE, Known
from harness.data.images.store import FAILURES, Store
from harness.data.images.workers import Workers
from harness.decoding.decoder import Decoder
from harness.decoding.files import File
from harness.errors import UserError

SECONDS_BETWEEN_WRITES = 1.0
BYTES_BETWEEN_WRITES = 32 << 20
Keep = Callable[[Sequence[File]], list[int]]


class Spill:
    """The images that are kept in memory since no store has them, up to a number of them."""

    def __init__(self, capacity: int, decoder: Decoder) -> None:
        self.capacity, self.positions = capacity, list[int]()
        try:
            self._pixels = np.empty((capacity, *decoder.shape), np.uint8)
        except MemoryError as error:
            size = capacity * decoder.image_bytes / 2**30
            raise UserError(f"data.cache.mode memory needs {size:.1f} GiB; try disk") from error

    def add(self, position: int, pixels: bytes) -> None:
        """Keep an image if there is room."""
        count = len(self.positions)
        if count < self.capacity:
            self._pixels[count].reshape(-1)[:] = np.frombuffer(pixels, np.uint8)
            self.positions.append(position)

    @property
    def images(self) -> Array:
        """The images that were kept, `[K, H, W, C]`."""
        return self._pixels[: len(self.positions)]


class Ingest:
    """What is known of the files of a source, and which of them are still to be read (`todo`)."""

    def __init__(self, names: Sequence[str], known: Known, room: int, spill: Spill) -> None:
        self.names, self.known, self.spill = names, known, spill
        self.failure: OSError | sqlite3.Error | None = None
        again = self.unstored if len(self.unstored) <= spill.capacity else self.unstored[:room]
        self.todo: Integers = np.union1d(np.flatnonzero(known.rows == UNKNOWN), again)

    @property
    def unstored(self) -> Integers:
        """The positions of images that can be read, but have no row."""
        return np.flatnonzero(self.known.rows == NOWHERE)

    @property
    def n_rows(self) -> int:
        """How many rows the store has now."""
        return max(self.known.n_rows, int(self.known.rows.max(initial=NOWHERE)) + 1)

    @property
    def decoded(self) -> int:
        """How many of the files held what had no row before."""
        rows = self.known.rows[self.todo]
        return int(((rows < 0) | (rows >= self.known.n_rows)).sum())

    def run(self, workers: Workers, keep: Keep) -> None:
        """Read all that is to be read; what `keep` finds no row for goes into memory."""
        names, start = [self.names[at] for at in self.todo.tolist()], 0
        for files in _portions(workers.examine(names), len(names)):
            try:
                rows = keep(files)
            except FAILURES as error:
                self.failure, keep = error, nowhere
                rows = keep(files)
            positions = self.todo[start : start + len(files)]
            start += len(files)
            self.known.rows[positions] = rows
            self.known.digests[positions] = [file.digest for file in files]
            self.known.identities[positions] = [file.identity for file in files]
            for at, row, file in zip(positions.tolist(), rows, files, strict=True):
                if file.original is not None:
                    self.known.originals[at] = file.original
                if file.extent is not None:
                    self.known.extents[at] = file.extent
                if file.reason is not None:
                    self.known.reasons[at] = file.reason
                elif row == NOWHERE:
                    self.spill.add(at, file.pixels)


def nowhere(files: Sequence[File]) -> list[int]:
    """Keep nothing on disk."""
    return [NOWHERE if file.reason is None else UNREADABLE for file in files]


def ingested(store: Store, names: Sequence[str], spill: Spill, workers: Workers) -> Ingest:
    """Return what is known when all that could be read is in the store, or else in memory.

    If all is known, nothing is locked, written or read but the store's index.
    """
    with store.reading(names) as (index, known):
        found = Ingest(names, known, store.room(known.n_rows), spill)
        if index.finished and not len(found.todo):
            return found
    try:
        with store.lock(wait=bool(len(found.todo))), store.writing(names) as (writer, known):
            found = Ingest(names, known, store.room(known.n_rows), spill)
            found.run(workers, writer.add)
            if found.failure is None:
                with suppress(*FAILURES):  # all is kept, and the next one to come finishes
                    writer.finish(known.unlisted)
    except FAILURES as error:
        with store.reading(names) as (index, known):
            found = Ingest(names, known, 0, spill)
            found.run(workers, index.rows)
        found.failure = error
    return found


def _portions(batches: Iterable[list[File]], total: int) -> Iterator[list[File]]:
    """Join batches to portions worth a write, in bytes or in time, and show progress."""
    from rich.console import Console
    from rich.progress import Progress

    waiting, size, last = list[File](), 0, monotonic()
    screen = Console(stderr=True)
    with Progress(console=screen, transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("Reading images", total=total)
        for batch in batches:
            waiting += batch
            size += sum(len(file.pixels) for file in batch)
            if size >= BYTES_BETWEEN_WRITES or monotonic() - last > SECONDS_BETWEEN_WRITES:
                yield waiting
                waiting, size, last = [], 0, monotonic()
            bar.advance(task, len(batch))
        if waiting:
            yield waiting
