"""Offsets that keep the recall of some classes at a floor, with the best precision that leaves."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.scoring.decision import FittedRule

Integers = NDArray[np.integer[Any]]
Floats = NDArray[np.floating[Any]]
Float64s = NDArray[np.float64]

NAME = "recall_floor"
SWEEPS = 2_000
ROUNDING = 1e-9


def fit_recall_floor(
    logits: Floats, labels: Integers, floors: Mapping[int, float], confidence: float | None
) -> FittedRule:
    """Return the rule that keeps floors, by class index, on validation: `[n, C]`, labels `[n]`.

    Of the offsets of a class that keep its floor, it has the one with the best precision, of equals
    the one with the higher recall. Several classes are moved in turn, and none gives up the floor
    of another; where they cannot all be kept, the earlier ones' are. Without an example of a class
    there is nothing to choose by, and it stays as it is.

    With a `confidence`, the exact lower bound of the recall is to reach the floor; of fewer
    examples than can promise that, all are to be found.
    """
    support = np.bincount(labels, minlength=logits.shape[1])
    needs = {
        index: hits_needed(int(support[index]), floor, confidence)
        for index, floor in floors.items()
        if support[index]
    }
    scene = _Scene(logits.astype(np.float64), labels)
    offsets = scene.raised(needs)
    kept = set(needs) if offsets is not None else set()
    offsets = np.zeros(logits.shape[1]) if offsets is None else offsets
    for index in needs:
        kept.add(index)
        offsets[index] = scene.best(
            index, offsets, {each: needs[each] for each in needs if each in kept}
        )
    none = np.zeros(logits.shape[1])
    return FittedRule(NAME, offsets, none, floors=dict(floors))


def hits_needed(n: int, floor: float, confidence: float | None) -> int:
    """Return how many of n examples have to be found to keep a recall floor.

    With a confidence, so many that the one-sided lower bound (Clopper and Pearson 1934) of the
    recall is not below the floor; all, where not even that suffices.
    """
    from scipy.special import betaincinv

    if confidence is None:
        return max(1, ceil(floor * n - ROUNDING))
    hits = np.arange(1, n + 1)
    bounds = np.asarray(betaincinv(hits, n - hits + 1, 1 - confidence), np.float64)
    return min(1 + int((bounds < floor - ROUNDING).sum()), n)


def examples_needed(floor: float, confidence: float) -> int | None:
    """Return how many examples, all found, promise a recall; None: no number does."""
    if floor >= 1:
        return None
    return max(1, ceil(log(1 - confidence) / log(floor) - ROUNDING))


def unkept(rule: FittedRule, logits: Floats, labels: Integers) -> list[int]:
    """Return the classes whose recall on validation is below the rule's floor."""
    predicted = rule.apply(logits)[0].argmax(axis=1)
    return [
        index
        for index, floor in rule.floors.items()
        if (labels == index).any()
        and (predicted[labels == index] == index).mean() < floor - ROUNDING
    ]


@dataclass(frozen=True, eq=False)
class _Scene:
    """Logits `[n, C]` and labels `[n]`."""

    logits: Float64s
    labels: Integers

    def raised(self, needs: Mapping[int, int]) -> Float64s | None:
        """Return the least offsets, from 0 up, that find as many of each class as it needs.

        Only ever raising what lacks something ends at the least such offsets, if there are any.
        Between two of these that are neighbours lies no more than two logits of an example are
        apart, so that higher ones show that there are none; nor are any found after 2,000 sweeps.
        """
        offsets = np.zeros(self.logits.shape[1])
        highest = (len(needs) + 1) * (1 + np.ptp(self.logits, axis=1).max(initial=0.0))
        for _ in range(SWEEPS):
            if offsets.max() > highest:
                return None
            lacking = False
            for index, need in needs.items():
                cuts = _Cuts.of(self, index, offsets)
                if cuts.hits_at(offsets[index]) < need:
                    lacking = True
                    offsets[index] = cuts.at[cuts.hits >= need].min()
            if not lacking:
                return offsets
        return None

    def best(self, index: int, offsets: Float64s, needs: Mapping[int, int]) -> float:
        """Return the class's offset with the best precision that leaves each class what it needs.

        If it can't have what it needs itself, it gets as much as the others leave it.
        """
        cuts = _Cuts.of(self, index, offsets)
        allowed = np.ones(len(cuts.at), np.bool_)
        for other, need in needs.items():
            if other != index:
                allowed &= cuts.hits_of(other) >= need
        if not allowed.any():
            return float(offsets[index])
        reached = cuts.hits >= needs[index]
        if not (allowed & reached).any():
            reached = cuts.hits >= cuts.hits[allowed].max()
        allowed &= reached
        order = np.lexsort((cuts.hits, cuts.precision, allowed))
        return float(cuts.at[order[-1]])


@dataclass(frozen=True, eq=False)
class _Cuts:
    """What each offset of a class gives, the others fixed: one between every two that differ.

    `needed [n]` is from which offset on an example is called the class, `rival [n]` what it is
    called until then.
    """

    scene: _Scene
    index: int
    needed: Float64s
    rival: Integers
    at: Float64s
    hits: Integers
    precision: Float64s

    @classmethod
    def of(cls, scene: _Scene, index: int, offsets: Float64s) -> "_Cuts":
        others = scene.logits + offsets
        others[:, index] = -np.inf
        rival = others.argmax(axis=1)
        needed = others.max(axis=1) - scene.logits[:, index]
        at = _between(np.unique(needed))
        hits = np.searchsorted(np.sort(needed[scene.labels == index]), at)
        called = np.searchsorted(np.sort(needed), at)
        precision = np.divide(hits, called, out=np.zeros(len(at)), where=called > 0)
        return cls(scene, index, needed, rival, at, hits, precision)

    def hits_at(self, offset: float) -> int:
        """Return how many are found at an offset, which may be any; of equals the first is said."""
        taken = (self.needed < offset) | ((self.needed == offset) & (self.index < self.rival))
        return int((taken & (self.scene.labels == self.index)).sum())

    def hits_of(self, other: int) -> Integers:
        """Return how many of another class are found at each offset."""
        right = (self.scene.labels == other) & (self.rival == other)
        lost = np.searchsorted(np.sort(self.needed[right]), self.at)
        return np.asarray(right.sum() - lost)


def _between(values: Float64s) -> Float64s:
    """Return a number between every two neighbours of the sorted values, and beyond both ends."""
    middles = values[:-1] + (values[1:] - values[:-1]) / 2
    inside = middles[(middles > values[:-1]) & (middles < values[1:])]
    return np.concatenate([[values[0] - 1.0], inside, [values[-1] + 1.0]])
