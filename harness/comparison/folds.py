"""What folds do for a comparison: every example is tested, so that small classes can be judged."""

from collections.abc import Collection
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.comparison.held_out import FEWEST_UNITS
from harness.data.cuts import FEWEST_FOR_FOLDS

MOST_FOLDS = 5


def folds_that_help(units: NDArray[np.integer[Any]], fragile: Collection[int]) -> int | None:
    """Return how many folds would test enough of some hardly tested class, or None.

    `units [C]` are all groups or examples of each class, whatever they are used for; `fragile` are
    the hardly tested classes. Every class must be in every fold.
    """
    fewest = int(units.min())
    if fewest < FEWEST_FOR_FOLDS or not any(units[index] >= FEWEST_UNITS for index in fragile):
        return None
    return min(MOST_FOLDS, fewest)


def in_repeats(seeds: int | None, folds: int | None) -> int | None:
    """Return how many repeats so many seeds are, each one of all folds; without folds, as many."""
    return None if seeds is None else ceil(seeds / (folds or 1))
