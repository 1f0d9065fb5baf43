"""Reading what is not known yet, once: into the store, into memory, or just to see if it works."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic

import numpy as np

from harness.data.examples import Array, Integers
from harness.data.images.decode import Decoder, Examined, located
from harness.data.images.index import UNKNOWN, UNREADABLE, UNSTORED, Index, matched
from harness.data.images.store import Store, Writer
from harness.data.images.workers import Workers
from harness.errors import UserError

SECONDS_BETWEEN_WRITES = 1.0
BYTES_BETWEEN_WRITES = 32 << 20


@dataclass(frozen=True, eq=False)
class Listing:
    """The files of a source, `names` below `root`, with their sizes and times as they are now."""

    root: Path
    names: list[str]
    sizes: Integers
    mtimes: Integers

    @classmethod
    def of(cls, root: Path, names: Sequence[str]) -> "Listing":
        """Look at each file; a file that isn't there has the size -2."""
        found = np.full((2, len(names)), -2, np.int64)
        for at, name in enumerate(names):
            try:
                status = os.stat(located(str(root), name))  # noqa: PTH116  (as there)
            except (OSError, ValueError):
                continue
            found[:, at] = status.st_size, status.st_mtime_ns
        return cls(root, list(names), found[0], found[1])

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

    def add(self, position: int, pixels: bytes) -> None:
        """Keep an image, if there is room."""
        if len(self.positions) < self.capacity:
            self._pixels[len(self.positions)] = np.frombuffer(pixels, np.uint8)
            self.positions.append(position)

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
        changed |= self.index.mtimes != listing.mtimes
        unstored = np.flatnonzero((self.index.rows == UNSTORED) & ~changed)
        again = unstored if len(unstored) <= spill.capacity else unstored[:room]
        self.todo: Integers = np.union1d(np.flatnonzero(changed), again)
        self._changed = np.flatnonzero(changed)
        self.decoded = self.moved = 0
        self.failure: OSError | None = None

    def run(self, workers: Workers, writer: Writer | None) -> None:
        """Read all that is to be read; with a writer, what has room goes into its store."""
        spare = self._spare()
        self.index.rows[self._changed] = UNKNOWN
        waiting, rows, last = list[int](), bytearray(), monotonic()
        names = [self.listing.names[at] for at in self.todo.tolist()]
        examined = _with_progress(workers.examine(names), len(names))
        for at, one in zip(self.todo.tolist(), examined, strict=True):
            stored = self._enter(at, one, spare, writer is not None)
            waiting.append(at)
            if stored:
                rows += one.pixels
            late = monotonic() - last > SECONDS_BETWEEN_WRITES
            if writer and (late or len(rows) >= BYTES_BETWEEN_WRITES):
                self._write(writer, waiting, rows)
                waiting, rows, last = [], bytearray(), monotonic()
        if writer and waiting:
            self._write(writer, waiting, rows)

    def whole(self) -> Index:
        """Return the index to keep: of this listing, and of other files that still are there."""
        mine = self.index.at(np.flatnonzero(self.index.rows != UNKNOWN))
        there = [
            at
            for at in self._others.tolist()
            if os.path.lexists(located(str(self.listing.root), self._known.names[at]))
        ]
        both = mine.joined(self._known.at(np.array(there, np.int64)))
        return replace(both, n_rows=self.n_rows)

    def _spare(self) -> dict[bytes, int]:
        """Return the rows of contents that no longer are where they were: files may have moved."""
        spare: dict[bytes, int] = {}
        for index, positions in ((self._known, self._others), (self.index, self._changed)):
            for at in positions.tolist():
                if index.rows[at] >= 0:
                    spare[index.digests[at].tobytes()] = int(index.rows[at])
        return spare

    def _enter(self, position: int, one: Examined, spare: dict[bytes, int], storing: bool) -> bool:
        """Note what a file held; return whether its pixels are to be written as the next row."""
        stored = False
        self.decoded += 1
        if one.reason is not None:
            row = UNREADABLE
        elif (old := spare.get(one.digest)) is not None:
            row = old
            self.decoded, self.moved = self.decoded - 1, self.moved + 1
        elif storing and self._room > 0:
            row, stored = self.n_rows, True
            self.n_rows += 1
            self._room -= 1
        else:
            row = UNSTORED
            self.spill.add(position, one.pixels)
        self.index.note(position, one, row)
        return stored

    def _write(self, writer: Writer, waiting: list[int], rows: bytearray) -> None:
        """Write rows and the line that tells of them; if that fails, keep them in memory."""
        if self.failure is None:
            try:
                writer.write(bytes(rows), self.index.line(waiting, self.n_rows))
                return
            except OSError as error:
                self.failure, self._room = error, 0
        size = self.spill.image_bytes
        for at in waiting:
            if self.index.rows[at] >= writer.n_rows:
                start = (int(self.index.rows[at]) - writer.n_rows) * size
                self.spill.add(at, bytes(rows[start : start + size]))
                self.index.rows[at] = UNSTORED
        self.n_rows = writer.n_rows


def ingested(
    store: Store, listing: Listing, spill: Spill, workers: Workers, max_bytes: float
) -> Ingest:
    """Return the listing with all that could be read in the store, or else in memory.

    If all is known, nothing is locked, written or read but the store's index.
    """
    known = store.load()
    found = Ingest(listing, known, store.room(max_bytes, known.n_rows), spill)
    if not len(found.todo):
        return found
    try:
        with store.lock():
            return _locked(store, listing, spill, workers, max_bytes)
    except OSError as error:
        found.failure = error
        found.run(workers, None)
        return found


def _locked(
    store: Store, listing: Listing, spill: Spill, workers: Workers, max_bytes: float
) -> Ingest:
    known = store.load()
    found = Ingest(listing, known, store.room(max_bytes, known.n_rows), spill)
    if not len(found.todo):
        return found
    writer = store.open(known)
    try:
        found.run(workers, writer)
        if found.failure is None:
            found.failure = writer.finish(found.whole())
    finally:
        writer.close()
    return found


def _with_progress(results: Iterable[Examined], total: int) -> Iterator[Examined]:
    from rich.console import Console
    from rich.progress import track

    return iter(
        track(
            results,
            "Reading images",
            total,
            console=Console(stderr=True),
            transient=True,
            disable=not sys.stderr.isatty(),
        )
    )
