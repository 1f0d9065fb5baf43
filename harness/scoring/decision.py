"""How logits become labels: as they are, corrected for the prior, or with a tuned threshold."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import unknown
from harness.scoring.metrics import LABEL_BASED, from_counts, one

Integers = NDArray[np.integer[Any]]
Floats = NDArray[np.floating[Any]]
Float64s = NDArray[np.float64]

RULES = ("argmax", "prior_corrected", "tuned_threshold")
TINY = float(np.finfo(np.float64).tiny)
SWEEPS = 10
GAIN = 1e-12


@dataclass(frozen=True, eq=False)
class FittedRule:
    """What a rule adds to logits `[n, C]`: `[C]` for the labels and `[C]` for the probabilities."""

    name: str
    label_offsets: Float64s
    probability_offsets: Float64s

    def apply(self, logits: Floats) -> tuple[Float64s, Float64s]:
        """Return the logits that give the label (argmax) and the probability (softmax)."""
        return logits + self.label_offsets, logits + self.probability_offsets


def fit(
    name: str,
    validation_logits: Floats,
    validation_labels: Integers,
    effective_prior: Floats,
    target_prior: Floats,
    metric: str,
) -> FittedRule:
    """Fit the rule on validation logits `[n, C]` and labels `[n]`, between two priors `[C]`.

    A metric that does not follow from labels is replaced by balanced accuracy when a threshold is
    tuned. Raises ValueError for an unknown rule.
    """
    none = np.zeros(validation_logits.shape[1])
    if name == "argmax":
        return FittedRule(name, none, none)
    if name == "prior_corrected":
        offsets = _prior_correction(effective_prior, target_prior)
        return FittedRule(name, offsets, offsets)
    if name == "tuned_threshold":
        goal = metric if metric in LABEL_BASED else "balanced_accuracy"
        logits = validation_logits.astype(np.float64)
        return FittedRule(name, _tuned(logits, validation_labels, goal), none)
    raise ValueError(unknown("decision rule", name, RULES))


def _prior_correction(effective: Floats, target: Floats) -> Float64s:
    """Move the logits from one prior to another (Saerens et al. 2002).

    A class that training never showed has no evidence to correct and keeps its logit.
    """
    effective, target = effective.astype(np.float64), target.astype(np.float64)
    correction = np.log(np.maximum(target, TINY)) - np.log(np.maximum(effective, TINY))
    return np.where(effective > 0, correction, np.minimum(correction, 0.0))


def _tuned(logits: Float64s, labels: Integers, metric: str) -> Float64s:
    """Return offsets `[C]` that are best for the metric, and never worse than none."""
    n_classes = logits.shape[1]
    offsets = np.zeros(n_classes)
    if not len(labels) or n_classes < 2:
        return offsets
    start = one(metric, labels, logits, 0)
    if n_classes == 2:
        most = len(labels) + 2
        offsets[1], _ = _best_offset(
            logits, labels, offsets, _Moved(logits.copy()), index=1, metric=metric, most=most
        )
    else:
        if metric == "g_mean" and start == 0:
            # With two classes never found, no single offset lifts the product off zero.
            _climb(logits, labels, offsets, "balanced_accuracy")
        _climb(logits, labels, offsets, metric)
    kept = one(metric, labels, logits + offsets, 0) > start + GAIN
    return offsets if kept else np.zeros(n_classes)


def _climb(logits: Float64s, labels: Integers, offsets: Float64s, metric: str) -> None:
    """Improve the offsets in place, class after class, until a whole sweep gains nothing."""
    n_classes = len(offsets)
    most = max(256, 1_000_000 // n_classes**2)
    moved = _Moved(logits + offsets)
    for _ in range(SWEEPS):
        gained = 0.0
        for index in range(n_classes):
            offset, gain = _best_offset(
                logits, labels, offsets, moved, index=index, metric=metric, most=most
            )
            offsets[index] = offset
            moved.move(index, logits[:, index] + offset)
            gained += gain
        if gained <= GAIN:
            return


class _Moved:
    """Logits `[n, C]` with their offsets, and the two largest of each example, kept up to date.

    So a class is looked at in time that goes by the number of examples, not by that of logits.
    """

    def __init__(self, logits: Float64s) -> None:
        self.logits = logits
        self._first, self._second = _two_largest(logits)

    def rivals(self, index: int) -> Integers:
        """Return the largest class of each example apart from `index`; of equal ones the first."""
        return np.where(self._first == index, self._second, self._first)

    def move(self, index: int, column: Float64s) -> None:
        """Put another column in the place of one class's."""
        self.logits[:, index] = column
        second = self.logits[np.arange(len(column)), self._second]
        below = (self._first != index) & (self._second != index) & (column < second)
        rows = np.flatnonzero(~below)
        self._first[rows], self._second[rows] = _two_largest(self.logits[rows])


