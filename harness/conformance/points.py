"""Points of a strategy's declared search space: its corners, and some at random."""

from collections.abc import Container, Mapping, Sequence
from itertools import product
from math import prod
from typing import Any, get_args

import numpy as np

from harness.strategy.base import Choice, PerClass, Range, Strategy

DRAWS = 20
CORNERS = 16


def searched(kind: type[Strategy]) -> dict[str, Range | Choice | PerClass]:
    """Return the declared search range of each parameter that has one."""
    return {
        key: mark
        for key, info in kind.model_fields.items()
        for mark in info.metadata
        if isinstance(mark, Range | Choice | PerClass)
    }


def points(
    kind: type[Strategy], class_names: Sequence[str], fixed: Container[str] = ()
) -> list[dict[str, Any]]:
    """Return the defaults (no change), the corners, each end alone, and some random points.

    Of more than `CORNERS` corners, only the two where all are lowest and all highest are taken.
    Parameters that are `fixed` are in none of them; no point comes twice.
    """
    marks = {key: mark for key, mark in searched(kind).items() if key not in fixed}
    ends = {key: _ends(kind, key, mark, class_names) for key, mark in marks.items()}
    chosen: list[dict[str, Any]] = [{}]
    if marks:
        chosen += [dict(zip(ends, corner, strict=True)) for corner in _corners([*ends.values()])]
        chosen += [{key: value} for key, each in ends.items() for value in each]
        rng = np.random.default_rng(0)
        chosen += [
            {key: _drawn(kind, key, mark, class_names, rng) for key, mark in marks.items()}
            for _ in range(DRAWS)
        ]
    return [each for number, each in enumerate(chosen) if each not in chosen[:number]]


def _corners(ends: Sequence[list[Any]]) -> list[tuple[Any, ...]]:
    if prod(len(each) for each in ends) <= CORNERS:
        return list(product(*ends))
    return [tuple(each[0] for each in ends), tuple(each[-1] for each in ends)]


def shown(point: Mapping[str, Any]) -> str:
    """Return a point as text."""
    pairs = (f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in point.items())
    return ", ".join(pairs) or "the defaults"


def whole(kind: type[Strategy], key: str) -> bool:
    """Say whether a parameter takes whole numbers only."""
    annotation = kind.model_fields[key].annotation
    kinds = set(get_args(annotation)) or {annotation}
    return int in kinds and float not in kinds


def _ends(
    kind: type[Strategy], key: str, mark: Range | Choice | PerClass, names: Sequence[str]
) -> list[Any]:
    if isinstance(mark, Choice):
        return list(mark.options)
    low, high = _number(kind, key, mark.low), _number(kind, key, mark.high)
    if isinstance(mark, Range):
        return [low, high]
    return [_per_class(names, [low] * len(names)), _per_class(names, [high] * len(names))]


def _drawn(
    kind: type[Strategy],
    key: str,
    mark: Range | Choice | PerClass,
    names: Sequence[str],
    rng: np.random.Generator,
) -> Any:
    if isinstance(mark, Choice):
        return mark.options[int(rng.integers(len(mark.options)))]
    if isinstance(mark, PerClass):
        return _per_class(names, [_between(mark, rng) for _ in names])
    return _number(kind, key, _between(mark, rng))


def _between(mark: Range | PerClass, rng: np.random.Generator) -> float:
    share = float(rng.random())
    if mark.log:
        return float(mark.low ** (1 - share) * mark.high**share)
    return float((1 - share) * mark.low + share * mark.high)


def _number(kind: type[Strategy], key: str, value: float) -> float:
    return round(value) if whole(kind, key) else float(value)


def _per_class(names: Sequence[str], values: Sequence[float]) -> Mapping[str, float]:
    return dict(zip(names, values, strict=True))
