"""A declared search range is one that tuning can walk through."""

from typing import Any

import numpy as np

from harness.conformance.cases import Case
from harness.conformance.law import Broken, Law
from harness.conformance.points import points, searched, shown
from harness.conformance.subject import Subject, in_one_line
from harness.conformance.validity import complaint
from harness.errors import UserError
from harness.strategy.base import Choice, PerClass, Range


def _ranges_are_valid(subject: Subject) -> str | None:
    marks = searched(subject.kind)
    for key, mark in marks.items():
        wrong = _of_choice(subject, key, mark) if isinstance(mark, Choice) else _of_range(mark)
        wrong = wrong or _of_default(subject, key, mark)
        if wrong is not None:
            raise Broken(f"parameter {key!r}: {wrong}")
    return None if marks else "it declares none"


def _of_range(mark: Range | PerClass) -> str | None:
    message = f"its range goes from {mark.low} to {mark.high}"
    if not (np.isfinite(mark.low) and np.isfinite(mark.high)):
        return f"{message}; give finite ends"
    if mark.low >= mark.high:
        return f"{message}; the low end must lie below the high one"
    if (mark.log or isinstance(mark, PerClass)) and mark.low <= 0:
        return f"{message} on a log scale or for weights; the low end must lie above 0"
    return None


def _of_choice(subject: Subject, key: str, mark: Choice) -> str | None:
    if not mark.options:
        return "its Choice has no options; give some"
    base = subject.planned()[0].base
    for option in mark.options:
        try:
            subject.strategy(base, **{key: option})
        except UserError as error:
            return f"its Choice offers {option!r}, which its own type refuses ({error}); drop it"
    return None


def _of_default(subject: Subject, key: str, mark: Range | Choice | PerClass) -> str | None:
    info = subject.kind.model_fields[key]
    default = info.get_default(call_default_factory=True)
    if info.is_required() or default is None or isinstance(mark, PerClass):
        return None
    if isinstance(mark, Choice):
        inside = default in mark.options
    else:
        inside = isinstance(default, int | float) and mark.low <= default <= mark.high
    return None if inside else f"its default {default!r} lies outside its range; widen the range"


def _every_point_gives_a_plan(subject: Subject) -> str | None:
    marks = searched(subject.kind)
    for planned in subject.planned():
        for point in filter(None, points(subject.kind, planned.case.class_names, subject.chosen)):
            wrong = _at(subject, planned.case, point)
            if wrong is not None:
                raise Broken(f"at {shown(point)}, {wrong} ({planned.case.name})")
    return None if marks else "it declares no range"


def _at(subject: Subject, case: Case, point: dict[str, Any]) -> str | None:
    try:
        plan = subject.plan_at(case, point)
    except UserError as error:
        message = str(error)
        if "\n" not in message and any(key in message for key in point):
            return None
        return (
            f"which its range allows, it is refused without naming a parameter in one line "
            f"({message}); narrow the range, or name in the message the parameter that can't be so"
        )
    except Exception as error:  # a stranger's strategy may fail in any way
        return (
            f"which its range allows, plan() ends in {in_one_line(error)}; narrow the range, or "
            "raise harness.UserError with a line that names the parameter"
        )
    return complaint(plan, case.base())


SEARCH = (
    Law(
        "search ranges are valid",
        "tuning would end on the first trial, or search nothing",
        _ranges_are_valid,
    ),
    Law(
        "every point of the ranges gives a plan",
        "tuning meets all of them sooner or later",
        _every_point_gives_a_plan,
    ),
)
