"""Every metric as a function of how often each test example counts."""

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.comparison.held_out import CLASS_MEANS, Logits
from harness.scoring.label_metrics import LABEL_BASED, from_counts
from harness.scoring.metrics import ECE_BINS, confidence_bins, kind, losses, paid, softmax
from harness.scoring.part import Weighted, part_of
from harness.scoring.ranking import RANKINGS, ranked_classes
from harness.scoring.running import running

Integers = NDArray[np.integer[Any]]
Float64s = NDArray[np.float64]


def weighted(
    metric: str,
    labels: Integers,
    logits: Logits,
    positive: int,
    left_out: Collection[int] = (),
    costs: Float64s | None = None,
) -> Weighted:
    """Return the metric as a function of example weights `[n, draws]` that gives `[draws]`.

    With unit weights it agrees with `metrics.one`. A mean over classes does not count those that
    are `left_out`, of which there must be no example. `costs [C, C]` are as in `metrics.one`.
    """
    if metric == "expected_cost":
        predicted, n_classes = logits.label.argmax(axis=1), logits.label.shape[1]
        return _mean_loss(paid(labels, predicted, n_classes, costs))
    if metric in LABEL_BASED:
        predicted, n_classes = logits.label.argmax(axis=1), logits.label.shape[1]
        counted = np.ones(n_classes, dtype=np.bool_)
        if metric in CLASS_MEANS:
            counted[list(left_out)] = False
        return _of_labels(metric, labels, predicted, counted)
    probabilities = softmax(logits.probability)
    if kind(metric) in (*RANKINGS, "precision_at_recall"):
        rank = WHOLE[metric] if metric in WHOLE else part_of(metric)
        classes = ranked_classes(labels, probabilities.shape[1], positive)
        return _mean_of([rank(labels == index, probabilities[:, index]) for index in classes])
    if metric == "ece":
        return _calibration(labels, probabilities)
    return _mean_loss(losses(metric, labels, probabilities))


def _of_labels(
    metric: str, labels: Integers, predicted: Integers, counted: NDArray[np.bool_]
) -> Weighted:
    n_classes = len(counted)
    right = indicator(predicted, n_classes, predicted == labels)
    counts = [right, indicator(labels, n_classes), indicator(predicted, n_classes)]
    return lambda weights: from_counts(metric, *((each @ weights).T[:, counted] for each in counts))


def _mean_loss(losses: Float64s) -> Weighted:
    return lambda weights: losses @ weights / weights.sum(axis=0)


def _calibration(labels: Integers, probabilities: Float64s) -> Weighted:
    confidence = probabilities.max(axis=1)
    bins = confidence_bins(confidence)
    gaps = indicator(bins, ECE_BINS, (probabilities.argmax(axis=1) == labels) - confidence)
    return lambda weights: np.abs(gaps @ weights).sum(axis=0) / weights.sum(axis=0)


def _area(truth: NDArray[np.bool_], score: Float64s) -> Weighted:
    """The weight of pairs in which the positive scores higher, half of it where they tie."""
    negatives = np.flatnonzero(~truth)[np.argsort(score[~truth], kind="stable")]
    below = np.searchsorted(score[negatives], score[truth], side="left")
    up_to = np.searchsorted(score[negatives], score[truth], side="right")

    def area(weights: Float64s) -> Float64s:
        summed = running(weights[negatives])
        positives = weights[truth]
        pairs = (positives * (summed[below] + summed[up_to])).sum(axis=0) / 2
        value: Float64s = pairs / (positives.sum(axis=0) * summed[-1])
        return value

    return area


def _average_precision(truth: NDArray[np.bool_], score: Float64s) -> Weighted:
    """Precision at each distinct score of a positive, weighted with the recall it adds."""
    order = np.argsort(-score, kind="stable")
    found = np.flatnonzero(truth)[np.argsort(-score[truth], kind="stable")]
    last = np.append(np.diff(score[found]) != 0, True)
    ends = np.flatnonzero(last) + 1
    ranked = np.searchsorted(-score[order], -score[found][last], side="right")

    def average(weights: Float64s) -> Float64s:
        true = running(weights[found])[ends]
        ranked_up = running(weights[order])[ranked]
        gained = np.diff(true, axis=0, prepend=0.0)
        precision = np.divide(true, ranked_up, out=np.zeros_like(true), where=ranked_up > 0)
        value: Float64s = (gained * precision).sum(axis=0) / true[-1]
        return value

    return average


WHOLE = {"roc_auc": _area, "average_precision": _average_precision}


def _mean_of(parts: list[Weighted]) -> Weighted:
    if not parts:
        return lambda weights: np.full(weights.shape[1], np.nan)
    return lambda weights: np.mean([part(weights) for part in parts], axis=0)


def indicator(rows: Integers, n_rows: int, values: NDArray[Any] | None = None) -> Any:
    """A sparse matrix `[n_rows, n]` with the value (or 1) of column i in row `rows[i]`."""
    from scipy.sparse import csr_array

    ones = np.ones(len(rows)) if values is None else values.astype(np.float64)
    return csr_array((ones, (rows, np.arange(len(rows)))), shape=(n_rows, len(rows)))
