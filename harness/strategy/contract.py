"""What a class must be to serve as a strategy, as far as the class alone can tell."""

import inspect
import types
from math import isfinite
from typing import Any, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from harness.strategy.base import Choice, PerClass, Range, Strategy

MARKS = (Range, PerClass, Choice)


def broken(kind: Any) -> str:
    """Return what a class lacks of a strategy, with how to mend it, in one line; else nothing.

    No strategy is built and no plan is made: `harness check-strategy` does that.
    """
    if not (isinstance(kind, type) and issubclass(kind, Strategy)):
        return f"{_named(kind)} is no subclass of harness.Strategy"
    if inspect.isabstract(kind):
        return f"{kind.__name__} defines no method plan(base, rng)"
    try:
        inspect.signature(kind.plan).bind("self", "base", "rng")
    except TypeError:
        signature = inspect.signature(kind.plan)
        return f"{kind.__name__}.plan must take (self, base, rng), not {signature}"
    if not kind.__pydantic_complete__:
        return (
            f"an annotation of {kind.__name__} names a type that isn't defined in its module; "
            "import it there, not only under TYPE_CHECKING"
        )
    found = (_wrong(name, info) for name, info in kind.model_fields.items())
    return next((line for line in found if line), "")


def _wrong(name: str, info: FieldInfo) -> str:
    """Return what is wrong with a parameter's search range and its default."""
    marks = [mark for mark in info.metadata if isinstance(mark, MARKS)]
    if len(marks) > 1:
        return f"parameter {name!r} has {len(marks)} search ranges; keep one"
    for mark in marks:
        ends = "" if isinstance(mark, Choice) else _wrong_ends(mark)
        wrong = ends or _unfit(mark, _types(info.annotation)) or _outside(mark, info)
        if wrong:
            return f"parameter {name!r}: {wrong}"
    return ""


def _wrong_ends(mark: Range | PerClass) -> str:
    ends = (mark.low, mark.high)
    if not all(isinstance(end, int | float) and isfinite(end) for end in ends):
        return f"{_words(mark)} needs two finite numbers"
    if mark.low >= mark.high:
        return f"{_words(mark)} is inverted or empty; write the lower end first"
    if mark.log and mark.low <= 0:
        return f"{_words(mark)} is on a log scale, so it must begin above 0"
    return ""


def _unfit(mark: Range | PerClass | Choice, kinds: set[Any]) -> str:
    """Return why a parameter of these types can't be searched so."""
    if isinstance(mark, Choice):
        return "" if mark.options else "Choice() needs at least one option"
    if isinstance(mark, PerClass):
        if any(get_origin(kind) is dict for kind in kinds):
            return ""
        return f"{_words(mark)} is for a dict of one number a class, not {_spelt(kinds)}"
    if not kinds & {int, float}:
        return f"{_words(mark)} is for numbers, not {_spelt(kinds)}; use Choice(…)"
    whole = float(mark.low).is_integer() and float(mark.high).is_integer()
    if float not in kinds and not whole:
        return f"{_words(mark)} needs whole ends, for the parameter takes whole numbers"
    return ""


def _outside(mark: Range | PerClass | Choice, info: FieldInfo) -> str:
    """Return where the default lies, if that is outside of what is searched."""
    if info.is_required() or isinstance(mark, PerClass):
        return ""
    default = info.get_default(call_default_factory=True)
    if default is None:
        return ""
    if isinstance(mark, Choice):
        inside = default in mark.options
    else:
        inside = isinstance(default, int | float) and mark.low <= default <= mark.high
    return "" if inside else f"its default {default!r} lies outside of {_words(mark)}"


def _types(annotation: Any) -> set[Any]:
    parts = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else ()
    return set(parts) or {annotation}


def _words(mark: Range | PerClass | Choice) -> str:
    if isinstance(mark, Choice):
        return f"Choice({', '.join(map(repr, mark.options))})"
    return f"{type(mark).__name__}({mark.low}, {mark.high})"


def _spelt(kinds: set[Any]) -> str:
    return " or ".join(sorted(_named(kind) for kind in kinds))


def _named(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) and not get_args(kind) else str(kind)
