"""Samplers: which training examples are visited, in which order."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from harness.data.examples import Floats, Integers


class Sampler(Protocol):
    """A value that visits training examples pass after pass, and knows how often each class."""

    def passes(self, labels: Integers, rng: np.random.Generator) -> Iterator[Integers]:
        """Yield positions into `labels`, one pass at a time, without end."""
        ...

    def class_counts(self, labels: Integers, n_classes: int) -> Floats:
        """Return how often a pass is expected to visit each class, `[C]`."""
        ...


@dataclass(frozen=True)
class Shuffled:
    """Every example once a pass, in a new random order each time."""

    def passes(self, labels: Integers, rng: np.random.Generator) -> Iterator[Integers]:
        """Yield a permutation of all positions, again and again."""
        while True:
            yield rng.permutation(len(labels))

    def class_counts(self, labels: Integers, n_classes: int) -> Floats:
        """Return the number of examples of each class."""
        return np.bincount(labels, minlength=n_classes).astype(np.float64)


SHUFFLED = Shuffled()


@dataclass(frozen=True, eq=False)
class Selected:
    """Only the examples at `positions`, chosen once, in a new random order each pass."""

    positions: Integers

    def passes(self, labels: Integers, rng: np.random.Generator) -> Iterator[Integers]:
        """Yield a permutation of the chosen positions, again and again."""
        while True:
            yield rng.permutation(self.positions)

    def class_counts(self, labels: Integers, n_classes: int) -> Floats:
        """Return the number of chosen examples of each class."""
        return np.bincount(labels[self.positions], minlength=n_classes).astype(np.float64)


@dataclass(frozen=True)
class Rotating:
    """All of the smallest class each pass, and the next slice of every larger one.

    A slice holds at most `ratio` times the smallest class. When a larger class runs out, it is
    reshuffled and begins again, so each of its examples comes once before any comes twice.
    """

    ratio: float = 1.0

    def passes(self, labels: Integers, rng: np.random.Generator) -> Iterator[Integers]:
        """Yield one balanced pass after another, walking through the larger classes."""
        sizes = self._slices(np.bincount(labels)).tolist()
        queues = [Queue(_shuffled(np.flatnonzero(labels == c), rng)) for c in range(len(sizes))]
        while True:
            slices = [q.take(size) for q, size in zip(queues, sizes, strict=True) if size]
            yield rng.permutation(np.concatenate(slices))

    def class_counts(self, labels: Integers, n_classes: int) -> Floats:
        """Return the size of each class's slice."""
        return self._slices(np.bincount(labels, minlength=n_classes)).astype(np.float64)

    def _slices(self, counts: Integers) -> Integers:
        smallest = counts[counts > 0].min()
        return np.minimum(counts, max(1, int(smallest * self.ratio))).astype(np.int64)


@dataclass(frozen=True)
class Repeated:
    """Every example once a pass, those of smaller classes more often.

    A class gets `target_ratio` times the largest class's count, rounded down: all of its examples
    equally often, and what is left over is chosen anew each pass.
    """

    target_ratio: float

    def passes(self, labels: Integers, rng: np.random.Generator) -> Iterator[Integers]:
        """Yield one pass after another, each in a random order."""
        sizes = self.class_counts(labels, int(labels.max()) + 1).astype(np.int64).tolist()
        members = [np.flatnonzero(labels == label) for label in range(len(sizes))]
        while True:
            visits = [
                _repeated(of_class, size, rng)
                for of_class, size in zip(members, sizes, strict=True)
                if size
            ]
            yield rng.permutation(np.concatenate(visits))

    def class_counts(self, labels: Integers, n_classes: int) -> Floats:
        """Return how often a pass visits each class, `[C]`."""
        counts = np.bincount(labels, minlength=n_classes)
        target = int(counts.max() * self.target_ratio)
        return np.where(counts > 0, np.maximum(counts, target), 0).astype(np.float64)


@dataclass(frozen=True, eq=False)
class Drawn:
    """As many visits a pass as there are examples, each class its share of them, `[C]`.

    The shares hold in expectation: a class's visits are rounded up or down at random. Its
    examples come once each, in random order, before any comes again, across passes.
    """

    shares: Floats

    def passes(self, labels: Integers, rng: np.random.Generator) -> Iterator[Integers]:
        """Yield one pass after another, each in a random order."""
        n_classes = len(self.shares)
        queues = [Queue(_shuffled(np.flatnonzero(labels == c), rng)) for c in range(n_classes)]
        ends = np.cumsum(self.class_counts(labels, n_classes))
        ends[-1] = len(labels)
        while True:
            # One offset for all classes keeps the sum: each is rounded up as often as it should.
            sizes = np.diff(np.floor(ends + rng.random()), prepend=0.0).astype(np.int64).tolist()
            visits = [queue.take(size) for queue, size in zip(queues, sizes, strict=True)]
            yield rng.permutation(np.concatenate(visits))

    def class_counts(self, labels: Integers, n_classes: int) -> Floats:
        """Return how often a pass is expected to visit each class, `[C]`."""
        return self.shares * len(labels)


class Queue:
    """Positions from an endless supply of arrays, handed out in any amount; none is lost."""

    def __init__(self, supply: Iterator[Integers]) -> None:
        self._supply = supply
        self._waiting: Integers = np.empty(0, np.int64)

    def take(self, amount: int) -> Integers:
        """Return the next `amount` positions."""
        parts, held = [self._waiting], len(self._waiting)
        while held < amount:
            parts.append(next(self._supply))
            held += len(parts[-1])
        joined = np.concatenate(parts)
        self._waiting = joined[amount:]
        return joined[:amount]

    def rest(self) -> Integers:
        """Return what is left of the array that was begun, or else the whole next one."""
        return self.take(len(self._waiting)) if len(self._waiting) else next(self._supply)


def _shuffled(members: Integers, rng: np.random.Generator) -> Iterator[Integers]:
    while True:
        yield rng.permutation(members)


def _repeated(members: Integers, size: int, rng: np.random.Generator) -> Integers:
    times, rest = divmod(size, len(members))
    return np.concatenate([np.tile(members, times), rng.choice(members, rest, replace=False)])
