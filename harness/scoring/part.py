"""Metrics that look at a part of a curve, as functions of how often each example counts."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.scoring.running import running

Booleans = NDArray[np.bool_]
Float64s = NDArray[np.float64]
Weighted = Callable[[Float64s], Float64s]

ROUNDING = 1e-12


def part_of(metric: str) -> Callable[[Booleans, Float64s], Weighted]:
    """Return a metric with a number, such as `roc_auc:max_fpr:0.2`, as a function.

    Of the truth `[n]` and the scores `[n]` of a class it makes a function of example weights
    `[n, draws]` that gives `[draws]`.
    """
    *name, number = metric.split(":")
    parts = {
        "precision_at_recall": partial(precision_at_recall, floor=float(number)),
        "roc_auc:max_fpr": partial(area_of_few_alarms, most=float(number)),
        "roc_auc:min_tpr": partial(area_of_few_misses, least=float(number)),
    }
    return parts[":".join(name)]


def precision_at_recall(truth: Booleans, score: Float64s, floor: float) -> Weighted:
    """Return the best precision of all thresholds whose recall is the floor or higher."""
    found = _cumulated(truth, score)

    def value(weights: Float64s) -> Float64s:
        true, false = found(weights)
        called = true + false
        precision = np.divide(true, called, out=np.zeros_like(true), where=called > 0)
        enough = true >= (floor - ROUNDING) * true[-1]
        return np.asarray(np.where(enough, precision, 0.0).max(axis=0))

    return value


def area_of_few_alarms(truth: Booleans, score: Float64s, most: float) -> Weighted:
    """Return the area under the ROC curve up to a false positive rate (McClish 1989).

    It is scaled so that chance has 0.5 and the best 1, as scikit-learn's `max_fpr` has it.
    """
    area = _area_up_to(truth, score, most)
    chance = most**2 / 2
    return lambda weights: (1 + (area(weights) - chance) / (most - chance)) / 2


def area_of_few_misses(truth: Booleans, score: Float64s, least: float) -> Weighted:
    """Return the area between the ROC curve and a true positive rate, 1 - least at best.

    As ISIC 2024 scored, with 0.8. It is what the curve of the other class has up to a rate.
    """
    return _area_up_to(~truth, -score, 1 - least)


def _area_up_to(truth: Booleans, score: Float64s, most: float) -> Weighted:
    """The area under the ROC curve left of a false positive rate, between points straight."""
    found = _cumulated(truth, score)

    def area(weights: Float64s) -> Float64s:
        true, false = (np.insert(each / each[-1], 0, 0.0, axis=0) for each in found(weights))
        begin, end = np.minimum(false[:-1], most), np.minimum(false[1:], most)
        run, rise = np.diff(false, axis=0), np.diff(true, axis=0)
        slope = np.divide(rise, run, out=np.zeros_like(rise), where=run > 0)
        middle = true[:-1] + slope * ((begin + end) / 2 - false[:-1])
        return np.asarray(((end - begin) * middle).sum(axis=0))

    return area


def _cumulated(truth: Booleans, score: Float64s) -> Callable[[Float64s], tuple[Any, Any]]:
    """What each threshold calls positive, highest first: the weight that is, and that is not."""
    order = np.argsort(-score, kind="stable")
    last = np.append(np.diff(score[order]) != 0, True)
    sorted_truth = truth[order][:, None]

    def both(weights: Float64s) -> tuple[Any, Any]:
        ranked = weights[order]
        return (
            running(ranked * sorted_truth)[1:][last],
            running(ranked * ~sorted_truth)[1:][last],
        )

    return both
