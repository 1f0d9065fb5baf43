"""How logits become labels: as they are, corrected for the prior, or with a tuned threshold."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import unknown
from harness.scoring.label_metrics import LABEL_BASED
from harness.scoring.threshold import tuned_offsets

Integers = NDArray[np.integer[Any]]
Floats = NDArray[np.floating[Any]]
Float64s = NDArray[np.float64]

RULES = ("argmax", "prior_corrected", "tuned_threshold")
TINY = float(np.finfo(np.float64).tiny)


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
        return FittedRule(name, tuned_offsets(validation_logits, validation_labels, goal), none)
    raise ValueError(unknown("decision rule", name, RULES))


def _prior_correction(effective: Floats, target: Floats) -> Float64s:
    """Move the logits from one prior to another (Saerens et al. 2002).

    A class that training never showed has no evidence to correct and keeps its logit.
    """
    effective, target = effective.astype(np.float64), target.astype(np.float64)
    correction = np.log(np.maximum(target, TINY)) - np.log(np.maximum(effective, TINY))
    return np.where(effective > 0, correction, np.minimum(correction, 0.0))
