"""A plan that the training loop can execute, on every kind of data."""

import json
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np

from harness.conformance.cases import CASES
from harness.conformance.effect import head
from harness.conformance.law import Broken, Law
from harness.conformance.subject import Refused, Subject, in_one_line, plan_of
from harness.data.examples import Examples
from harness.errors import UserError
from harness.plan.losses import Loss
from harness.plan.plan import ClassWeights, Phase, Plan, describe
from harness.plan.prior import effective_prior
from harness.plan.transforms import BatchTransform, HeadTransform
from harness.scoring.decision import RULES


def _copes(subject: Subject) -> None:
    for case in CASES:
        base = case.base()
        try:
            plan_of(subject.strategy(base), base)
        except Refused:
            raise
        except UserError as error:
            if "\n" in str(error):
                raise Broken(
                    f"a UserError of several lines ({case.name}); say in one line what is wrong, "
                    "where, and what would be right"
                ) from None
        except Exception as error:  # a stranger's strategy may fail in any way
            raise Broken(
                f"plan() ends in {in_one_line(error)} ({case.name}); treat such data, or raise "
                "harness.UserError with one line that says what would be right"
            ) from error


def _is_valid(subject: Subject) -> None:
    for planned in subject.planned():
        wrong = complaint(planned.plan, planned.base)
        if wrong is not None:
            raise Broken(f"{wrong} ({planned.case.name})")


def complaint(plan: Any, base: Plan) -> str | None:
    """Say, in one line, what the training loop could not execute in a plan; None if it could."""
    if not isinstance(plan, Plan):
        return f"plan() returns a {type(plan).__name__}; return a harness.Plan"
    return (
        (None if plan.phases else "the plan has no phases; keep at least one")
        or _of_examples(plan.train, base.train)
        or _of_settings(plan)
        or _of_start(plan)
        or next((line for phase in plan.phases if (line := _of_phase(plan, phase))), None)
        or next((line for each in plan.head_transforms if (line := _of_head(plan, each))), None)
        or _of_whole(plan)
    )


def _of_examples(train: Examples, base: Examples) -> str | None:
    if train.class_names != base.class_names:
        return "plan.train has other classes than base.train; keep class_names as they are"
    if train.inputs.shape[1:] != base.inputs.shape[1:] or train.inputs.dtype != base.inputs.dtype:
        return (
            f"plan.train's inputs are {train.inputs.dtype} {list(train.inputs.shape[1:])} each, "
            f"not {base.inputs.dtype} {list(base.inputs.shape[1:])}; keep type and shape"
        )
    if not len(train):
        return "plan.train is empty; leave at least one example of each class"
    labels = train.labels
    if labels.dtype.kind != "i" or labels.min() < 0 or labels.max() >= train.n_classes:
        return "plan.train's labels are no integers in 0 .. C-1; number them as base.train does"
    if lost := np.flatnonzero((base.counts > 0) & (train.counts == 0)).tolist():
        return f"plan.train has no example of {base.class_names[lost[0]]!r} left; keep at least one"
    return None


def _of_settings(plan: Plan) -> str | None:
    if not isinstance(plan.batch_size, int) or plan.batch_size < 1:
        return f"batch_size is {plan.batch_size!r}; it must be a whole number of 1 or more"
    if not _positive(plan.learning_rate):
        return f"learning_rate is {plan.learning_rate!r}; it must be finite and above 0"
    if plan.decision not in RULES:
        return f"decision is {plan.decision!r}; it must be one of {', '.join(RULES)}"
    if not all(isinstance(note, str) and "\n" not in note for note in plan.notes):
        return "notes must be text, a line each"
    return None


def _of_start(plan: Plan) -> str | None:
    if plan.head.scale is not None and not _positive(plan.head.scale):
        return f"the head's scale is {plan.head.scale!r}; it must be finite and above 0"
    if plan.initial_bias is not None and not _a_number_a_class(plan, plan.initial_bias):
        return "initial_bias is no row of finite numbers, one a class, [C]"
    return None


def _of_phase(plan: Plan, phase: Phase) -> str | None:
    if not _positive(phase.share):
        return f"a phase's share is {phase.share!r}; it must be finite and above 0"
    for name, hint in get_type_hints(Phase).items():
        known = get_args(hint) if get_origin(hint) is Literal else ()
        if known and getattr(phase, name) not in known:
            return f"{name} is {getattr(phase, name)!r}; it must be one of {', '.join(known)}"
    if not _positive(phase.backbone_rate):
        return f"backbone_rate is {phase.backbone_rate!r}; it must be finite and above 0"
    return (
        _of_weights(plan, phase.class_weight)
        or _of_loss(plan, phase.loss)
        or _of_transform(plan, phase.batch_transform)
    )


