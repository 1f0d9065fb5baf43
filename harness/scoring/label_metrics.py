"""Metrics of labels alone: each follows from a few sums over the classes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float64s = NDArray[np.float64]
Array = NDArray[Any]
Terms = tuple[Float64s, ...]


@dataclass(frozen=True)
class LabelMetric:
    """A metric as a function of sums, over classes, of terms `[..., C]` that each class gives.

    `terms` are functions of how often a class is right, is true and is predicted. What changes two
    classes changes their terms alone, so that a search need not sum over all classes again.
    """

    terms: Callable[[Float64s, Float64s, Float64s], Terms]
    of_sums: Callable[..., Float64s]


def from_counts(metric: str, hits: Array, support: Array, predicted: Array) -> Float64s:
    """Return a label-based metric from how often, `[..., C]`, a class is right, true, predicted."""
    if metric not in LABEL_METRICS:
        raise ValueError(f"{metric!r} does not follow from a confusion matrix")
    counts = np.broadcast_arrays(hits, support, predicted)
    terms = LABEL_METRICS[metric].terms(*(each.astype(np.float64) for each in counts))
    return LABEL_METRICS[metric].of_sums(*(term.sum(axis=-1) for term in terms))


def ratio(part: Array, whole: Array) -> Float64s:
    """Return part / whole, and 0 where the whole is 0."""
    divided: Float64s = np.divide(part, whole, out=np.zeros(np.shape(whole)), where=whole > 0)
    return divided


def _recall(hits: Float64s, support: Float64s, predicted: Float64s) -> Terms:
    return ratio(hits, support), _one_where(support > 0)


def _f1(hits: Float64s, support: Float64s, predicted: Float64s) -> Terms:
    either = support + predicted
    return ratio(2 * hits, either), _one_where(either > 0)


def _weighted_f1(hits: Float64s, support: Float64s, predicted: Float64s) -> Terms:
    return ratio(2 * hits, support + predicted) * support, support


def _log_recall(hits: Float64s, support: Float64s, predicted: Float64s) -> Terms:
    """A class that is only ever predicted counts as never found, as imbalanced-learn has it."""
    found, counted = ratio(hits, support), support + predicted > 0
    logs = np.log(found, out=np.zeros(np.shape(found)), where=found > 0)
    return logs, _one_where(counted & (found == 0)), _one_where(counted)


def _geometric_mean(logs: Float64s, never_found: Float64s, counted: Float64s) -> Float64s:
    return np.where(never_found > 0, 0.0, np.exp(ratio(logs, counted)))


def _products(hits: Float64s, support: Float64s, predicted: Float64s) -> Terms:
    return hits, support, support * predicted, support**2, predicted**2


def _correlation(
    hits: Float64s, total: Float64s, product: Float64s, true: Float64s, claimed: Float64s
) -> Float64s:
    return ratio(hits * total - product, np.sqrt((total**2 - true) * (total**2 - claimed)))


def _one_where(counted: NDArray[np.bool_]) -> Float64s:
    return counted.astype(np.float64)


LABEL_METRICS: Mapping[str, LabelMetric] = {
    "balanced_accuracy": LabelMetric(_recall, ratio),
    "f1_macro": LabelMetric(_f1, ratio),
    "f1_weighted": LabelMetric(_weighted_f1, ratio),
    "g_mean": LabelMetric(_log_recall, _geometric_mean),
    "mcc": LabelMetric(_products, _correlation),
}
LABEL_BASED = tuple(LABEL_METRICS)
