"""What is known of image files: how each was when it was read, and where its pixels lie."""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.data.examples import Integers
from harness.data.images.decode import DIGEST_BYTES
from harness.data.images.workers import Batch

UNKNOWN, UNREADABLE, UNSTORED = -3, -2, -1


@dataclass(frozen=True, eq=False)
class Index:
    """Of `N` files: size, time and content digest, and the row of its pixels in the store.

    Instead of a row there is `UNKNOWN`, `UNREADABLE` (`reasons` says why), or `UNSTORED` for what
    can be read but found no room. `n_rows` is the number of rows of the store that are whole.
    """

    names: Sequence[str]
    sizes: Integers
    times: Integers
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
            times=np.full(count, -1, np.int64),
            digests=np.zeros((count, DIGEST_BYTES), np.uint8),
            rows=np.full(count, UNKNOWN, np.int64),
            reasons={},
            n_rows=n_rows,
        )

    def note(self, positions: Integers, batch: Batch, rows: Integers) -> None:
        """Enter what files held; what couldn't be read at all stays unknown."""
        for at, position in enumerate(positions.tolist() if self.reasons or batch.reasons else []):
            if at in batch.reasons:
                self.reasons[position] = batch.reasons[at]
            else:
                self.reasons.pop(position, None)
        whole = batch.sizes >= 0
        there = positions[whole]
        self.sizes[there], self.times[there] = batch.sizes[whole], batch.times[whole]
        self.digests[there], self.rows[there] = batch.digests[whole], rows[whole]

    def at(self, positions: Integers) -> "Index":
        """Return the index of some of the files, as a copy."""
        places = positions.tolist()
        reasons = {
            new: self.reasons[old]
            for new, old in enumerate(places if self.reasons else [])
            if old in self.reasons
        }
        return Index(
            [self.names[place] for place in places],
            self.sizes[positions],
            self.times[positions],
            self.digests[positions],
            self.rows[positions],
            reasons,
            self.n_rows,
        )

    def line(self, n_rows: int) -> bytes:
        """Return a line for the journal: a checksum, what is known of these files, and `n_rows`."""
        facts = {
            "names": list(self.names),
            "sizes": self.sizes.tolist(),
            "times": self.times.tolist(),
            "digests": self.digests.tobytes().hex(),
            "rows": self.rows.tolist(),
            "reasons": sorted(self.reasons.items()),
            "n_rows": n_rows,
        }
        text = json.dumps(facts).encode()
        return _checksum(text) + b" " + text + b"\n"

    @classmethod
    def of_line(cls, text: bytes) -> "Index":
        """Return what a line without its checksum tells."""
        facts = json.loads(text)
        return cls(
            facts["names"],
            np.array(facts["sizes"], np.int64),
            np.array(facts["times"], np.int64),
            np.frombuffer(bytes.fromhex(facts["digests"]), np.uint8).reshape(-1, DIGEST_BYTES),
            np.array(facts["rows"], np.int64),
            dict(facts["reasons"]),
            facts["n_rows"],
        )


def latest(told: Sequence[Index]) -> Index:
    """Return what the last of several indices that knows of a file says of it."""
    counts = [len(index) for index in told]
    shifts = np.cumsum([0, *counts[:-1]]).tolist()
    every = Index(
        [name for index in told for name in index.names],
        np.concatenate([index.sizes for index in told]),
        np.concatenate([index.times for index in told]),
        np.concatenate([index.digests for index in told]),
        np.concatenate([index.rows for index in told]),
        {
            shift + at: reason
            for shift, index in zip(shifts, told, strict=True)
            for at, reason in index.reasons.items()
        },
        max(index.n_rows for index in told),
    )
    if sum(map(bool, counts)) <= 1:
        return every
    last = {name: at for at, name in enumerate(every.names)}
    return every if len(last) == len(every) else every.at(np.array(list(last.values()), np.int64))


def matched(names: Sequence[str], known: Index) -> tuple[Index, Integers]:
    """Return what is known of the files `names`, and the positions in `known` of all others."""
    if known.names == list(names):
        return known.at(np.arange(len(known))), np.zeros(0, np.int64)
    place = {name: at for at, name in enumerate(known.names)}
    places = np.array([place.get(name, -1) for name in names], np.int64)
    found = np.flatnonzero(places >= 0)
    others = np.ones(len(known), np.bool_)
    others[places[found]] = False
    index, theirs = Index.blank(names, known.n_rows), known.at(places[found])
    index.sizes[found], index.times[found] = theirs.sizes, theirs.times
    index.digests[found], index.rows[found] = theirs.digests, theirs.rows
    index.reasons.update({int(found[at]): reason for at, reason in theirs.reasons.items()})
    return index, np.flatnonzero(others)


def save(index: Index, path: Path) -> None:
    """Write an index, whole or not at all, and the same bytes for the same index."""
    beside = path.with_suffix(".new")
    with beside.open("wb") as file:
        np.savez(
            file,
            names=_packed(index.names),
            sizes=index.sizes,
            times=index.times,
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
                arrays["times"],
                arrays["digests"],
                arrays["rows"],
                dict(json.loads(arrays["reasons"].tobytes())),
                int(arrays["n_rows"]),
            )
    except Exception:  # what reading a damaged archive raises has no common base
        return None


def replay(lines: Iterable[bytes]) -> tuple[Index, int]:
    """Return what whole lines of a journal tell, and how many bytes they are.

    The first line that isn't whole ends it: its writer was killed.
    """
    told, length = [Index.blank([])], 0
    for line in lines:
        checksum, _, text = line.partition(b" ")
        if not text.endswith(b"\n") or _checksum(text[:-1]) != checksum:
            break
        told.append(Index.of_line(text))
        length += len(line)
    return latest(told), length


def _checksum(text: bytes) -> bytes:
    return blake2b(text, digest_size=8).hexdigest().encode()


def _packed(names: Sequence[str]) -> NDArray[np.uint8]:
    return np.frombuffer("\0".join(names).encode("utf-8", "surrogateescape"), np.uint8)


def _unpacked(packed: NDArray[np.uint8]) -> list[str]:
    text = packed.tobytes().decode("utf-8", "surrogateescape")
    return text.split("\0") if text else []
