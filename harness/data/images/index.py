"""What is known of image files, in a SQLite database: how each was, and where its pixels lie.

While it is written it is in WAL mode, so that others can read it. A finished one is a plain file,
which can be read even where nothing may be written; the mode also tells one from the other.
"""

import os
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.data.examples import Integers
from harness.decoding.decoder import Original
from harness.decoding.depth import Extent
from harness.decoding.files import DIGEST_BYTES, IDENTITY_BYTES, File, located, stamp

UNKNOWN, UNREADABLE, NOWHERE = -3, -2, -1
VALUES = 500
COLUMNS = 12
SCHEMA = """
CREATE TABLE IF NOT EXISTS contents (row INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS files (
    name BLOB PRIMARY KEY, size INTEGER NOT NULL, time INTEGER NOT NULL, digest BLOB NOT NULL,
    reason TEXT, identity BLOB NOT NULL, width INTEGER, height INTEGER, gray INTEGER,
    low REAL, high REAL, full REAL
) WITHOUT ROWID;
"""
FILES = f"""
SELECT name, size, time, digest, reason,
    iif(reason IS NULL, ifnull(row, {NOWHERE}), {UNREADABLE}),
    identity, width, height, gray, low, high, full
FROM files LEFT JOIN contents USING (digest)
"""


@dataclass(frozen=True, eq=False)
class Known:
    """Of `N` files: digests `[N]` of 16 bytes, and in which of a store's `n_rows` the pixels are.

    `identities` `[N]` of 8 bytes are those of the pixels; `originals` `[N, 3]` are width, height
    and whether the file has gray alone, all 0 where it can't be read.

    Instead of a row there is `UNKNOWN`, `UNREADABLE` (`reasons` says why), or `NOWHERE` for what
    can be read but has no row. `extents` are the values of images with more than 8 bits.
    `unlisted` are the names of files that are known besides these.
    """

    digests: NDArray[np.void]
    identities: NDArray[np.void]
    originals: NDArray[np.int32]
    rows: Integers
    reasons: dict[int, str]
    extents: dict[int, Extent]
    n_rows: int
    unlisted: list[str]

    @classmethod
    def nothing(cls, count: int, n_rows: int = 0) -> "Known":
        """Return what is known of `count` files at first."""
        return cls(
            np.zeros(count, f"V{DIGEST_BYTES}"),
            np.zeros(count, f"V{IDENTITY_BYTES}"),
            np.zeros((count, len(Original._fields)), np.int32),
            np.full(count, UNKNOWN, np.int64),
            reasons={},
            extents={},
            n_rows=n_rows,
            unlisted=[],
        )


class Index:
    """A database of files, and of contents: each has one row of pixels, however many files hold it.

    Names are kept as bytes, since not all of them are text. Every method may raise sqlite3.Error,
    for whatever is wrong with the file or the disk.
    """

    def __init__(self, path: Path | None, create: bool = False) -> None:
        """Open an index that is there, or one to `create`; without a path, one in memory."""
        mode = "rwc" if create else "rw"
        where = ":memory:" if path is None else f"{path.absolute().as_uri()}?mode={mode}"
        self._connection = sqlite3.connect(where, uri=True)
        if path is None:
            self._connection.executescript(SCHEMA)

    def start(self) -> None:
        """Make it ready to be written."""
        self._switch("WAL")
        self._connection.executescript(SCHEMA)

    def close(self) -> None:
        """Close the database; what was committed stays."""
        self._connection.close()

    @property
    def finished(self) -> bool:
        """Whether nobody is writing it, nor was stopped before it was put in order."""
        return bool(self._one("PRAGMA journal_mode") != "wal")

    def known(self, root: Path, names: Sequence[str]) -> Known:
        """Return what is known of files that are as they were when they were read."""
        known = Known.nothing(len(names), self._one("SELECT count(*) FROM contents"))
        place, base = {name: at for at, name in enumerate(names)}, str(root)
        for entry, size, time, digest, reason, row, own, *values in self._connection.execute(FILES):
            name = os.fsdecode(entry)
            at = place.get(name)
            if at is None:
                known.unlisted.append(name)
            elif _state(located(base, name)) == (size, time):
                known.rows[at], known.digests[at], known.identities[at] = row, digest, own
                if reason is not None:
                    known.reasons[at] = reason
                else:
                    known.originals[at] = values[:3]
                if values[3] is not None:
                    known.extents[at] = Extent(*values[3:])
        return known

    def rows(self, files: Sequence[File]) -> list[int]:
        """Return the row of each file's content, or what there is instead."""
        rows = dict[bytes, int]()
        for start in range(0, len(files), VALUES):
            digests = [file.digest for file in files[start : start + VALUES]]
            places = ", ".join("?" * len(digests))
            query = f"SELECT digest, row FROM contents WHERE digest IN ({places})"
            rows.update(self._connection.execute(query, digests))
        return [
            rows.get(file.digest, NOWHERE) if file.reason is None else UNREADABLE for file in files
        ]

    def add(self, files: Iterable[File], rows: dict[bytes, int]) -> None:
        """Enter what files held, and the new `rows` by content, all or nothing.

        What could not be read at all stays as it was.
        """
        with self._connection as connection:
            connection.executemany("INSERT INTO contents (digest, row) VALUES (?, ?)", rows.items())
            connection.executemany(
                f"INSERT OR REPLACE INTO files VALUES ({', '.join('?' * COLUMNS)})",
                (_entry(file) for file in files if file.size >= 0),
            )

    def finish(self, gone: Iterable[str]) -> None:
        """Forget files, and end the WAL mode."""
        with self._connection as connection:
            names = ((os.fsencode(name),) for name in gone)
            connection.executemany("DELETE FROM files WHERE name = ?", names)
        self._one("PRAGMA wal_checkpoint")
        self._switch("DELETE")

    def _switch(self, mode: str) -> None:
        """Change the mode without waiting for the disk, which has all that is of worth by then."""
        self._one("PRAGMA synchronous = OFF")
        self._one(f"PRAGMA journal_mode = {mode}")
        self._one("PRAGMA synchronous = NORMAL")

    def _one(self, query: str) -> Any:
        found = self._connection.execute(query).fetchone()
        return None if found is None else found[0]


def _entry(file: File) -> tuple[Any, ...]:
    original, extent = file.original or (None,) * 3, file.extent or (None,) * 3
    facts = file.size, file.time, file.digest, file.reason, file.identity
    return os.fsencode(file.name), *facts, *original, *extent


def _state(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116  (a million times; pathlib is slow)
    except (OSError, ValueError):
        return None
    return status.st_size, stamp(status)
