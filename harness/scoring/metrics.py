"""Scores of predictions: overall and per class, from logits or from confusion matrices."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import unknown

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
LABEL_BASED = ("balanced_accuracy", "f1_macro", "f1_weighted", "g_mean", "mcc")
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


def score(
    labels: Integers,
    logits_label: Floats,
    logits_probability: Floats,
    positive: int,
    names: Sequence[str],
) -> Scores:
    """Return every score of the logits `[n, C]` against `labels [n]`; what is undefined is NaN."""
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    if not len(labels):
        raise ValueError("no examples to score")
    classes = np.arange(len(names))
    predicted = logits_label.argmax(axis=1)
    probabilities = softmax(logits_probability)
    precision, recall, f1, _ = precision_recall_fscore_support(
        labels, predicted, labels=classes, zero_division=0
    )
    overall = _of_labels(labels, predicted)
    for metric in HIGHER_IS_BETTER:
        if metric not in LABEL_BASED:
            overall[metric] = _of_probabilities(metric, labels, probabilities, positive)
    return Scores(
        overall,
        recall.astype(np.float64),
        precision.astype(np.float64),
        f1.astype(np.float64),
        confusion_matrix(labels, predicted, labels=classes).astype(np.int64),
    )


def one(metric: str, labels: Integers, logits: Floats, positive: int) -> float:
    """Return one score of the logits `[n, C]` against `labels [n]`, as cheaply as it can be had."""
    if metric in LABEL_BASED:
        n_classes = logits.shape[1]
        cells = np.bincount(labels * n_classes + logits.argmax(axis=1), minlength=n_classes**2)
        return float(from_confusion(metric, cells.reshape(n_classes, n_classes)))
    return _of_probabilities(metric, labels, softmax(logits), positive)


def from_confusion(metric: str, confusion: Integers) -> Float64s:
    """Return a label-based metric of confusion matrices `[..., C, C]` (rows: truth) as `[...]`."""
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    return from_counts(metric, hits, confusion.sum(axis=-1), confusion.sum(axis=-2))


def from_counts(metric: str, hits: Integers, support: Integers, predicted: Integers) -> Float64s:
    """Return a label-based metric from how often, `[..., C]`, a class is right, true, predicted."""
    right, true, claimed = (
        counts.astype(np.float64) for counts in np.broadcast_arrays(hits, support, predicted)
    )
    if metric == "mcc":
        return _mcc(right, true, claimed)
    if metric == "balanced_accuracy":
        return _mean(_ratio(right, true), true > 0)
    if metric == "f1_macro":
        return _mean(_ratio(2 * right, true + claimed), true + claimed > 0)
    if metric == "f1_weighted":
        weighted = _ratio(2 * right, true + claimed) * true
        return _ratio(weighted.sum(axis=-1), true.sum(axis=-1))
    if metric == "g_mean":
        return _geometric_mean(_ratio(right, true), true + claimed > 0)
    raise ValueError(f"{metric!r} does not follow from a confusion matrix")


def softmax(logits: Floats) -> Float64s:
    """Return the probabilities `[n, C]` of the logits, in double precision."""
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(axis=1, keepdims=True)
    np.exp(shifted, out=shifted)
    shifted /= shifted.sum(axis=1, keepdims=True)
    return shifted


def reliability(labels: Integers, probabilities: Floats) -> Reliability:
    """Return confidence and accuracy of the likeliest class in 15 equal bins (Guo et al. 2017)."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    bins = np.clip(np.ceil(confidence * ECE_BINS).astype(np.int64) - 1, 0, ECE_BINS - 1)
    count = np.bincount(bins, minlength=ECE_BINS)
    return Reliability(
        count,
        _ratio(np.bincount(bins, confidence, ECE_BINS), count),
        _ratio(np.bincount(bins, right, ECE_BINS), count),
    )


def _of_labels(labels: Integers, predicted: Integers) -> dict[str, float]:
    from imblearn.metrics import geometric_mean_score
    from sklearn.metrics import balanced_accuracy_score, f1_score, matthews_corrcoef

    with warnings.catch_warnings():
        # A class without examples, or one class alone, is told by the numbers themselves.
        warnings.filterwarnings("ignore", category=UserWarning, module=r"sklearn\.|imblearn\.")
        return {
            "balanced_accuracy": float(balanced_accuracy_score(labels, predicted)),
            "f1_macro": float(f1_score(labels, predicted, average="macro", zero_division=0)),
            "f1_weighted": float(f1_score(labels, predicted, average="weighted", zero_division=0)),
            "g_mean": float(geometric_mean_score(labels, predicted)),
            "mcc": float(matthews_corrcoef(labels, predicted)),
        }


def _of_probabilities(
    metric: str, labels: Integers, probabilities: Float64s, positive: int
) -> float:
    if metric == "ece":
        return _expected_calibration_error(reliability(labels, probabilities))
    from sklearn.metrics import (
        average_precision_score,
        brier_score_loss,
        log_loss,
        roc_auc_score,
    )

    if metric in ("roc_auc", "average_precision"):
        ranking = roc_auc_score if metric == "roc_auc" else average_precision_score
        n_classes = probabilities.shape[1]
        classes = [positive] if n_classes == 2 else list(range(n_classes))
        return _one_versus_rest(ranking, classes, labels, probabilities)
    if metric not in HIGHER_IS_BETTER:
        raise ValueError(unknown("metric", metric, HIGHER_IS_BETTER))
    loss = log_loss if metric == "log_loss" else brier_score_loss
    return float(loss(labels, probabilities, labels=np.arange(probabilities.shape[1])))


def _one_versus_rest(
    ranking: Callable[[Array, Float64s], float],
    classes: list[int],
    labels: Integers,
    probabilities: Float64s,
) -> float:
    """Return the mean over those classes that some examples have and some have not, else NaN."""
    truths = ((index, labels == index) for index in classes)
    values = [
        ranking(truth, probabilities[:, index])
        for index, truth in truths
        if truth.any() and not truth.all()
    ]
    return float(np.mean(values)) if values else float("nan")


def _expected_calibration_error(bins: Reliability) -> float:
    gaps = np.abs(bins.accuracy - bins.confidence)
    return float((gaps * bins.count).sum() / bins.count.sum())


def _mcc(hits: Float64s, support: Float64s, predicted: Float64s) -> Float64s:
    total = support.sum(axis=-1)
    covariance = hits.sum(axis=-1) * total - (support * predicted).sum(axis=-1)
    spread = (total**2 - (support**2).sum(axis=-1)) * (total**2 - (predicted**2).sum(axis=-1))
    return _ratio(covariance, np.sqrt(spread))


def _geometric_mean(values: Float64s, counted: Array) -> Float64s:
    """A class that is only ever predicted counts as never found, as imbalanced-learn has it."""
    with np.errstate(divide="ignore"):
        logs = np.where(counted, np.log(values), 0.0)
    mean: Float64s = np.exp(_ratio(logs.sum(axis=-1), counted.sum(axis=-1)))
    return mean


def _mean(values: Float64s, counted: Array) -> Float64s:
    return _ratio((values * counted).sum(axis=-1), counted.sum(axis=-1))


def _ratio(part: Array, whole: Array) -> Float64s:
    """Return part / whole, and 0 where the whole is 0."""
    ratio: Float64s = np.divide(part, whole, out=np.zeros(np.shape(whole)), where=whole > 0)
    return ratio
