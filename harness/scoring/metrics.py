"""Scores of predictions: overall and per class, from logits or from confusion matrices."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import unknown
from harness.scoring.label_metrics import LABEL_BASED, from_counts, ratio
from harness.scoring.part import part_of
from harness.scoring.ranking import RANKINGS, ranked_classes, rankings

Integers = NDArray[np.integer[Any]]
Floats = NDArray[np.floating[Any]]
Float64s = NDArray[np.float64]
Array = NDArray[Any]

HIGHER_IS_BETTER: dict[str, bool] = {
    "balanced_accuracy": True,
    "f1_macro": True,
    "f1_weighted": True,
    "g_mean": True,
    "mcc": True,
    "roc_auc": True,
    "average_precision": True,
    "log_loss": False,
    "brier": False,
    "ece": False,
}
OF_JOBS = {"expected_cost": False, "precision_at_recall": True}
FROM_LABELS = (*LABEL_BASED, "expected_cost")
ECE_BINS = 15


@dataclass(frozen=True, eq=False)
class Scores:
    """All numbers of one evaluation: `overall` by name, and arrays `[C]`, confusion `[C, C]`."""

    overall: dict[str, float]
    recall: Float64s
    precision: Float64s
    f1: Float64s
    confusion: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Reliability:
    """Top-label confidence in equal bins: `count`, mean `confidence` and `accuracy`, `[bins]`.

    The means of an empty bin are 0.
    """

    count: NDArray[np.int64]
    confidence: Float64s
    accuracy: Float64s


def kind(metric: str) -> str:
    """Return a metric's name without its number: `roc_auc` of `roc_auc:max_fpr:0.2`."""
    return metric.partition(":")[0]


def higher_is_better(metric: str) -> bool:
    """Say whether more of a metric is better; raises ValueError for an unknown one."""
    known = HIGHER_IS_BETTER | OF_JOBS
    if kind(metric) not in known:
        raise ValueError(unknown("metric", metric, known))
    return known[kind(metric)]


def score(
    labels: Integers,
    logits_label: Floats,
    logits_probability: Floats,
    positive: int,
    names: Sequence[str],
) -> Scores:
    """Return every score of the logits `[n, C]` against `labels [n]`; what is undefined is NaN."""
    if not len(labels):
        raise ValueError("no examples to score")
    confusion = _confusion(labels, logits_label.argmax(axis=1), len(names))
    counts = hits, support, predicted = _counts(confusion)
    probabilities = _probabilities(logits_probability)
    return Scores(
        {metric: float(from_counts(metric, *counts)) for metric in LABEL_BASED}
        | rankings(labels, probabilities, positive)
        | {metric: _of_each(metric, labels, probabilities) for metric in ("log_loss", "brier")}
        | {"ece": _expected_calibration_error(reliability(labels, probabilities))},
        recall=ratio(hits, support),
        precision=ratio(hits, predicted),
        f1=ratio(2 * hits, support + predicted),
        confusion=confusion,
    )


def one(
    metric: str,
    labels: Integers,
    logits: Floats,
    positive: int,
    costs: Floats | None = None,
) -> float:
    """Return one score of the logits `[n, C]` against `labels [n]`, as cheaply as it can be had.

    `costs [C, C]` are for the expected cost of an example, by true and predicted class; without
    them every error costs 1.
    """
    if metric in FROM_LABELS:
        predicted = logits.argmax(axis=1)
        if metric == "expected_cost":
            return float(paid(labels, predicted, logits.shape[1], costs).mean())
        return float(from_confusion(metric, _confusion(labels, predicted, logits.shape[1])))
    higher_is_better(metric)
    probabilities = _probabilities(logits)
    if metric != kind(metric):
        classes, unit = ranked_classes(labels, logits.shape[1], positive), np.ones((len(labels), 1))
        parts = [part_of(metric)(labels == each, probabilities[:, each])(unit) for each in classes]
        return float(np.mean(parts)) if parts else float("nan")
    if metric in RANKINGS:
        return rankings(labels, probabilities, positive)[metric]
    if metric == "ece":
        return _expected_calibration_error(reliability(labels, probabilities))
    return _of_each(metric, labels, probabilities)


def paid(
    labels: Integers, predicted: Integers, n_classes: int, costs: Floats | None = None
) -> Float64s:
    """Return what each prediction `[n]` costs, by `[C, C]` or 1 an error."""
    matrix = 1.0 - np.eye(n_classes) if costs is None else costs.astype(np.float64)
    return np.asarray(matrix[labels, predicted])


def from_confusion(metric: str, confusion: Integers) -> Float64s:
    """Return a label-based metric of confusion matrices `[..., C, C]` (rows: truth) as `[...]`."""
    return from_counts(metric, *_counts(confusion))


def softmax(logits: Floats) -> Float64s:
    """Return the probabilities `[n, C]` of the logits, in double precision."""
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(axis=1, keepdims=True)
    np.exp(shifted, out=shifted)
    shifted /= shifted.sum(axis=1, keepdims=True)
    return shifted


def losses(metric: str, labels: Integers, probabilities: Float64s) -> Float64s:
    """Return what each example adds to the log loss or the Brier score, `[n]`."""
    rows = np.arange(len(labels))
    if metric == "log_loss":
        least = np.finfo(np.float64).eps
        return -np.log(np.clip(probabilities[rows, labels], least, 1 - least))
    errors = probabilities.copy()
    errors[rows, labels] -= 1
    # Half of it for two classes: scikit-learn then scores the one class alone.
    scale = 0.5 if probabilities.shape[1] == 2 else 1.0
    squares: Float64s = scale * np.einsum("nc,nc->n", errors, errors)
    return squares


def confidence_bins(confidence: Floats) -> NDArray[np.int64]:
    """Return which of 15 equal bins, closed above, each confidence `[n]` falls into."""
    return np.clip(np.ceil(confidence * ECE_BINS).astype(np.int64) - 1, 0, ECE_BINS - 1)


def reliability(labels: Integers, probabilities: Floats) -> Reliability:
    """Return confidence and accuracy of the likeliest class in 15 equal bins (Guo et al. 2017)."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    bins = confidence_bins(confidence)
    count = np.bincount(bins, minlength=ECE_BINS)
    return Reliability(
        count,
        ratio(np.bincount(bins, confidence, ECE_BINS), count),
        ratio(np.bincount(bins, right, ECE_BINS), count),
    )


def _confusion(labels: Integers, predicted: Integers, n_classes: int) -> NDArray[np.int64]:
    cells = labels.astype(np.int64) * n_classes + predicted
    return np.bincount(cells, minlength=n_classes**2).reshape(n_classes, n_classes)


def _counts(confusion: Integers) -> tuple[Integers, Integers, Integers]:
    """Return how often, `[..., C]`, each class is right, true, predicted."""
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    return hits, confusion.sum(axis=-1), confusion.sum(axis=-2)


def _probabilities(logits: Floats) -> Float64s:
    probabilities = softmax(logits)
    if np.isnan(probabilities).any():
        raise ValueError("logits that are not finite give no probabilities to score")
    return probabilities


def _of_each(metric: str, labels: Integers, probabilities: Float64s) -> float:
    if not len(labels):
        raise ValueError("no examples to score")
    return float(losses(metric, labels, probabilities).mean())


def _expected_calibration_error(bins: Reliability) -> float:
    gaps = np.abs(bins.accuracy - bins.confidence)
    return float((gaps * bins.count).sum() / bins.count.sum())
