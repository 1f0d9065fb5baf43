"""What stored test logits would score at another share of the classes, without training again.

Of each class the test set tells how it is recognised; how often it comes up is then reweighted to
the share in deployment (Elkan 2001; Saerens et al. 2002).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import UserError
from harness.scoring.decision import TINY

Integers = NDArray[np.integer[Any]]
Floats = NDArray[np.floating[Any]]
Float64s = NDArray[np.float64]

RATIOS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Costs:
    """What an error costs, in any unit: a negative taken for positive, a positive missed."""

    false_positive: float = 1.0
    false_negative: float = 1.0


@dataclass(frozen=True)
class Operating:
    """One decision at one prior: `cost` is the expected one of 1,000 examples.

    `precision_range` is what the test set leaves open (exact 95 % limits of the false positive
    rate, the recall as found); `false_positives` is how many test examples that rate rests on.
    """

    precision: float
    recall: float
    f1: float
    cost: float
    precision_range: tuple[float, float]
    false_positives: int


@dataclass(frozen=True)
class Row:
    """One positive to `ratio` negatives: argmax as it is, and the Bayes decision for that prior."""

    ratio: float
    argmax: Operating
    bayes: Operating


def table(
    labels: Integers,
    logits: Floats,
    effective_prior: Floats,
    positive: int,
    costs: Costs | None = None,
    ratios: Sequence[float] = RATIOS,
) -> list[Row]:
    """Return a row for each ratio, from binary test labels `[n]` and logits `[n, 2]`.

    `effective_prior [2]` is the one that the logits reflect. Raises UserError for a cost or a
    ratio that is not positive, or test examples of one class alone.
    """
    costs = Costs() if costs is None else costs
    _check(labels, logits, costs, ratios)
    truth = labels == positive
    negative = 1 - positive
    effective = np.maximum(effective_prior.astype(np.float64), TINY)
    # Evidence for the positive class, free of any prior.
    odds = logits[:, positive].astype(np.float64) - logits[:, negative]
    evidence = odds - np.log(effective[positive] / effective[negative])
    plain = logits.argmax(axis=1) == positive
    worth = np.log(costs.false_negative / costs.false_positive)
    return [
        Row(
            ratio,
            _operating(truth, plain, ratio, costs),
            _operating(truth, evidence > np.log(ratio) - worth, ratio, costs),
        )
        for ratio in ratios
    ]


def _operating(
    truth: NDArray[np.bool_], called: NDArray[np.bool_], ratio: float, costs: Costs
) -> Operating:
    share = 1 / (1 + ratio)
    recall = float(called[truth].mean())
    alarms, negatives = int(called[~truth].sum()), int((~truth).sum())
    rate = alarms / negatives
    low, high = _exact_limits(alarms, negatives)
    precision = _precision(share, recall, rate)
    missed = share * (1 - recall) * costs.false_negative
    return Operating(
        precision=precision,
        recall=recall,
        f1=2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0,
        cost=1000 * (missed + (1 - share) * rate * costs.false_positive),
        precision_range=(_precision(share, recall, high), _precision(share, recall, low)),
        false_positives=alarms,
    )


def _precision(share: float, recall: float, false_positive_rate: float) -> float:
    """Precision at a share of positives; 0 if nothing is called positive."""
    true, false = share * recall, (1 - share) * false_positive_rate
    return true / (true + false) if true + false > 0 else 0.0


def _exact_limits(count: int, total: int) -> tuple[float, float]:
    """The limits of a share (Clopper and Pearson 1934)."""
    from scipy.stats import beta

    tail = (1 - CONFIDENCE) / 2
    low = float(beta.ppf(tail, count, total - count + 1)) if count > 0 else 0.0
    high = float(beta.isf(tail, count + 1, total - count)) if count < total else 1.0
    return low, high


def _check(labels: Integers, logits: Floats, costs: Costs, ratios: Sequence[float]) -> None:
    if logits.shape[1] != 2:
        raise UserError(f"prevalence: {logits.shape[1]} classes; this table is for two")
    if min(costs.false_positive, costs.false_negative) <= 0:
        raise UserError("prevalence: both costs must be positive")
    if min(ratios, default=1) <= 0:
        raise UserError("prevalence: each ratio must be positive, such as 100 for 1:100")
    if len(np.unique(labels)) != 2:
        raise UserError("prevalence: the test set must hold examples of both classes")
