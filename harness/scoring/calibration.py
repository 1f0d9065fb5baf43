"""Temperature scaling: one number by which logits are divided, so that probabilities can be meant.

Guo et al. (2017), On Calibration of Modern Neural Networks. Probabilities are for the target prior,
which validation need not have: there, each class counts as much as the target prior says.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.scoring.metrics import ECE_BINS, confidence_bins, softmax

Integers = NDArray[np.integer[Any]]
Floats = NDArray[np.floating[Any]]
Float64s = NDArray[np.float64]

LEAST, MOST = 0.01, 100.0


@dataclass(frozen=True)
class Calibration:
    """The temperature (1: as it was), and the expected calibration error without and with it."""

    temperature: float
    ece_before: float
    ece_after: float


def calibrate(
    logits: Floats, labels: Integers, correction: Floats, target_prior: Floats
) -> Calibration:
    """Fit the temperature of softmax((logits + correction) / T) on validation.

    `logits [n, C]`, `labels [n]`; `correction [C]` moves the logits to the `target_prior [C]`.
    """
    corrected = logits.astype(np.float64) + correction
    weights = weights_for(labels, target_prior)
    fitted = temperature(corrected, labels, weights)
    return Calibration(
        fitted,
        _calibration_error(corrected, labels, weights),
        _calibration_error(corrected / fitted, labels, weights),
    )


def temperature(logits: Floats, labels: Integers, weights: Floats) -> float:
    """Return the T of least weighted log loss of softmax(logits / T), from 0.01 to 100.

    The loss is convex in 1 / T, so that its slope there, the mean of what a label's logit lacks to
    the expected one, crosses 0 once at most; where it does not, the nearer end is returned. The
    weights are `[n]`. Without an example it is 1.
    """
    from scipy.optimize import brentq

    if not len(labels):
        return 1.0
    logits = logits.astype(np.float64)
    mine = logits[np.arange(len(labels)), labels]

    def slope(inverse: float) -> float:
        expected = (softmax(logits * inverse) * logits).sum(axis=1)
        return float(weights @ (expected - mine))

    if slope(1 / MOST) >= 0:
        return MOST
    if slope(1 / LEAST) <= 0:
        return LEAST
    return 1 / float(brentq(slope, 1 / MOST, 1 / LEAST, xtol=1e-12))


def weights_for(labels: Integers, target_prior: Floats) -> Float64s:
    """Return what each example counts, `[n]`, so that classes have the shares of the target."""
    counts = np.bincount(labels, minlength=len(target_prior))
    weights = (target_prior / np.maximum(counts, 1))[labels]
    total = weights.sum()
    return np.asarray(weights / total if total > 0 else weights, np.float64)


def _calibration_error(logits: Float64s, labels: Integers, weights: Float64s) -> float:
    """The expected calibration error of weighted examples, in 15 equal bins of confidence."""
    if not len(labels):
        return float("nan")
    probabilities = softmax(logits)
    confidence = probabilities.max(axis=1)
    gaps = weights * ((probabilities.argmax(axis=1) == labels) - confidence)
    sums = np.bincount(confidence_bins(confidence), gaps, ECE_BINS)
    return float(np.abs(sums).sum() / weights.sum())
