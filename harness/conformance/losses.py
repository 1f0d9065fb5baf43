"""Losses are functions of one example each that no logits bring to harm."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from harness.conformance.cases import Case
from harness.conformance.compiled import graded
from harness.conformance.effect import batch
from harness.conformance.law import Broken, Law
from harness.conformance.points import points, shown
from harness.conformance.subject import Subject, plan_of
from harness.data.examples import Array, Integers
from harness.plan.losses import Loss, cross_entropy
from harness.plan.plan import Plan

EXTREMES = (50.0, 1e4)
ROUNDING = 1e-4
Found = tuple[Case, Plan, Loss, str]


def _losses(subject: Subject, searched: bool = False) -> Iterator[Found]:
    """Yield the strategy's losses by case, at more points of its ranges if `searched`.

    Two classes and the most of all are enough, for images and feature vectors have one loss.
    """
    chosen = sorted(subject.planned(), key=lambda each: len(each.case.counts))
    for planned in {each.case: each for each in (chosen[0], chosen[-1])}.values():
        case = planned.case
        for point in points(subject.kind, case.class_names, subject.chosen) if searched else [{}]:
            try:
                plan = subject.plan_at(case, point)
            except Exception:  # another law speaks of it
                continue
            seen: list[Loss] = []
            for phase in plan.phases:
                if phase.loss not in seen:
                    seen.append(phase.loss)
                    yield case, plan, phase.loss, f"at {shown(point)}, {case.name}"


def _finite_at_extremes(subject: Subject) -> None:
    for case, _, loss, where in _losses(subject, searched=True):
        if loss.function is cross_entropy:
            continue
        labels, logits = extremes(len(case.counts))
        values, slope = graded(loss, labels, logits)
        for what, numbers in (("loss", values.reshape(-1, 1)), ("gradient", slope)):
            bad = np.flatnonzero(~np.isfinite(numbers).all(axis=1))
            if len(bad):
                row = logits[bad[0] % len(logits)].tolist()
                raise Broken(
                    f"the {what} of {loss.name} is not finite for label {labels[bad[0]]} and "
                    f"logits {row[:4]} ({where}); compute with log_softmax and logsumexp, and keep "
                    "log(0), 0 x inf and powers of a probability that rounds to 0 out, also behind "
                    "ops.where"
                )


def extremes(n_classes: int) -> tuple[Integers, Array]:
    """Return every label with logits of size 50 and 10,000, and where p rounds to 0 or 1."""
    rows = [np.zeros(n_classes)]
    for size in EXTREMES:
        one_high = np.where(np.eye(n_classes) == 1, size, -size)
        rows += [*one_high, *-one_high, np.full(n_classes, size), np.full(n_classes, -size)]
    rows += [*(20.0 * np.eye(n_classes)), *(90.0 * np.eye(n_classes))]
    logits = np.array(rows, np.float32)
    labels = np.repeat(np.arange(n_classes), len(logits)).astype(np.int64)
    return labels, np.tile(logits, (n_classes, 1))


def _by_example(subject: Subject) -> None:
    for case, plan, loss, where in _losses(subject):
        n_classes, rarest = len(case.counts), int(plan.train.counts.argmin())
        labels, logits = batch(n_classes)
        values, slope = graded(loss, labels, logits)
        if values.shape != labels.shape:
            raise Broken(
                f"{loss.name} returns shape {list(values.shape)} for {len(labels)} examples "
                f"({where}); return one loss an example, [B], and leave the mean to the loop"
            )
        if not slope.any():
            raise Broken(
                f"no gradient of {loss.name} reaches the logits ({where}), so that nothing is "
                "learned; leave out argmax, rounding and comparisons"
            )
        parts = {
            "without the rarest class": np.flatnonzero(labels != rarest),
            "of the rarest class alone": np.flatnonzero(labels == rarest),
            "of one example": np.arange(1),
        }
        for what, rows in parts.items():
            _same_alone(loss, (labels, logits, values), rows, f"a batch {what}, {where}")


def _same_alone(
    loss: Loss, whole: tuple[Integers, Array, Array], chosen: Integers, where: str
) -> None:
    labels, logits, values = whole
    alone, slope = graded(loss, labels[chosen], logits[chosen])
    if not (np.isfinite(alone).all() and np.isfinite(slope).all()):
        raise Broken(
            f"{loss.name} or its gradient is not finite on {where}; rare classes are missing from "
            "most batches: divide by nothing that counts examples of a batch"
        )
    if not np.allclose(alone, values[chosen], rtol=1e-4, atol=1e-5):
        raise Broken(
            f"{loss.name} gives an example another loss on {where}; use the example's own label "
            "and logits alone, for batches differ in size and make-up"
        )


def _never_negative(subject: Subject) -> None:
    for case, _, loss, where in _losses(subject, searched=True):
        n_classes = len(case.counts)
        for labels, logits in (batch(n_classes), extremes(n_classes)):
            values, _ = graded(loss, labels, logits)
            if (values < -ROUNDING).any():
                raise Broken(
                    f"{loss.name} is {np.nanmin(values):.4g} for some logits ({where}); turn a "
                    "sign, or add what makes its least value 0: a constant changes no gradient"
                )


def _compiled_once(subject: Subject) -> None:
    for planned in subject.planned():
        again = plan_of(planned.strategy, planned.case.base(), seed=1)
        for one, other in zip(_functions(planned.plan), _functions(again), strict=False):
            name = getattr(one, "__qualname__", "<object>")
            if "<" in name or one is not other:
                raise Broken(
                    f"the function {name} is made anew by each plan, and so is compiled anew; "
                    "define it at the top of a module, and pass what differs as `parameters`"
                )


def _functions(plan: Plan) -> list[Any]:
    return [
        each
        for phase in plan.phases
        for each in (phase.loss.function, phase.batch_transform.function)
    ]


LOSSES = (
    Law(
        "losses are finite at extreme logits",
        "one NaN gradient destroys a network",
        _finite_at_extremes,
    ),
    Law(
        "losses are of one example each",
        "the loop weights each by its class, and takes the mean",
        _by_example,
    ),
    Law(
        "losses are never negative",
        "all built-in ones are cross-entropies in some form; a negative value is a wrong sign",
        _never_negative,
    ),
    Law(
        "functions are compiled once",
        "compiling takes longer than many a trial",
        _compiled_once,
    ),
)
