"""What is known of image files: how each was when it was read, and where its pixels lie."""

import json
import os
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.data.examples import Integers
from harness.data.images.decode import Examined

UNKNOWN, UNREADABLE, UNSTORED = -3, -2, -1
DIGEST_BYTES = 16


@dataclass(frozen=True, eq=False)
class Index:
    """Of `N` files: size, time and content digest, and the row of its pixels in the store.

    Instead of a row there is `UNKNOWN`, `UNREADABLE` (`reasons` says why), or `UNSTORED` for what
    can be read but found no room. `n_rows` is the number of rows of the store that are whole.
    """

    names: Sequence[str]
    sizes: Integers
    mtimes: Integers
    digests: NDArray[np.uint8]
    rows: Integers
    reasons: dict[int, str]
    n_rows: int

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def blank(cls, names: Sequence[str], n_rows: int = 0) -> "Index":
        """Return an index of files of which nothing is known."""
        count = len(names)
        return cls(
            names,
            sizes=np.full(count, -1, np.int64),
            mtimes=np.full(count, -1, np.int64),
            digests=np.zeros((count, DIGEST_BYTES), np.uint8),
            rows=np.full(count, UNKNOWN, np.int64),
            reasons={},
            n_rows=n_rows,
        )

    def note(self, position: int, examined: Examined, row: int) -> None:
        """Enter what a file held; what couldn't be read at all stays unknown."""
        self.reasons.pop(position, None)
        if examined.reason is not None:
            self.reasons[position] = examined.reason
        if examined.digest:
            self.sizes[position], self.mtimes[position] = examined.size, examined.mtime
            self.digests[position] = np.frombuffer(examined.digest, np.uint8)
            self.rows[position] = row

    def at(self, positions: Integers) -> "Index":
        """Return the index of some of the files."""
        reasons = {
            new: self.reasons[old]
            for new, old in enumerate(positions.tolist())
            if old in self.reasons
        }
        return Index(
            [self.names[position] for position in positions.tolist()],
            self.sizes[positions],
            self.mtimes[positions],
            self.digests[positions],
            self.rows[positions],
            reasons,
            self.n_rows,
        )

    def joined(self, other: "Index") -> "Index":
        """Return the index of these files and of others."""
        return Index(
            [*self.names, *other.names],
            np.concatenate([self.sizes, other.sizes]),
            np.concatenate([self.mtimes, other.mtimes]),
            np.concatenate([self.digests, other.digests]),
            np.concatenate([self.rows, other.rows]),
            self.reasons | {len(self) + at: reason for at, reason in other.reasons.items()},
            max(self.n_rows, other.n_rows),
        )

    def without(self, names: Iterable[str]) -> "Index":
        """Return the index of the files that are not among `names`."""
        gone = set(names)
        return self.at(np.array([i for i, name in enumerate(self.names) if name not in gone], int))

    def line(self, positions: Iterable[int], n_rows: int) -> bytes:
        """Return a line for the journal: a checksum, and what is known of files and rows."""
        facts = [
            (
                self.names[at],
                int(self.sizes[at]),
                int(self.mtimes[at]),
                self.digests[at].tobytes().hex(),
                int(self.rows[at]),
                self.reasons.get(at),
            )
            for at in positions
            if self.rows[at] != UNKNOWN
        ]
        text = json.dumps([n_rows, facts]).encode()
        return _checksum(text) + b" " + text + b"\n"


def matched(names: Sequence[str], known: Index) -> tuple[Index, Integers]:
    """Return what is known of the files `names`, and the positions in `known` of all others."""
    if known.names == list(names):
        return known.at(np.arange(len(known))), np.zeros(0, np.int64)
    index = Index.blank(names, known.n_rows)
    place = {name: at for at, name in enumerate(known.names)}
    places = np.array([place.get(name, -1) for name in names], np.int64)
    found = places >= 0
    for mine, theirs in (
        (index.sizes, known.sizes),
        (index.mtimes, known.mtimes),
        (index.digests, known.digests),
        (index.rows, known.rows),
    ):
        mine[found] = theirs[places[found]]
    if known.reasons:
        for at in np.flatnonzero(found).tolist():
            if (reason := known.reasons.get(int(places[at]))) is not None:
                index.reasons[at] = reason
    others = np.ones(len(known), np.bool_)
    others[places[found]] = False
    return index, np.flatnonzero(others)


def save(index: Index, path: Path) -> None:
    """Write an index, whole or not at all, and the same bytes for the same index."""
    beside = path.with_suffix(".new")
    with beside.open("wb") as file:
        np.savez(
            file,
            names=_packed(index.names),
            sizes=index.sizes,
            mtimes=index.mtimes,
            digests=index.digests,
            rows=index.rows,
            reasons=np.frombuffer(json.dumps(sorted(index.reasons.items())).encode(), np.uint8),
            n_rows=np.array(index.n_rows, np.int64),
        )
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def load(path: Path) -> Index | None:
    """Return the index in a file, or None if there is none or it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return Index(
                _unpacked(arrays["names"]),
                arrays["sizes"],
                arrays["mtimes"],
                arrays["digests"],
                arrays["rows"],
                dict(json.loads(arrays["reasons"].tobytes())),
                int(arrays["n_rows"]),
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return None


def replay(lines: Iterable[bytes]) -> tuple[Index, int]:
    """Return what whole lines of a journal tell, and how many bytes they are.

    The first line that isn't whole ends it: its writer was killed.
    """
    facts: dict[str, list[Any]] = {}
    n_rows = length = 0
    for line in lines:
        checksum, _, text = line.partition(b" ")
        if not text.endswith(b"\n") or _checksum(text[:-1]) != checksum:
            break
        n_rows, entries = json.loads(text)
        facts |= {entry[0]: entry for entry in entries}
        length += len(line)
    index = Index.blank(list(facts), n_rows)
    for at, (_, size, mtime, digest, row, reason) in enumerate(facts.values()):
        index.note(at, Examined(size, mtime, bytes.fromhex(digest), b"", reason), row)
    return index, length


def _checksum(text: bytes) -> bytes:
    return blake2b(text, digest_size=8).hexdigest().encode()


def _packed(names: Sequence[str]) -> NDArray[np.uint8]:
    return np.frombuffer(b"\0".join(os.fsencode(name) for name in names), np.uint8)


def _unpacked(packed: NDArray[np.uint8]) -> list[str]:
    return [os.fsdecode(name) for name in packed.tobytes().split(b"\0")] if len(packed) else []