def _two_largest(logits: Float64s) -> tuple[Integers, Integers]:
    """Return the classes of the two largest logits in each row; of equal ones the first."""
    first, rows = logits.argmax(axis=1), np.arange(len(logits))
    others = logits.copy()
    others[rows, first] = -np.inf
    return first, others.argmax(axis=1)


def _best_offset(
    logits: Float64s,
    labels: Integers,
    offsets: Float64s,
    moved: "_Moved",
    *,
    index: int,
    metric: str,
    most: int,
) -> tuple[float, float]:
    """Return the best offset of one class, the others fixed, and what it gains over the current.

    `moved` are the logits with their offsets.
    """
    rival = moved.rivals(index)
    needed = moved.logits[np.arange(len(labels)), rival] - logits[:, index]
    current = offsets[index]
    cuts = np.union1d(_cuts(needed, most), [current])
    after, before = np.searchsorted(cuts, needed, side="right"), np.searchsorted(cuts, needed)
    first = np.where(index < rival, before, after)
    scores = from_counts(metric, *_counts(labels, rival, first, index, (len(cuts), len(offsets))))
    now = int(np.searchsorted(cuts, current))
    tied = np.flatnonzero(scores >= scores.max() - GAIN)
    best = int(tied[np.abs(cuts[tied] - current).argmin()])
    return float(cuts[best]), float(scores[best] - scores[now])


def _cuts(needed: Float64s, most: int) -> Float64s:
    """Return offsets between the values at which some prediction changes, and beyond both ends."""
    values = np.unique(needed[np.isfinite(needed)])
    if not len(values):
        return values
    middles = values[:-1] + (values[1:] - values[:-1]) / 2
    cuts = np.concatenate([[values[0] - 1.0], middles, [values[-1] + 1.0]])
    if len(cuts) > most:
        cuts = cuts[np.linspace(0, len(cuts) - 1, most).round().astype(np.int64)]
    return cuts


def _counts(
    labels: Integers, rival: Integers, first: Integers, index: int, shape: tuple[int, int]
) -> tuple[Integers, Integers, Integers]:
    """Return hits, support and predictions of each class at every cut, `shape` = `[cuts, C]`.

    From the cut `first[i]` on, example i is no longer its rival's but is predicted as `index`.
    """
    n_cuts, n_classes = shape

    def moved(rows: NDArray[np.bool_], classes: Integers) -> Integers:
        cells = first[rows] * n_classes + classes[rows]
        counts = np.bincount(cells, minlength=(n_cuts + 1) * n_classes)
        summed: Integers = counts.reshape(n_cuts + 1, n_classes)[:-1].cumsum(axis=0)
        return summed

    lost = moved(np.ones(len(labels), dtype=np.bool_), rival)
    predicted = np.bincount(rival, minlength=n_classes) - lost
    predicted[:, index] = lost.sum(axis=1)
    right = labels == rival
    hits = np.bincount(labels[right], minlength=n_classes) - moved(right, labels)
    hits[:, index] = moved(labels == index, labels)[:, index]
    return hits, np.bincount(labels, minlength=n_classes), predicted
