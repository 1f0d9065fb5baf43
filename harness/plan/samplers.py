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
        sizes = self._slices(np.bincount(labels))
        walks = [
            _walk(np.flatnonzero(labels == label), size, rng)
            for label, size in enumerate(sizes)
            if size
        ]
        while True:
            yield rng.permutation(np.concatenate([next(walk) for walk in walks]))

    def class_counts(self, labels: Integers, n_classes: int) -> Floats:
        """Return the size of each class's slice."""
        return self._slices(np.bincount(labels, minlength=n_classes)).astype(np.float64)

    def _slices(self, counts: Integers) -> Integers:
        smallest = counts[counts > 0].min()
        return np.minimum(counts, max(1, int(smallest * self.ratio))).astype(np.int64)


def _walk(members: Integers, size: int, rng: np.random.Generator) -> Iterator[Integers]:
    """Yield `size` members at a time: each once, in random order, before a new order begins."""
    queue = rng.permutation(members)
    while True:
        while len(queue) < size:
            queue = np.concatenate([queue, rng.permutation(members)])
        yield queue[:size]
        queue = queue[size:]


class Stream:
    """A sampler's passes end to end, handed out in any amount; a position is never lost."""

    def __init__(self, sampler: Sampler, labels: Integers, rng: np.random.Generator) -> None:
        self._passes = sampler.passes(labels, rng)
        self._waiting: Integers = np.empty(0, np.int64)

    def take(self, amount: int) -> Integers:
        """Return the next `amount` positions."""
        parts = [self._waiting]
        held = len(self._waiting)
        while held < amount:
            parts.append(next(self._passes))
            held += len(parts[-1])
        joined = np.concatenate(parts)
        self._waiting = joined[amount:]
        return joined[:amount]

    def next_pass(self) -> Integers:
        """Return what is left of this pass, or else the whole next one."""
        return self.take(len(self._waiting)) if len(self._waiting) else next(self._passes)
