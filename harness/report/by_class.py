"""What the page shows of single classes, and of thirds of many."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.comparison.by_class import ByClass, Measure
from harness.comparison.summary import Line
from harness.report.content import Classes, Counts, Float64s, Share

MOST_CLASSES = 20
MEASURES = ("recall", "precision", "f1")
THIRDS = ("head", "middle", "tail")


def classes(lines: Sequence[Line], train_counts: Counts) -> Classes:
    """Return every class, or the 20 that have the fewest training examples."""
    first = lines[0].by_class
    order = np.argsort(-train_counts, kind="stable")
    shown = order[-MOST_CLASSES:]
    return Classes(
        rows=tuple(first.classes[index] for index in shown),
        train_counts=train_counts[shown],
        tested=first.units[shown],
        tested_kind=_kind(first),
        strategies=tuple(line.strategy for line in lines),
        shares={
            name: Share(
                *(
                    np.array([getattr(each, part)[shown] for each in _measures(lines, name)])
                    for part in ("mean", "low", "high")
                )
            )
            for name in MEASURES
        },
        hidden=len(order) - len(shown),
    )


def thirds(lines: Sequence[Line], train_counts: Counts) -> Classes | None:
    """Return the means over thirds of the classes, by training examples; None for 20 or fewer."""
    if len(train_counts) <= MOST_CLASSES:
        return None
    parts = np.array_split(np.argsort(-train_counts, kind="stable"), len(THIRDS))
    first = lines[0].by_class
    shares = {}
    for name in MEASURES:
        mean = np.array(
            [[_known_mean(each.mean[part]) for part in parts] for each in _measures(lines, name)]
        )
        unknown: Float64s = np.full(mean.shape, np.nan)
        shares[name] = Share(mean, unknown, unknown)
    return Classes(
        rows=THIRDS,
        train_counts=_sums(train_counts, parts),
        tested=_sums(first.units, parts),
        tested_kind=_kind(first),
        strategies=tuple(line.strategy for line in lines),
        shares=shares,
    )


def _measures(lines: Sequence[Line], name: str) -> list[Measure]:
    return [getattr(line.by_class, name) for line in lines]


def _kind(found: ByClass) -> str:
    return "groups" if found.grouped else "examples"


def _sums(counts: Counts, parts: Sequence[NDArray[np.integer[Any]]]) -> Counts:
    return np.array([counts[part].sum() for part in parts])


def _known_mean(values: Float64s) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
