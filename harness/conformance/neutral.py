"""At the parameters that a strategy declares as neutral, it changes nothing."""

import numpy as np

from harness.conformance.batches import scaled, transformed
from harness.conformance.cases import CASES
from harness.conformance.compiled import graded
from harness.conformance.effect import batch, content, head, passes
from harness.conformance.law import Broken, Law
from harness.conformance.points import shown
from harness.conformance.subject import Refused, Subject, plan_of
from harness.errors import UserError
from harness.plan.plan import Plan
from harness.plan.prior import effective_prior
from harness.plan.transforms import BatchTransform, HeadTransform

SETTINGS = ("batch_size", "learning_rate", "decision")


def _changes_nothing(subject: Subject) -> str | None:
    point = subject.kind.neutral
    if point is None:
        return "it declares no neutral parameters"
    subject.planned()
    for case in CASES:
        base = case.base()
        try:
            plan = plan_of(subject.strategy(base, **point), base)
        except Refused:
            raise
        except UserError:
            continue
        part = _changed(base, plan)
        if part is not None:
            raise Broken(
                f"at the neutral {shown(point)}, {part} differs from plain training "
                f"({case.name}); mend the formula at this point, or declare neutral "
                "parameters that leave all as it is"
            )
    return None


def _changed(base: Plan, plan: Plan) -> str | None:
    """Name the first part in which a plan does anything else than its base, or None."""
    if len(plan.phases) != len(base.phases):
        return "the number of phases (the optimizer begins afresh at each)"
    parts = {
        "plan.train": content(base.train) == content(plan.train),
        **{name: getattr(base, name) == getattr(plan, name) for name in SETTINGS},
        "head": plan.head.kind == base.head.kind and plan.head.scale in (base.head.scale, 1.0),
        "initial_bias": plan.initial_bias is None,
        "head_transforms": all(_same_head(base, each) for each in plan.head_transforms),
    }
    for number in range(len(plan.phases)):
        same = _same_parts(base, plan, number)
        parts |= {f"phases[{number}].{name}": each for name, each in same.items()}
    prior = np.allclose(effective_prior(base).values, effective_prior(plan).values, rtol=1e-9)
    parts |= {"the effective prior": prior}
    return next((name for name, same in parts.items() if not same), None)


def _same_parts(base: Plan, plan: Plan, number: int) -> dict[str, bool]:
    old, new = base.phases[number], plan.phases[number]
    return {
        "trainable": old.trainable == new.trainable,
        "head": old.head == new.head,
        "schedule": old.schedule == new.schedule,
        "sampler": _same_visits(base, plan, number),
        "class_weight": bool((plan.class_weights(new, 0).astype(np.float32) == 1.0).all()),
        "loss": _same_loss(base, plan, number),
        "batch_transform": _same_batches(base, new.batch_transform),
    }


def _same_visits(base: Plan, plan: Plan, number: int) -> bool:
    old, new = base.phases[number], plan.phases[number]
    declared = np.array_equal(base.pass_counts(old), plan.pass_counts(new))
    return declared and passes(base, old) == passes(plan, new)


def _same_loss(base: Plan, plan: Plan, number: int) -> bool:
    labels, logits = batch(base.train.n_classes)
    old, old_slope = graded(base.phases[number].loss, labels, logits)
    new, new_slope = graded(plan.phases[number].loss, labels, logits)
    same = np.allclose(old, new, rtol=1e-6, atol=1e-6)
    return same and np.allclose(old_slope, new_slope, rtol=1e-5, atol=1e-6)


def _same_batches(base: Plan, transform: BatchTransform) -> bool:
    first = np.arange(min(64, len(base.train)))
    inputs, labels = scaled(base.train, first, transform), base.train.labels[first]
    made = transformed(transform, inputs, labels, seed=1)
    one_hot = np.eye(base.train.n_classes)[labels]
    return np.array_equal(made.inputs, inputs) and np.allclose(made.mass(len(one_hot[0])), one_hot)


def _same_head(base: Plan, transform: HeadTransform) -> bool:
    before = head(base.train.n_classes)
    return all(map(np.array_equal, transform.function(*before), before))


NEUTRAL = Law(
    "neutral parameters change nothing",
    "a formula that is wrong at its simplest point is wrong",
    _changes_nothing,
)
