"""The search space of a strategy and of training settings, and its points."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from optuna import Trial

from harness.config.experiment import Experiment
from harness.data.classes import per_class
from harness.errors import NothingToSearch, UserError
from harness.execution.task import Candidate
from harness.plan.plan import Plan
from harness.strategy.base import Choice, PerClass, Range, Strategy, known_points
from harness.strategy.registry import kinds
from harness.tuning.also import with_settings
from harness.tuning.dimension import Dimension, Number, OneOf, plain_types, suggest

MARGIN = 3.0  # beyond the balanced weights, and below them


@dataclass(frozen=True)
class Point:
    """One place in a search space: the strategy's parameters and the training settings."""

    parameters: Mapping[str, Any]
    settings: Mapping[str, Any]

    def candidate(self, of: Candidate) -> Candidate:
        """Return the strategy with these parameters."""
        return replace(of, parameters=dict(self.parameters))

    def experiment(self, of: Experiment) -> Experiment:
        """Return the experiment with these settings."""
        return with_settings(of, dict(self.settings))


@dataclass(frozen=True)
class Field:
    """A searched parameter: one dimension, or one a class but the largest, by class index."""

    key: str
    dimensions: tuple[tuple[int | None, Dimension], ...]

    def holding(self, values: Mapping[str, Any]) -> "Field":
        """Return this parameter with dimensions that are widened to hold stored values."""
        wide = ((index, each.holding(values[each.name])) for index, each in self.dimensions)
        return Field(self.key, tuple(wide))


@dataclass(frozen=True)
class Space:
    """What is searched, what is fixed, and the points that are known to be good."""

    fields: tuple[Field, ...]
    settings: tuple[Dimension, ...]
    fixed: Mapping[str, Any]
    class_names: tuple[str, ...]
    largest: int
    known: tuple[Mapping[str, Any], ...] = ()

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """Every dimension, in a fixed order."""
        inner = (each for field in self.fields for _, each in field.dimensions)
        return (*inner, *self.settings)

    def describe(self) -> dict[str, Any]:
        """Return the space as JSON-ready data, by which two spaces are told apart."""
        searched = {each.name: each.describe() for each in self.dimensions}
        return searched | {f"{key} (fixed)": {"value": v} for key, v in self.fixed.items()}

    def point(self, stored: Mapping[str, Any]) -> Point:
        """Return the point that Optuna's values stand for."""
        searched = {field.key: self._value(field, stored) for field in self.fields}
        settings = {each.name: each.decode(stored[each.name]) for each in self.settings}
        return Point({**self.fixed, **searched}, settings)

    def draw(self, trial: Trial) -> None:
        """Have Optuna draw what a trial does not hold yet."""
        for each in self.dimensions:
            suggest(trial, each)

    def corner(self) -> dict[str, Any]:
        """Return the point of all first ends, as Optuna stores it."""
        return {each.name: each.encode(each.ends[0]) for each in self.dimensions}

    def stored(self, point: Point) -> dict[str, Any]:
        """Return a point as Optuna stores it: the inverse of `point`."""
        values: dict[str, Any] = {}
        for field in self.fields:
            parameter = point.parameters[field.key]
            for index, each in field.dimensions:
                value = parameter if index is None else self._relative(parameter, index)
                values[each.name] = each.encode(value)
        for each in self.settings:
            values[each.name] = each.encode(point.settings[each.name])
        return values

    def holding(self, points: Sequence[Point]) -> "Space":
        """Return this space, widened to hold the points, which become its known ones."""
        wide = self
        for point in points:
            values = wide.stored(point)
            fields = tuple(each.holding(values) for each in wide.fields)
            settings = tuple(each.holding(values[each.name]) for each in wide.settings)
            wide = replace(wide, fields=fields, settings=settings)
        stored = [wide.stored(point) for point in points]
        known = tuple(each for place, each in enumerate(stored) if each not in stored[:place])
        return replace(wide, known=known)

    def _value(self, field: Field, stored: Mapping[str, Any]) -> Any:
        (index, first), *_ = field.dimensions
        if index is None:
            return first.decode(stored[first.name])
        weights = dict.fromkeys(self.class_names, 1.0)
        for number, each in field.dimensions:
            weights[self.class_names[number or 0]] = each.decode(stored[each.name])
        return {name: weights[name] for name in self.class_names}

    def _relative(self, weights: Mapping[str | int, float], index: int) -> float:
        values = per_class("known point", weights, self.class_names)
        return float(values[index] / values[self.largest])


