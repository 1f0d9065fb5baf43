"""Looking at validation: what the network, as it is at the moment, scores there."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from harness.config.experiment import Evaluation
from harness.data.classes import rarest
from harness.data.examples import Array, Examples, Floats, Integers
from harness.plan.plan import Phase, Plan
from harness.plan.prior import effective_prior
from harness.scoring import decision, metrics
from harness.scoring.job import Job
from harness.scoring.label_metrics import ratio
from harness.training.compiled import CompiledNetwork
from harness.trial.result import CLASSES_LOGGED_ONE_BY_ONE


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

    def score(self, logits: Array, phase: Phase) -> float:
        """Return the deciding metric, as it is, of logits whose prior is the phase's."""
        return self._one(self.metric, self._rule(self.plan.decision, logits, phase), logits)

    def recalls(self, logits: Array, phase: Phase) -> tuple[float, ...]:
        """Return the recall of each class at the plan's rule; nothing for more than 20 classes."""
        labels, n_classes = self.examples.labels, logits.shape[1]
        if n_classes > CLASSES_LOGGED_ONE_BY_ONE:
            return ()
        said = self._rule(self.plan.decision, logits, phase).apply(logits)[0].argmax(axis=1)
        hits = np.bincount(labels[said == labels], minlength=n_classes)
        return tuple(ratio(hits, self.examples.counts).tolist())

    def judged(self, logits: Array, phase: Phase, evaluation: Evaluation) -> float:
        """Return the metric that an evaluation goes by, with labels decided as it asks for."""
        job = Job.of(evaluation, self.examples.class_names)
        if job.moves_thresholds:
            correction = self._rule("prior_corrected", logits, phase).label_offsets
            rule = job.fit(logits, self.examples.labels, correction, self.target)
        else:
            rule = self._rule(job.name or self.plan.decision, logits, phase)
        return self._one(evaluation.metric, rule, logits, job.costs)

    def _rule(self, name: str, logits: Array, phase: Phase) -> decision.FittedRule:
        labels, prior = self.examples.labels, self._prior(phase)
        return decision.fit(name, logits, labels, prior, self.target, self.metric)

    def _one(
        self,
        metric: str,
        rule: decision.FittedRule,
        logits: Array,
        costs: Floats | None = None,
    ) -> float:
        for_labels, for_probabilities = rule.apply(logits)
        chosen = for_labels if metric in metrics.FROM_LABELS else for_probabilities
        return metrics.one(metric, self.examples.labels, chosen, self._positive, costs)

    def rank(self, score: float) -> float:
        """Return a score as it is to be compared: more is better."""
        return score if metrics.higher_is_better(self.metric) else -score

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
