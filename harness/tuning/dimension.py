"""One searched number or choice, in our own words and in Optuna's."""

import json
import types
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any, Union, get_args, get_origin

from optuna import Trial

from harness.errors import UserError


@dataclass(frozen=True)
class Number:
    """A number from `low` to `high`, both included; whole if `whole`.

    Widened to hold a value, it goes on by the factor `margin` beyond it.
    """

    name: str
    low: float
    high: float
    log: bool = False
    whole: bool = False
    margin: float = 1.0

    def __post_init__(self) -> None:
        if not (isfinite(self.low) and isfinite(self.high)):
            raise UserError(f"{self.name}: a range needs two finite ends, as in 0.1..10")
        if self.low >= self.high:
            raise UserError(
                f"{self.name}: the range {self.low:g}..{self.high:g} is inverted or empty; "
                "write the lower end first"
            )
        if self.log and self.low <= 0:
            raise UserError(
                f"{self.name}: a log range must begin above 0, not at {self.low:g}; "
                "raise the lower end or leave out :log"
            )
        if self.whole and not (float(self.low).is_integer() and float(self.high).is_integer()):
            raise UserError(f"{self.name}: takes whole numbers, not {self.low:g}..{self.high:g}")

    @property
    def ends(self) -> tuple[Any, ...]:
        """The values to check against what is accepted."""
        return (self.decode(self.low), self.decode(self.high))

    def holding(self, value: Any) -> "Number":
        """Return this range, widened to hold a value that Optuna stores."""
        low, high = value / self.margin, value * self.margin
        return replace(self, low=min(self.low, low), high=max(self.high, high))

    def encode(self, value: Any) -> Any:
        """Return a value as Optuna stores it; on a log scale the low end stands for 0 and below."""
        if self.log and value <= 0:
            value = self.low
        return int(value) if self.whole else float(value)

    def decode(self, stored: Any) -> Any:
        """Return what Optuna stored as the parameter takes it, with 6 digits, as float32 has."""
        return int(stored) if self.whole else float(f"{stored:.6g}")

    def describe(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return {"low": self.low, "high": self.high, "log": self.log, "whole": self.whole}


@dataclass(frozen=True)
class OneOf:
    """One of a few values; Optuna stores what is no plain value as JSON text."""

    name: str
    options: tuple[Any, ...]

    def __post_init__(self) -> None:
        if len({str(self.encode(option)) for option in self.options}) < 2:
            raise UserError(f"{self.name}: a choice needs at least two different values")

    @property
    def ends(self) -> tuple[Any, ...]:
        """The values to check against what is accepted."""
        return self.options

    def holding(self, value: Any) -> "OneOf":
        """Return this choice; a value that Optuna stores joins it unless it is there."""
        if value in [self.encode(option) for option in self.options]:
            return self
        return replace(self, options=(*self.options, value))

    def encode(self, value: Any) -> Any:
        """Return a value as Optuna stores it."""
        plain = value is None or isinstance(value, bool | int | float | str)
        return value if plain else json.dumps(value, sort_keys=True)

    def decode(self, stored: Any) -> Any:
        """Return what Optuna stored as the parameter takes it."""
        return next(option for option in self.options if self.encode(option) == stored)

    def describe(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return {"options": [self.encode(option) for option in self.options]}


Dimension = Number | OneOf


def suggest(trial: Trial, dimension: Dimension) -> None:
    """Have Optuna draw a dimension of a trial, unless it is set already."""
    if isinstance(dimension, OneOf):
        options = [dimension.encode(option) for option in dimension.options]
        trial.suggest_categorical(dimension.name, options)
        return
    name, low, high, log = dimension.name, dimension.low, dimension.high, dimension.log
    if dimension.whole:
        trial.suggest_int(name, int(low), int(high), log=log)
    else:
        trial.suggest_float(name, float(low), float(high), log=log)


def plain_types(annotation: Any) -> set[Any]:
    """Return the types that an annotation allows, apart from what restricts their values."""
    if get_origin(annotation) in (Union, types.UnionType):
        return {kind for part in get_args(annotation) for kind in plain_types(part)}
    if hasattr(annotation, "__metadata__"):
        return plain_types(get_args(annotation)[0])
    return {annotation}
