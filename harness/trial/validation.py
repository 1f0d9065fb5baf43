"""Looking at validation: what the network, as it is at the moment, scores there."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from harness.data.classes import rarest
from harness.data.examples import Array, Examples, Floats, Integers
from harness.plan.plan import Phase, Plan
from harness.plan.prior import effective_prior
from harness.scoring import decision, metrics
from harness.scoring.label_metrics import LABEL_BASED
from harness.training.compiled import CompiledNetwork


@dataclass(frozen=True, eq=False)
class Validation:
    """Scores a network on validation examples, at a plan's own decision rule.

    `target` is the prior that the rule corrects for, `[C]`; `metric` is what a threshold is tuned
    for, and what decides.
    """

    network: CompiledNetwork
    plan: Plan
    examples: Examples
    target: Floats
    metric: str

    def logits(self) -> Array:
        """Return the logits of the network as it is, float32 `[n, C]`."""
        return self.network.predict(self.examples)

    def score(self, logits: Array, phase: Phase, metric: str = "") -> float:
        """Return a metric, as it is, of logits whose prior is the phase's; else the deciding one.

        `metric` is one of `scoring.metrics.HIGHER_IS_BETTER`.
        """
        metric = metric or self.metric
        labels, prior = self.examples.labels, self._prior(phase)
        rule = decision.fit(self.plan.decision, logits, labels, prior, self.target, self.metric)
        for_labels, for_probabilities = rule.apply(logits)
        chosen = for_labels if metric in LABEL_BASED else for_probabilities
        return metrics.one(metric, labels, chosen, self._positive)

    def rank(self, score: float) -> float:
        """Return a score as it is to be compared: more is better."""
        return score if metrics.HIGHER_IS_BETTER[self.metric] else -score

    def loss(self, logits: Array) -> float:
        """Return the mean cross-entropy, neither weighted nor adjusted."""
        return _log_loss(logits, self.examples.labels)

    @cached_property
    def _prior(self) -> Callable[[Phase], Floats]:
        return cache(lambda phase: effective_prior(self.plan, phase).values)

    @cached_property
    def _positive(self) -> int:
        return rarest(self.plan.train.counts)


def _log_loss(logits: Array, labels: Integers) -> float:
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    total = np.log(np.exp(shifted).sum(axis=1))
    return float(np.mean(total - shifted[np.arange(len(labels)), labels]))
