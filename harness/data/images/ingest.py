"""Reading what is not known yet, once: into the store, into memory, or just to see if it works."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from harness.data.examples import Array, Integers
from harness.data.images.decode import Decoder, stamp
from harness.data.images.index import UNKNOWN, UNREADABLE, UNSTORED, Index, latest, matched
from harness.data.images.names import located
from harness.data.images.store import Store, Writer
from harness.data.images.workers import Batch, Workers
from harness.errors import UserError

SECONDS_BETWEEN_WRITES = 1.0
BYTES_BETWEEN_WRITES = 32 << 20


@dataclass(frozen=True, eq=False)
class Listing:
    """The files of a source, `names` below `root`, with their sizes and times as they are now."""

    root: Path
    names: list[str]
    sizes: Integers
    times: Integers

    @classmethod
    def of(cls, root: Path, names: Sequence[str]) -> "Listing":
        """Look at each file; a file that isn't there has the size -2."""
        sizes, times, base = list[int](), list[int](), str(root)
        for name in names:
            size = time = -2
            with suppress(OSError, ValueError):
                status = os.stat(located(base, name))  # noqa: PTH116  (as there)
                size, time = status.st_size, stamp(status)
            sizes.append(size)
            times.append(time)
        return cls(root, list(names), np.array(sizes, np.int64), np.array(times, np.int64))

    def __len__(self) -> int:
        return len(self.names)


class Spill:
    """The images that are kept in memory since no store has them, up to a number of them."""

    def __init__(self, capacity: int, decoder: Decoder) -> None:
        self.capacity, self.image_bytes = capacity, decoder.image_bytes
        try:
            self._pixels = np.empty((capacity, self.image_bytes), np.uint8)
        except MemoryError as error:
            size = capacity * self.image_bytes / 2**30
            raise UserError(f"data.cache.mode memory needs {size:.1f} GiB; try disk") from error
        self._decoder = decoder
        self.positions: list[int] = []

    def add(self, positions: Integers, pixels: NDArray[np.uint8]) -> None:
        """Keep images `[K, H * W * C]`, as far as there is room."""
        start = len(self.positions)
        taken = min(len(positions), self.capacity - start)
        self._pixels[start : start + taken] = pixels[:taken]
        self.positions += positions[:taken].tolist()

    @property
    def images(self) -> Array:
        """The images that were kept, `[K, H, W, C]`."""
        return self._pixels[: len(self.positions)].reshape(-1, *self._decoder.shape)


