"""Suspected wrong labels by confident learning (Northcutt, Jiang and Chuang 2021).

A class is a confident guess where its probability is at least what it usually is for examples that
are labelled so. That bar is each class's own, so neither imbalance nor a timid network hides the
errors of a rare class.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.integer[Any]]
Floats = NDArray[np.floating[Any]]
NONE = -1


def likelier_labels(labels: Integers, probabilities: Floats) -> NDArray[np.int64]:
    """Return, `[n]`, the class that each example more likely is than its label, or -1.

    `probabilities [n, C]` are of a network that has not trained on these examples. The class is
    the likeliest of the confident guesses; those that are not the label are off the diagonal of the
    paper's confident joint (equation 1).
    """
    thresholds = self_confidence(labels, probabilities)
    guesses = np.where(probabilities >= thresholds, probabilities, -np.inf)
    likeliest = guesses.argmax(axis=1)
    suspected = np.isfinite(guesses.max(axis=1)) & (likeliest != labels)
    return np.where(suspected, likeliest, NONE)


def self_confidence(labels: Integers, probabilities: Floats) -> NDArray[np.float64]:
    """Return each class's mean probability for examples labelled so, `[C]`; infinite for none."""
    n_classes = probabilities.shape[1]
    counts = np.bincount(labels, minlength=n_classes)
    sums = np.bincount(labels, probabilities[np.arange(len(labels)), labels], n_classes)
    means: NDArray[np.float64] = np.full(n_classes, np.inf)
    return np.divide(sums, counts, out=means, where=counts > 0)