def _of_transform(plan: Plan, transform: BatchTransform) -> str | None:
    n_classes, kept, chance = plan.train.n_classes, transform.kept, transform.chance
    if chance is not None:
        chances = np.asarray(chance, np.float64)
        if chances.shape != (n_classes,) or not ((chances >= 0) & (chances <= 1)).all():
            return f"the batch transform's `chance` must be [{n_classes}] numbers in 0 .. 1"
        if kept is not None:
            return "the batch transform mixes labels; it can have no `chance`, which leaves labels"
    if kept is None:
        return None
    shares = np.asarray(kept, np.float64)
    if shares.shape != (n_classes, n_classes) or not ((shares >= 0) & (shares <= 1)).all():
        return f"the batch transform's `kept` must be shares in 0 .. 1, [{n_classes}, {n_classes}]"
    return None


def _of_weights(plan: Plan, weights: ClassWeights | None) -> str | None:
    if weights is None:
        return None
    values, n_classes = np.asarray(weights.values), plan.train.n_classes
    if values.ndim not in (1, 2) or values.shape[-1] != n_classes:
        return (
            f"class weights have shape {list(values.shape)}; give one a class, [{n_classes}], or a "
            f"row of them an epoch, [E, {n_classes}]"
        )
    if not _positive(values):
        return "class weights are not all finite and above 0; a class without one is never learned"
    return None


def _of_loss(plan: Plan, loss: Loss) -> str | None:
    factor, n_classes = loss.prior_factor, plan.train.n_classes
    if factor is not None and (np.shape(factor) != (n_classes,) or not _positive(factor)):
        return f"the loss's prior_factor must be [{n_classes}] numbers that are finite and above 0"
    for name, value in loss.parameters.items():
        try:
            finite = bool(np.isfinite(np.asarray(value, np.float32)).all())
        except (TypeError, ValueError):
            finite = False
        if not finite:
            return f"the loss's parameter {name!r} is no array of finite numbers (as float32)"
    return None


def _of_head(plan: Plan, transform: HeadTransform) -> str | None:
    head_before = head(plan.train.n_classes)
    name = f"the head transform {transform.name!r}"
    try:
        made = [np.asarray(each, np.float64) for each in transform.function(*head_before)]
    except Exception as error:  # a stranger's transform may fail in any way
        return f"{name} ends in {in_one_line(error)}; take kernel [D, C] and bias [C], return both"
    shapes = [list(each.shape) for each in made]
    wanted = [list(each.shape) for each in head_before]
    if shapes != wanted:
        return (
            f"{name} makes {' and '.join(map(str, shapes))} of kernel {wanted[0]} and bias "
            f"{wanted[1]}; keep their shapes"
        )
    if not all(np.isfinite(each).all() for each in made):
        return f"{name} makes numbers that are not finite; look for a division by 0"
    return None


def _of_whole(plan: Plan) -> str | None:
    prior = effective_prior(plan).values
    if prior.shape != (plan.train.n_classes,) or not _sums_to_one(prior):
        return f"the effective prior is {prior.tolist()}, no distribution over the classes"
    if unseen := np.flatnonzero((plan.train.counts > 0) & (prior == 0)).tolist():
        return (
            f"the last phase never visits {plan.train.class_names[unseen[0]]!r}, and the effective "
            "prior of 0 can't be corrected; visit each class at least once"
        )
    try:
        json.dumps(describe(plan), allow_nan=False)
    except (TypeError, ValueError) as error:
        return f"the plan can't be recorded as JSON ({in_one_line(error)}); use plain numbers"
    return None


def _a_number_a_class(plan: Plan, values: Any) -> bool:
    return np.shape(values) == (plan.train.n_classes,) and bool(np.isfinite(values).all())


def _positive(values: Any) -> bool:
    try:
        numbers = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        return False
    return bool(np.isfinite(numbers).all() and (numbers > 0).all())


def _sums_to_one(values: Any) -> bool:
    return bool(np.isfinite(values).all() and (values >= 0).all() and abs(values.sum() - 1) < 1e-9)


VALIDITY = (
    Law(
        "copes with few and many classes",
        "two classes, ten, and a class with a single example are everyday data",
        _copes,
    ),
    Law(
        "its plan can be carried out",
        "the training loop executes any plan and checks none",
        _is_valid,
    ),
)