class Ingest:
    """A listing beside what is known of it, and what is still to be read (`todo`)."""

    def __init__(self, listing: Listing, known: Index, room: int, spill: Spill) -> None:
        self.listing, self.spill = listing, spill
        self._known = known
        self.index, self._others = matched(listing.names, known)
        self.n_rows = known.n_rows
        self._room = room
        changed = self.index.sizes != listing.sizes
        changed |= self.index.times != listing.times
        unstored = np.flatnonzero((self.index.rows == UNSTORED) & ~changed)
        again = unstored if len(unstored) <= spill.capacity else unstored[:room]
        self.todo: Integers = np.union1d(np.flatnonzero(changed), again)
        self._changed = np.flatnonzero(changed)
        self.decoded = 0
        self.failure: OSError | None = None

    def run(self, workers: Workers, writer: Writer | None) -> None:
        """Read all that is to be read; with a writer, what has room goes into its store."""
        spare = self._spare()
        self.index.rows[self._changed] = UNKNOWN
        names = [self.listing.names[at] for at in self.todo.tolist()]
        waiting, rows, last, start = list[Integers](), bytearray(), monotonic(), 0
        for batch in _with_progress(workers.examine(names), len(names)):
            positions = self.todo[start : start + len(batch)]
            start += len(batch)
            rows += self._enter(positions, batch, spare, writer is not None)
            waiting.append(positions)
            late = monotonic() - last > SECONDS_BETWEEN_WRITES
            if writer and (late or len(rows) >= BYTES_BETWEEN_WRITES):
                self._write(writer, np.concatenate(waiting), rows)
                waiting, rows, last = [], bytearray(), monotonic()
        if writer and waiting:
            self._write(writer, np.concatenate(waiting), rows)

    def whole(self) -> Index:
        """Return the index to keep: of this listing, and of other files that still are there."""
        mine = self.index.at(np.flatnonzero(self.index.rows != UNKNOWN))
        there = [
            at
            for at in self._others.tolist()
            if os.path.lexists(located(str(self.listing.root), self._known.names[at]))
        ]
        return replace(
            latest([mine, self._known.at(np.array(there, np.int64))]), n_rows=self.n_rows
        )

    def _spare(self) -> dict[bytes, int]:
        """Return the rows of contents that no longer are where they were: files may have moved."""
        spare: dict[bytes, int] = {}
        for index, positions in ((self._known, self._others), (self.index, self._changed)):
            for at in positions.tolist():
                if index.rows[at] >= 0:
                    spare[index.digests[at].tobytes()] = int(index.rows[at])
        return spare

    def _enter(
        self, positions: Integers, batch: Batch, spare: dict[bytes, int], storing: bool
    ) -> bytes:
        """Note what files held; return the pixels that are to be written as the next rows."""
        readable = batch.readable
        rows = np.where(readable, UNSTORED, UNREADABLE).astype(np.int64)
        for at in np.flatnonzero(readable).tolist() if spare else []:
            rows[at] = spare.get(batch.digests[at].tobytes(), UNSTORED)
        new = np.flatnonzero(rows == UNSTORED)
        stored = new[: self._room] if storing else new[:0]
        rows[stored] = self.n_rows + np.arange(len(stored))
        self.n_rows += len(stored)
        self._room -= len(stored)
        rest = new[len(stored) :]
        self.spill.add(positions[rest], batch.pixels[rest])
        self.index.note(positions, batch, rows)
        self.decoded += len(new) + len(batch.reasons)
        return batch.pixels[stored].tobytes()

    def _write(self, writer: Writer, positions: Integers, rows: bytearray) -> None:
        """Write rows and the line that tells of them; if that fails, keep them in memory."""
        told = positions[self.index.rows[positions] != UNKNOWN]
        if self.failure is None:
            try:
                writer.write(bytes(rows), self.index.at(told).line(self.n_rows))
                return
            except OSError as error:
                self.failure, self._room = error, 0
        lost = told[self.index.rows[told] >= writer.n_rows]
        pixels = np.frombuffer(rows, np.uint8).reshape(-1, self.spill.image_bytes)
        self.spill.add(lost, pixels[self.index.rows[lost] - writer.n_rows])
        self.index.rows[lost] = UNSTORED
        self.n_rows = writer.n_rows


def ingested(
    store: Store, listing: Listing, spill: Spill, workers: Workers, max_bytes: float
) -> Ingest:
    """Return the listing with all that could be read in the store, or else in memory.

    If all is known, nothing is locked, written or read but the store's index.
    """
    known = store.load()
    found = Ingest(listing, known, store.room(max_bytes, known.n_rows), spill)
    waiting = bool(len(found.todo))
    if not waiting and not store.unfinished:
        return found
    try:
        with store.lock(wait=waiting):
            return _locked(store, listing, spill, workers, max_bytes)
    except OSError as error:
        if waiting:
            found.failure = error
            found.run(workers, None)
        return found


def _locked(
    store: Store, listing: Listing, spill: Spill, workers: Workers, max_bytes: float
) -> Ingest:
    known = store.load()
    found = Ingest(listing, known, store.room(max_bytes, known.n_rows), spill)
    if not len(found.todo) and not store.unfinished:
        return found
    writer = store.open(known)
    try:
        found.run(workers, writer)
        if found.failure is None:
            found.failure = writer.finish(found.whole())
    finally:
        writer.close()
    return found


def _with_progress(batches: Iterable[Batch], total: int) -> Iterator[Batch]:
    from rich.console import Console
    from rich.progress import Progress

    err = Console(stderr=True)
    with Progress(console=err, transient=True, disable=not sys.stderr.isatty()) as bar:
        row = bar.add_task("Reading images", total=total)
        for batch in batches:
            yield batch
            bar.advance(row, len(batch))
