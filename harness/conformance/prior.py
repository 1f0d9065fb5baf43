"""The effective prior is what the logits of a perfectly trained network reflect."""

from itertools import islice

import numpy as np

from harness.conformance.compiled import graded
from harness.conformance.law import Broken, Law
from harness.conformance.sampling import passes
from harness.conformance.subject import Planned, Subject
from harness.data.examples import Array, Floats
from harness.losses import Loss
from harness.plan import Plan
from harness.prior import effective_prior

PASSES = 200
ROUNDING = 0.02
ERRORS = 5.0


def _agrees(subject: Subject) -> str | None:
    exact = [each for each in subject.planned() if effective_prior(each.plan).exact]
    for planned in exact:
        wrong = _disagreement(planned)
        if wrong is not None:
            raise Broken(wrong)
    return None if exact else "it says that its prior is approximate"


def _disagreement(planned: Planned) -> str | None:
    plan, names = planned.plan, planned.case.class_names
    declared = effective_prior(plan).values
    visits = _simulated_visits(plan)
    phase = plan.phases[-1]
    labelled = phase.batch_transform.labelled(visits / visits.sum())
    mass = labelled * plan.class_weights(phase, 0)
    shown = reflected(phase.loss, mass)
    allowed = ROUNDING + ERRORS / np.sqrt(np.maximum(visits, 1.0))
    seen = (declared > 0) & (visits > 0)
    off = np.abs(np.log(shown / np.where(seen, declared, shown))) - allowed
    rows, classes = np.unravel_index(np.argmax(off), off.shape)
    if off[rows, classes] <= 0:
        return None
    return (
        f"the effective prior of {names[classes]!r} is {declared[classes]:.4g} by the plan, but "
        f"the best logits under its visits, weights and loss reflect {shown[rows, classes]:.4g} "
        f"({planned.case.name}); correct Loss.prior_factor, or say exact=False where there is none"
    )


def _simulated_visits(plan: Plan) -> Floats:
    """Return how often the first passes of the last phase's sampler visit each class, `[C]`."""
    drawn = np.concatenate(list(islice(passes(plan, plan.phases[-1]), PASSES)))
    counts = np.bincount(plan.train.labels[drawn], minlength=plan.train.n_classes)
    return np.asarray(counts, np.float64)


def reflected(loss: Loss, mass: Floats) -> Array:
    """Return the prior that the best logits reflect at each of `X` inputs, `[X, C]`.

    Given the mass of each class `[C]` and known p(x|y), the expected loss is minimised over free
    logits at each x. Softmax of these, divided by p(x|y), is the prior up to a factor.
    """
    likelihood = _likelihood(len(mass))
    logits = _minimiser(loss, mass * likelihood).astype(np.float64) * loss.logit_scale
    odds = np.exp(logits - logits.max(axis=1, keepdims=True)) / likelihood
    reflected: Array = odds / odds.sum(axis=1, keepdims=True)
    return reflected


def _likelihood(n_classes: int, inputs: int = 4) -> Floats:
    """Return p(x|y) of a few inputs, `[X, C]`, none of them far from the others."""
    values = np.random.default_rng(n_classes).uniform(0.5, 2.0, (inputs, n_classes))
    return np.asarray(values / values.sum(axis=0))


def _minimiser(loss: Loss, weights: Floats) -> Array:
    """Return the logits `[X, C]` that minimise the loss where (x, y) has weight `[X, C]`.

    Each input is a problem of its own and gets its own scale, so that all converge alike.
    """
    from scipy.optimize import minimize

    inputs, n_classes = weights.shape
    weights = weights / weights.sum(axis=1, keepdims=True)
    labels = np.tile(np.arange(n_classes), inputs)

    def expected(flat: Floats) -> tuple[float, Floats]:
        logits = flat.reshape(inputs, n_classes) / loss.logit_scale
        rows = np.repeat(logits, n_classes, axis=0)
        values, slope = graded(loss, labels, rows)
        each = slope.astype(np.float64) * weights.reshape(-1, 1) / loss.logit_scale
        total = each.reshape(inputs, n_classes, n_classes).sum(axis=1)
        return float(weights.ravel() @ values.astype(np.float64)), total.ravel()

    found = minimize(
        expected,
        np.zeros(inputs * n_classes),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 500, "ftol": 0.0, "gtol": 1e-7, "maxcor": 30},
    )
    minimiser: Array = found.x.reshape(inputs, n_classes) / loss.logit_scale
    return minimiser


PRIOR = Law(
    "the effective prior agrees with simulation",
    "prior correction moves the logits by it",
    _agrees,
)
