"""The effective prior is what the logits of a perfectly trained network reflect."""

from itertools import islice

import numpy as np

from harness.conformance.compiled import graded
from harness.conformance.law import Broken, Law
from harness.conformance.sampling import passes
from harness.conformance.subject import Planned, Subject
from harness.data.examples import Array, Floats
from harness.plan.losses import Loss
from harness.plan.plan import Plan
from harness.plan.prior import effective_prior

PASSES = 200
ROUNDING = 0.02
ERRORS = 5.0
TINY = 1e-12
STEPS = 50
LONGEST = 1.0
ENOUGH = 1e-3
DIFFERENCE = 0.05


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
    shown = reflected(phase.loss, mass, declared)
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


def reflected(loss: Loss, mass: Floats, start: Floats) -> Array:
    """Return the prior that the best logits reflect at each of `X` inputs, `[X, C]`.

    Given the mass of each class `[C]` and known p(x|y), the expected loss is minimised over free
    logits at each x, from those of the prior `start`. Softmax of them, divided by p(x|y), is the
    prior up to a factor.
    """
    likelihood = _likelihood(len(mass))
    weights = mass * likelihood
    logits = _minimiser(
        loss, weights / weights.sum(axis=1, keepdims=True), np.log(start * likelihood + TINY)
    )
    odds = np.exp(logits - logits.max(axis=1, keepdims=True)) / likelihood
    found: Array = odds / odds.sum(axis=1, keepdims=True)
    return found


def _likelihood(n_classes: int, inputs: int = 3) -> Floats:
    """Return p(x|y) of a few inputs, `[X, C]`, none of them far from the others."""
    values = np.random.default_rng(n_classes).uniform(0.5, 2.0, (inputs, n_classes))
    return np.asarray(values / values.sum(axis=0))


def _minimiser(loss: Loss, weights: Floats, start: Floats) -> Floats:
    """Return the logits `[X, C]`, as evaluation scales them, where the expected loss is least.

    Newton's method, its steps bounded, on gradients alone: from the right logits it takes one.
    The loss of (x, y) has weight `[X, C]`.
    """
    logits = start
    for _ in range(STEPS):
        slope, curvature = _derivatives(loss, weights, logits)
        step = -np.linalg.solve(curvature, slope[..., None])[..., 0]
        size = np.abs(step).max(axis=1, keepdims=True)
        logits = logits + step * np.minimum(1.0, LONGEST / np.maximum(size, TINY))
        if size.max() < ENOUGH:
            break
    return logits


def _derivatives(loss: Loss, weights: Floats, logits: Floats) -> tuple[Floats, Floats]:
    """Return gradient `[X, C]` and Hessian `[X, C, C]` of the expected loss, by differences.

    A constant added to all logits changes no softmax: the Hessian gets a curvature there, so that
    no step goes that way.
    """
    inputs, n_classes = logits.shape
    moves = DIFFERENCE * np.concatenate([np.eye(n_classes), -np.eye(n_classes)])
    moved = np.concatenate([logits[:, None], logits[:, None] + moves], axis=1)
    rows = np.repeat(moved.reshape(-1, n_classes), n_classes, axis=0)
    labels = np.tile(np.arange(n_classes), len(rows) // n_classes)
    _, slopes = graded(loss, labels, rows)
    each = slopes.reshape(inputs, -1, n_classes, n_classes).astype(np.float64)
    expected = np.einsum("xkyc,xy->xkc", each, weights)
    above, below = np.split(expected[:, 1:], 2, axis=1)
    curvature = (above - below) / (2.0 * DIFFERENCE)
    level = np.trace(curvature, axis1=1, axis2=2)[:, None, None] / n_classes
    return expected[:, 0], (curvature + curvature.swapaxes(1, 2)) / 2.0 + level + TINY * np.eye(
        n_classes
    )


PRIOR = Law(
    "the effective prior agrees with simulation",
    "prior correction moves the logits by it",
    _agrees,
)
