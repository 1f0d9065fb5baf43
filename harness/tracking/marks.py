"""Marks in a store that several machines share: at most one of all processes holds a key.

Whoever wants a key writes a mark that nobody else writes, then reads all marks: who sees no other
one of the key holds it, who sees one takes its own back. Of two writes one comes first, and who
wrote second reads after both, so it sees the first one's mark unless that was taken back before:
never do two that keep their marks both see themselves alone. It takes no clocks that agree and no
compare-and-set, only a store in which a read sees every write that was answered before it began.

A holder rewrites its mark again and again. One that stands still for long, as seen by others who
reached the store all the time, is of a dead process and is removed: that very mark, which no other
holder ever has. A process that stood still as long, and goes on at just that moment, may write its
mark once more between another's look and claim: what it trains is then trained twice, but recorded
as finished once.
"""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from random import uniform
from threading import Event, Lock, Thread
from time import monotonic, sleep
from typing import Protocol
from uuid import uuid4

from harness.errors import RecordLost

PREFIX = "claim."
SECONDS_BETWEEN_BEATS = 15.0
SECONDS_TO_DIE = 120.0
"""How long a mark stands still that is taken for a dead process's: many beats."""

LONGEST_STEP = 10.0
"""Of the time between two looks no more counts, as the store may have been away meanwhile."""

TIE = 0.2
LONGEST_KEY = 150
UNFIT = re.compile(r"[^\w\-]", re.ASCII)


class Board(Protocol):
    """A place in the store for marks: texts under keys, each written and removed as a whole."""

    def read(self) -> dict[str, str]:
        """Return all marks."""

    def write(self, key: str, text: str) -> None:
        """Write a mark, over the one of its key if there is one."""

    def remove(self, key: str) -> None:
        """Remove a mark, if it is there."""


@dataclass
class Witness:
    """Which marks stand still, as this process has seen them."""

    clock: Callable[[], float] = monotonic
    _seen: dict[str, tuple[str, float, float]] = field(default_factory=dict)

    def look(self, marks: Mapping[str, str]) -> set[str]:
        """Take note of all marks as they are now; return the keys of those that are dead."""
        now, seen = self.clock(), {}
        for key, text in marks.items():
            before, when, still = self._seen.get(key, (text, now, 0.0))
            still = still + min(now - when, LONGEST_STEP) if text == before else 0.0
            seen[key] = text, now, still
        self._seen = seen
        return {key for key, (_, _, still) in seen.items() if still >= SECONDS_TO_DIE}


class Mark:
    """One process's mark for one key; `place` is what its machine's file lock is for."""

    def __init__(self, board: Board, key: str, place: str) -> None:
        self._board, self._place = board, place
        self._key, self._beats = f"{stem(key)}{uuid4().hex}", 0
        self._lock, self._gone = Lock(), False

    @property
    def key(self) -> str:
        """Under which key it stands."""
        return self._key

    def write(self) -> None:
        """Write it for the first time."""
        self._board.write(self._key, self._text())

    def beat(self) -> None:
        """Show that its process lives; a mark that others have removed as dead stays away."""
        with self._lock:
            if not self._gone and self._key in self._board.read():
                self._beats += 1
                self._board.write(self._key, self._text())

    def remove(self) -> bool:
        """Take it back; return whether the store knows."""
        with self._lock:
            self._gone = True
            try:
                self._board.remove(self._key)
            except RecordLost:
                return False
        return True

    def _text(self) -> str:
        return f"{self._place} {self._beats}"


class Heart:
    """Beats for all marks that this process holds, in one thread, and takes back what is left."""

    def __init__(self) -> None:
        self._lock, self._stop = Lock(), Event()
        self._held: list[Mark] = []
        self._leaving: list[Mark] = []
        self._thread: Thread | None = None

    def hold(self, mark: Mark) -> None:
        """Beat for a mark from now on."""
        with self._lock:
            self._held.append(mark)
            if self._thread is None:
                self._thread = Thread(target=self._run, name="claims", daemon=True)
                self._thread.start()

    def let_go(self, mark: Mark) -> None:
        """Beat for it no more and take it back, later where the store is away now."""
        with self._lock:
            if mark in self._held:
                self._held.remove(mark)
        if not mark.remove():
            with self._lock:
                self._leaving.append(mark)

    def _run(self) -> None:
        while not self._stop.wait(SECONDS_BETWEEN_BEATS):
            with self._lock:
                held, leaving = [*self._held], [*self._leaving]
            for mark in held:
                with suppress(Exception):  # whatever a store answers to one, the others live too
                    mark.beat()
            gone = [mark for mark in leaving if mark.remove()]
            with self._lock:
                self._leaving = [mark for mark in self._leaving if mark not in gone]


def stem(key: str) -> str:
    """Return how the marks of a key begin: as it is, or digested where a store refuses it."""
    if len(key) > LONGEST_KEY or UNFIT.search(key):
        key = blake2b(key.encode(), digest_size=16).hexdigest()
    return f"{PREFIX}{key}."


def try_to_mark(board: Board, key: str, place: str, witness: Witness) -> Mark | None:
    """Return the mark that now holds a key, or None if another one stands there.

    Whoever calls this holds the file lock of its `place` for the key, so that an older mark of this
    place is of a process that has died. Two that meet by chance both leave empty-handed, for times
    that differ, lest they meet again.
    """
    if _others(board, key, place, witness):
        return None
    mark = Mark(board, key, place)
    try:
        mark.write()
        if not _others(board, key, place, witness, mark):
            return mark
    except BaseException:
        mark.remove()
        raise
    mark.remove()
    sleep(uniform(0, TIE))
    return None


def _others(
    board: Board, key: str, place: str, witness: Witness, mine: Mark | None = None
) -> set[str]:
    """Return the living marks of a key but one's own, and remove the dead ones."""
    marks = {name: text for name, text in board.read().items() if name.startswith(PREFIX)}
    dead = witness.look(marks)
    found = {name for name in marks if name.startswith(stem(key))}
    found -= {mine.key} if mine else set()
    lost = {name for name in found if name in dead or marks[name].rpartition(" ")[0] == place}
    for name in lost:
        board.remove(name)
    return found - lost
