"""The effective prior: the class distribution that a plan's logits come to reflect."""

from dataclasses import dataclass

import numpy as np

from harness.data.examples import Floats, Integers
from harness.plan.plan import Phase, Plan


@dataclass(frozen=True, eq=False)
class EffectivePrior:
    """A distribution over classes, `[C]`, and whether theory gives it exactly."""

    values: Floats
    exact: bool


def effective_prior(plan: Plan, phase: Phase | None = None) -> EffectivePrior:
    """Return labelled distribution x class weights x the loss's factor, of a phase: the last one.

    The minimiser of weighted cross-entropy is p(y|x) proportional to w_y P(y|x), so weights act
    as a change of prior (Elkan 2001; Saerens et al. 2002). With weights that change from epoch
    to epoch the last ones count, and the prior is approximate, as it is where the head is changed
    after training, or where only its scale is trained: then no bias is free to take up the prior.
    """
    phase = phase or plan.phases[-1]
    weights = np.ones(plan.train.n_classes)
    steady = True
    if phase.class_weight is not None:
        rows = np.atleast_2d(phase.class_weight.values)
        weights, steady = rows[-1], len(rows) == 1
    factor = phase.loss.prior_factor
    product = plan.labelled(phase) * weights * (1.0 if factor is None else factor)
    free = phase.trainable != "head_scale" and not plan.head_transforms
    exact = phase.loss.exact and phase.batch_transform.exact and steady and free
    return EffectivePrior(product / product.sum(), exact)


def overshoots(plan: Plan, prior: EffectivePrior, before: Integers | None = None) -> str | None:
    """Say, in one line, when a plan corrects too far: a rarest class that now dominates.

    `before` are the class counts `[C]` that the plan began with, by default those that it has.
    """
    counts = plan.train.counts if before is None else before
    rarest, largest = int(np.argmin(counts)), int(np.argmax(counts))
    corrections = _corrections(plan, counts)
    ratio = float(prior.values[rarest] / prior.values[largest])
    if not corrections or ratio <= 1.5:
        return None
    names = plan.train.class_names
    what = "corrects twice" if len(corrections) > 1 else "corrects too far"
    return (
        f"{what} ({', '.join(corrections)}): the logits will see {names[rarest]!r} {ratio:.3g} "
        f"times as often as {names[largest]!r} (effective prior {prior.values[rarest]:.3f} against "
        f"{prior.values[largest]:.3f})"
    )


def _corrections(plan: Plan, before: Integers) -> list[str]:
    """Name what changes the balance of the classes: examples, visits, weights, loss."""
    phase, counts = plan.phases[-1], plan.train.counts
    weights = None if phase.class_weight is None else np.atleast_2d(phase.class_weight.values)[-1]
    factor = phase.loss.prior_factor
    found = {
        "examples": not np.allclose(counts / counts.sum(), before / before.sum()),
        "visits": not np.allclose(plan.visited(phase), counts / counts.sum()),
        "class weights": weights is not None and not np.allclose(weights, weights[0]),
        "loss": factor is not None and not np.allclose(factor, factor[0]),
    }
    return [name for name, changes in found.items() if changes]