def space(
    candidate: Candidate, base: Plan, experiment: Experiment, settings: Sequence[Dimension] = ()
) -> Space:
    """Return what to search for a strategy, apart from the parameters that its user has given.

    Known points come first: the defaults, then those of the strategies, each with the experiment's
    own settings. Ranges are widened to hold them.

    Raises:
        NothingToSearch: the strategy has no searched parameter left, and there are no settings.
        UserError: a range is inverted, or a required parameter has neither a range nor a value.

    """
    parts = kinds(candidate.spec, candidate.plugins)
    fixed, fields = _fixed(candidate, parts), []
    largest = int(np.argmax(base.train.counts))
    for name, kind in parts:
        for field, info in kind.model_fields.items():
            key = field if len(parts) == 1 else f"{name}.{field}"
            searched = _searched(key, info, base.train.class_names, largest)
            if key in fixed:
                continue
            if searched:
                fields.append(Field(key, searched))
            elif info.is_required():
                raise UserError(
                    f"strategy {candidate.name!r}: parameter {key!r} is required and has no search "
                    f"range: give it with -p {key}=…"
                )
    if not fields and not settings:
        raise NothingToSearch(
            f"strategy {candidate.name!r} has nothing to search; --also can add settings, "
            "as in --also train.learning_rate=1e-4..1e-1:log"
        )
    made = Space(tuple(fields), tuple(settings), fixed, base.train.class_names, largest)
    train = experiment.train
    current = {each.name: getattr(train, each.name.removeprefix("train.")) for each in settings}
    points = [Point(each, current) for each in _known(made, parts, base)]
    return made.holding(points)


def _fixed(candidate: Candidate, parts: Sequence[tuple[str, type[Strategy]]]) -> dict[str, Any]:
    """Return the given parameters by their full keys."""
    if len(parts) == 1:
        return {key.rpartition(".")[2]: value for key, value in candidate.parameters.items()}
    fixed = {}
    for key, value in candidate.parameters.items():
        owner, _, field = key.rpartition(".")
        owners = [owner] if owner else [name for name, kind in parts if field in kind.model_fields]
        fixed[f"{owners[0]}.{field}" if owners else key] = value
    return fixed


def _searched(
    key: str, info: Any, class_names: Sequence[str], largest: int
) -> tuple[tuple[int | None, Dimension], ...]:
    for mark in info.metadata:
        if isinstance(mark, Range):
            accepted = plain_types(info.annotation)
            whole = int in accepted and float not in accepted
            return ((None, Number(key, mark.low, mark.high, mark.log, whole)),)
        if isinstance(mark, Choice):
            return ((None, OneOf(key, mark.options)),)
        if isinstance(mark, PerClass):
            return tuple(
                (index, Number(f"{key}.{name}", mark.low, mark.high, mark.log, margin=MARGIN))
                for index, name in enumerate(class_names)
                if index != largest
            )
    return ()


def _known(
    made: Space, parts: Sequence[tuple[str, type[Strategy]]], base: Plan
) -> list[dict[str, Any]]:
    """Return the defaults, then every known point of a part with the others' defaults.

    Where a part has no default, its first known point stands in. A point that leaves a searched
    parameter without a value, or with one that is no number, is left out.
    """
    defaults: dict[str, Any] = {}
    by_part: list[list[dict[str, Any]]] = []
    for name, kind in parts:
        prefix = "" if len(parts) == 1 else f"{name}."
        for field, info in kind.model_fields.items():
            if not info.is_required():
                defaults[f"{prefix}{field}"] = info.get_default(call_default_factory=True)
        points = known_points(name, kind, base)
        by_part.append([{f"{prefix}{key}": v for key, v in each.items()} for each in points])
    stand_in = {
        key: value for points in by_part for key, value in (points[0] if points else {}).items()
    }
    start = stand_in | defaults
    wanted = [field.key for field in made.fields]
    filled = [start, *(start | each for points in by_part for each in points)]
    chosen = [{key: each[key] for key in wanted if key in each} for each in filled]
    return [each for each in chosen if len(each) == len(wanted) and _storable(made, each)]


def _storable(made: Space, parameters: Mapping[str, Any]) -> bool:
    try:
        replace(made, settings=()).stored(Point(parameters, {}))
    except (TypeError, ValueError):
        return False
    return True
