"""Tuning a threshold: offsets of the classes, improved one after the other until none gains.

A class takes an example where its offset passes the example's strongest other class. In the order
of these values, what each example changes adds up to the metric at every offset, so that a look at
a class takes time by the number of examples, however many classes there are.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.scoring.label_metrics import LABEL_METRICS, from_counts

Integers = NDArray[np.integer[Any]]
Floats = NDArray[np.floating[Any]]
Float64s = NDArray[np.float64]

GAIN = 1e-12
SWEEPS, LOOKS = 10, 3_000
NEARBY, FEWEST_NEARBY = 200_000, 500


def tuned_offsets(logits: Floats, labels: Integers, metric: str) -> Float64s:
    """Return offsets `[C]` for logits `[n, C]` that are best for the metric, or none.

    The metric is a label-based one. Of two classes the best offset of all is found.
    """
    n_classes = logits.shape[1]
    none = np.zeros(n_classes)
    if not len(labels) or n_classes < 2:
        return none
    contest = Contest(logits, labels)
    start = contest.score(metric)
    if n_classes == 2:
        contest.improve(1, metric, nearby=len(labels))
    else:
        if metric == "g_mean" and start == 0:
            # With two classes never found, no single offset lifts the product off zero.
            _climb(contest, "balanced_accuracy")
        _climb(contest, metric)
    return contest.offsets if contest.score(metric) > start + GAIN else none


def _climb(contest: "Contest", metric: str) -> None:
    """Improve class after class, until a whole sweep gains nothing; many classes get fewer sweeps.

    One of C classes is moved among the 200,000 / C examples, or 500, that are nearest to changing
    hands: all of them, where there are as few.
    """
    n_classes = len(contest.offsets)
    nearby = max(NEARBY // n_classes, FEWEST_NEARBY)
    for _ in range(min(SWEEPS, max(1, LOOKS // n_classes))):
        if sum(contest.improve(index, metric, nearby) for index in range(n_classes)) <= GAIN:
            return


class Contest:
    """Logits `[n, C]` under offsets `[C]`, with the two strongest classes of each example.

    These are kept up to date, so that one class is looked at without a look at all logits.
    """

    def __init__(self, logits: Floats, labels: Integers) -> None:
        n, n_classes = logits.shape
        self._logits, self._columns, self._labels = logits, np.ascontiguousarray(logits.T), labels
        self._classes, self._values = np.empty((2, n), np.int64), np.empty((2, n))
        self._support = self._counted(labels)
        self.offsets = np.zeros(n_classes)
        self._rank(np.arange(n))
        self._hits, self._predicted = self._held(np.arange(n))

    def score(self, metric: str) -> float:
        """Return the metric under the offsets as they are."""
        return float(from_counts(metric, self._hits, self._support, self._predicted))

    def rivals(self, index: int) -> tuple[Integers, Float64s]:
        """Return each example's strongest class but `index`, and its value; of equals the first."""
        (first, second), (highest, next_highest) = self._classes, self._values
        leads = first == index
        return np.where(leads, second, first), np.where(leads, next_highest, highest)

    def move(self, index: int, offset: float) -> None:
        """Give a class another offset."""
        self.offsets[index] = offset
        weak = self._columns[index] + offset < self._values[1]
        rows = np.flatnonzero(~weak | (self._classes == index).any(axis=0))
        before = self._held(rows)
        self._rank(rows)
        after = self._held(rows)
        self._hits += after[0] - before[0]
        self._predicted += after[1] - before[1]

    def improve(self, index: int, metric: str, nearby: int) -> float:
        """Give a class its best offset, the others fixed, and return what that gains.

        The candidates lie between the values at which one of the `nearby` examples changes hands.
        Of equally good ones the nearest is taken.
        """
        rival, strongest = self.rivals(index)
        needed, current = strongest - self._columns[index], float(self.offsets[index])
        near, reach = _nearest(needed, current, nearby)
        rival, needed = rival[near], needed[near]
        cuts = _cuts(needed)
        cuts = np.union1d(cuts[np.abs(cuts - current) <= reach], [current])
        from_cut = np.where(
            index < rival,
            np.searchsorted(cuts, needed),
            np.searchsorted(cuts, needed, side="right"),
        )
        scores = self._scores(metric, index, rival, near, from_cut, len(cuts))
        tied = np.flatnonzero(scores >= scores.max() - GAIN)
        best = int(tied[np.abs(cuts[tied] - current).argmin()])
        if cuts[best] == current:
            return 0.0
        self.move(index, float(cuts[best]))
        return float(scores[best] - scores[np.searchsorted(cuts, current)])

    def _scores(
        self,
        metric: str,
        index: int,
        rival: Integers,
        near: Integers,
        from_cut: Integers,
        n_cuts: int,
    ) -> Float64s:
        """Return the metric at every cut, `[n_cuts]`.

        From the cut `from_cut[i]` on, the example `near[i]` is no longer its rival's but `index`'s.
        Of one rival's examples the cuts ascend.
        """
        terms, labels, support = LABEL_METRICS[metric].terms, self._labels[near], self._support
        here = self._classes[0, near] == index
        right = labels == rival
        hits = self._hits + self._counted(rival[here & right])
        predicted = self._predicted + self._counted(rival[here])
        hits[index] -= (here & (labels == index)).sum()
        predicted[index] -= here.sum()

        def until(which: Integers, weights: Floats | None = None) -> Float64s:
            summed: Float64s = np.bincount(which, weights, n_cuts + 1)[:-1].cumsum(dtype=np.float64)
            return summed

        order = np.argsort(rival, kind="stable")
        loser, lost, cut = rival[order], right[order].astype(np.int64), from_cut[order]
        held = predicted[loser] - _before(loser, np.ones_like(lost))
        found = hits[loser] - _before(loser, lost)
        old = terms(found, support[loser], held)
        new = terms(found - lost, support[loser], held - 1)
        mine = terms(
            hits[index] + until(from_cut[labels == index]),
            np.full(n_cuts, support[index]),
            predicted[index] + until(from_cut),
        )
        others = terms(*(np.delete(each, index) for each in (hits, support, predicted)))
        return LABEL_METRICS[metric].of_sums(
            *(
                rest.sum() + each + until(cut, after - before)
                for rest, each, after, before in zip(others, mine, new, old, strict=True)
            )
        )

    def _held(self, rows: Integers) -> tuple[Float64s, Float64s]:
        """Return how often each class is right and predicted among some examples, `[C]`."""
        predicted = self._classes[0, rows]
        right = predicted == self._labels[rows]
        return self._counted(predicted[right]), self._counted(predicted)

    def _counted(self, classes: Integers) -> Float64s:
        return np.bincount(classes, minlength=len(self._columns)).astype(np.float64)

    def _rank(self, rows: Integers) -> None:
        """Find the two strongest classes of some examples anew; of equal ones the first."""
        moved, places = self._logits[rows] + self.offsets, np.arange(len(rows))
        for rank in range(2):
            strongest = moved.argmax(axis=1)
            self._classes[rank, rows] = strongest
            self._values[rank, rows] = moved[places, strongest]
            moved[places, strongest] = -np.inf


def _nearest(needed: Float64s, current: float, most: int) -> tuple[Integers, float]:
    """Return the examples that change hands nearest to the current offset, and how far these reach.

    They are some `most`, sorted by what is `needed`.
    """
    distance = np.abs(needed - current)
    reach = np.inf if len(distance) <= most else float(np.partition(distance, most - 1)[most - 1])
    near = np.flatnonzero((distance <= reach) & np.isfinite(distance))
    return near[np.argsort(needed[near])], reach


def _cuts(needed: Float64s) -> Float64s:
    """Return offsets between the values at which some prediction changes, and beyond both ends."""
    values = np.unique(needed)
    if not len(values):
        return values
    middles = values[:-1] + (values[1:] - values[:-1]) / 2
    return np.concatenate([[values[0] - 1.0], middles, [values[-1] + 1.0]])


def _before(group: Integers, counts: Integers) -> Integers:
    """Return the sum of the counts that stand before each place in its group; groups are sorted."""
    begins = np.flatnonzero(np.diff(group, prepend=-1))
    before = counts.cumsum() - counts
    return before - np.repeat(before[begins], np.diff(begins, append=len(group)))
