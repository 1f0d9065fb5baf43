"""What an exported model scores on the test examples, and recall by class with its interval."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.comparison.by_class import ByClass
from harness.scoring.metrics import Scores

LEVEL = 0.95


@dataclass(frozen=True)
class Recall:
    """The recall of one class, the ends of its 95 % interval, and how many examples were tested.

    None where nothing was tested, or where there is no interval.
    """

    name: str
    recall: float | None
    low: float | None
    high: float | None
    tested: int


def of_model(scores: Scores, classes: Sequence[str]) -> list[Recall]:
    """Return the recalls of one model, with exact intervals (Clopper and Pearson 1934).

    They take in which examples were tested, not that training again would give another model.
    """
    from scipy.stats import binomtest

    found = []
    for name, row, index in zip(classes, scores.confusion, range(len(classes)), strict=True):
        tested, right = int(row.sum()), int(row[index])
        if not tested:
            found.append(Recall(name, None, None, None, 0))
            continue
        ends = binomtest(right, tested).proportion_ci(LEVEL, "exact")
        found.append(Recall(name, right / tested, float(ends.low), float(ends.high), tested))
    return found


def of_members(by_class: ByClass) -> list[Recall]:
    """Return the mean recalls of several models, with the intervals of their comparison."""
    measure = by_class.recall
    columns = (by_class.classes, measure.mean, measure.low, measure.high, by_class.units)
    return [
        Recall(name, number(mean), number(low), number(high), int(units))
        for name, mean, low, high, units in zip(*columns, strict=True)
    ]


def number(value: float) -> float | None:
    """Return a number, and None for NaN."""
    return None if np.isnan(value) else float(value)
