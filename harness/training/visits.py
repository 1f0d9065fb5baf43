"""What training visits: batches, those that lack a class, and how much of each class is seen."""

from dataclasses import dataclass

import numpy as np

from harness.data.examples import Floats, Integers


@dataclass(frozen=True, eq=False)
class Visits:
    """What training visited: batches, those without each class, and the share of each class."""

    steps: int
    examples_seen: int
    batches_without: Integers
    coverage: Floats


class Ledger:
    """Counts visits while training runs; `examples` are those so far."""

    def __init__(self, labels: Integers, n_classes: int) -> None:
        self._labels = labels
        self._visited = np.zeros(len(labels), bool)
        self._without = np.zeros(n_classes, np.int64)
        self._steps = 0
        self.examples = 0

    def add(self, chunk: Integers, batch_size: int) -> None:
        """Count the batches of a chunk of positions `[N]`, the last of which may be smaller."""
        n_classes, batch = len(self._without), np.arange(len(chunk)) // batch_size
        steps = int(batch[-1]) + 1
        cells = self._labels[chunk] + n_classes * batch
        present = np.bincount(cells, minlength=steps * n_classes).reshape(steps, n_classes)
        self._without += (present == 0).sum(axis=0)
        self._visited[chunk] = True
        self._steps += steps
        self.examples += len(chunk)

    def close(self) -> Visits:
        """Return the totals."""
        n_classes = len(self._without)
        seen = np.bincount(self._labels[self._visited], minlength=n_classes)
        there = np.bincount(self._labels, minlength=n_classes)
        coverage = seen / np.maximum(there, 1)
        return Visits(self._steps, self.examples, self._without, coverage)
