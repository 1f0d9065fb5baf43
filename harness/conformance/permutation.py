"""The order of the classes means nothing: renumbering them renumbers the plan, and no more."""

from typing import Any

import numpy as np

from harness.config.experiment import Experiment
from harness.conformance.batches import scaled, transformed
from harness.conformance.compiled import graded
from harness.conformance.effect import batch, head
from harness.conformance.law import Broken, Law
from harness.conformance.subject import Planned, Subject, plan_of
from harness.data.classes import named_class
from harness.data.examples import Array, Examples, Floats, Integers
from harness.errors import UserError
from harness.plan.plan import Phase, Plan, base_plan
from harness.plan.prior import effective_prior

DRAWS = 16
ERRORS = 5.0
WORDS = ("trainable", "head", "schedule")


def _renumbers(subject: Subject) -> None:
    for planned in subject.planned():
        order = np.roll(np.arange(planned.base.train.n_classes), 1)
        base = renumbered(planned.base, order)
        parameters = subject.parameters(planned.base)
        moved = {
            key: _renumbered_keys(value, planned.case.class_names, order)
            for key, value in parameters.items()
        }
        try:
            after = plan_of(subject.strategy(base, **moved), base)
        except UserError as error:
            raise Broken(
                f"with its classes in another order, {planned.case.name} is refused ({error}); "
                "treat classes by their counts and names, not by their numbers"
            ) from None
        part = _difference(planned, after, order, subject, moved)
        if part is not None:
            raise Broken(
                f"with the classes in another order, {part} does not follow them "
                f"({planned.case.name}); treat classes by their counts and names, not by their "
                "numbers, and count with minlength=n_classes"
            )


def renumbered(base: Plan, order: Integers) -> Plan:
    """Return the same examples, where class `c` has the number `order[c]`."""
    train = base.train
    names = [""] * len(order)
    for old, new in enumerate(order.tolist()):
        names[new] = train.class_names[old]
    return base_plan(Examples(train.inputs, order[train.labels], tuple(names)), Experiment())


def _renumbered_keys(value: Any, names: tuple[str, ...], order: Integers) -> Any:
    """Let the keys of a parameter by class keep their meaning: those that are numbers move."""
    if not isinstance(value, dict):
        return value
    try:
        numbers = [named_class(key, names) for key in value]
    except UserError:
        return value
    return {
        key if str(key) in names else f"index {order[number]}": each
        for (key, each), number in zip(value.items(), numbers, strict=True)
    }


def _difference(
    planned: Planned, after: Plan, order: Integers, subject: Subject, moved: dict[str, Any]
) -> str | None:
    """Name the first part of the second plan that is not the first one's, renumbered."""
    before = planned.plan
    settings = ("batch_size", "learning_rate", "decision", "head")
    for name in settings:
        if getattr(before, name) != getattr(after, name):
            return name
    if len(before.phases) != len(after.phases):
        return "the number of phases"
    if not _same_heads(before, after, order):
        return "initial_bias or a head transform"
    for one, other in zip(before.phases, after.phases, strict=True):
        wrong = _phase_difference(before, after, (one, other), order)
        if wrong is not None:
            return wrong
    same = _same_visits(planned, after, order, subject, moved)
    return None if same else "how often each class is visited"


def _phase_difference(
    before: Plan, after: Plan, phases: tuple[Phase, Phase], order: Integers
) -> str | None:
    one, other = phases
    even = np.ones(len(order))
    weights = [even if p.class_weight is None else p.class_weight.values for p in phases]
    factors = [even if p.loss.prior_factor is None else p.loss.prior_factor for p in phases]
    shares = [each / each.sum() for each in factors]
    losses = _loss(one, order, False), _loss(other, order, True)
    parts = {
        "a phase's share": one.share == other.share,
        **{name: getattr(one, name) == getattr(other, name) for name in WORDS},
        "class_weight": _close(weights[0], weights[1], order),
        "the loss's prior_factor": _close(shares[0], shares[1], order),
        "the loss": np.allclose(*losses, rtol=1e-4, atol=1e-5),
        "the batch transform": _same_batches((before, one), (after, other), order),
    }
    return next((name for name, same in parts.items() if not same), None)


def _same_batches(one: tuple[Plan, Phase], other: tuple[Plan, Phase], order: Integers) -> bool:
    """Compare what is made of the same examples under the same seed; their labels are renumbered.

    Where a plan's examples are made by chance, those of the first plan are taken for both.
    """
    (before, first), (_, second) = one, other
    positions = np.arange(min(64, len(before.train)))
    inputs = scaled(before.train, positions, first.batch_transform)
    labels = before.train.labels[positions]
    old = transformed(first.batch_transform, inputs, labels, seed=1)
    new = transformed(second.batch_transform, inputs, order[labels], seed=1)
    mass, moved = old.mass(len(order)), new.mass(len(order))[:, order]
    return np.allclose(old.inputs, new.inputs, atol=1e-5) and np.allclose(mass, moved, atol=1e-5)


def _close(before: Array, after: Array, order: Integers) -> bool:
    return before.shape == after.shape and np.allclose(before, after[..., order], rtol=1e-9)


def _loss(phase: Phase, order: Integers, moved: bool) -> Array:
    labels, logits = batch(len(order))
    if moved:
        labels, logits = order[labels], logits[:, np.argsort(order)]
    values, _ = graded(phase.loss, labels, logits)
    return values


def _same_heads(before: Plan, after: Plan, order: Integers) -> bool:
    if len(before.head_transforms) != len(after.head_transforms):
        return False
    pairs: list[tuple[Array, Array]] = []
    if before.initial_bias is None or after.initial_bias is None:
        if before.initial_bias is not after.initial_bias:
            return False
    else:
        pairs.append((before.initial_bias, after.initial_bias))
    kernel, bias = head(len(order))
    back = np.argsort(order)
    for one, other in zip(before.head_transforms, after.head_transforms, strict=True):
        results = one.function(kernel, bias), other.function(kernel[:, back], bias[back])
        pairs += list(zip(*results, strict=True))
    return all(np.allclose(old, new[..., order], rtol=1e-5, atol=1e-6) for old, new in pairs)


def _same_visits(
    planned: Planned, after: Plan, order: Integers, subject: Subject, moved: dict[str, Any]
) -> bool:
    """Compare the visited distributions and priors; over many seeds where chance decides them."""
    if _close(_visits(planned.plan), _visits(after), order):
        return True
    one, other = [], []
    base = renumbered(planned.base, order)
    for seed in range(DRAWS):
        one.append(_visits(plan_of(planned.strategy, planned.base, seed)))
        other.append(_visits(plan_of(subject.strategy(base, **moved), base, seed))[..., order])
    first, second = np.array(one), np.array(other)
    spread = np.sqrt((first.var(axis=0) + second.var(axis=0)) / DRAWS)
    gap = np.abs(first.mean(axis=0) - second.mean(axis=0))
    return bool((gap <= ERRORS * spread + 1e-9).all())


def _visits(plan: Plan) -> Floats:
    """Return each phase's visited distribution, and the effective prior, `[P + 1, C]`."""
    rows = [plan.visited(phase) for phase in plan.phases]
    return np.array([*rows, effective_prior(plan).values])


PERMUTATION = Law(
    "renumbering classes renumbers the plan",
    "the number of a class says nothing about it",
    _renumbers,
)
