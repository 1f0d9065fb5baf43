"""Strategies: plan transformers with typed, tunable parameters. Light to import."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError

from harness.errors import UserError, reason, unknown

if TYPE_CHECKING:
    import numpy as np

    from harness.plan.plan import Plan


@dataclass(frozen=True)
class Range:
    """Where to search for a number: from `low` to `high`, on a log scale if `log`."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True, init=False)
class Choice:
    """Where to search among a few values."""

    options: tuple[Any, ...]

    def __init__(self, *options: Any) -> None:
        object.__setattr__(self, "options", options)


@dataclass(frozen=True)
class PerClass:
    """Where to search for one number a class, relative to the class with the most examples.

    That class has 1, so that a scale which all share is not searched. The range is widened to hold
    the strategy's known points well inside it, for what is large depends on the data.
    """

    low: float
    high: float
    log: bool = True


class Strategy(BaseModel, ABC):
    """One way to treat imbalance: its parameters are its fields.

    The first line of a subclass's docstring is its summary; `changes` is what it is listed under,
    as in "the loss"; `reference` names the paper or the documentation that it follows. A field's
    search range stands in its annotation: `gamma: Annotated[float, Range(0.0, 5.0)] = 2.0`.
    `neutral` are parameters at which it changes nothing, if there are any. One that `alters_images`
    is always given images; any other gets the features of images where a network is frozen.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    changes: ClassVar[str] = ""
    reference: ClassVar[str] = ""
    neutral: ClassVar[Mapping[str, Any] | None] = None
    alters_images: ClassVar[bool] = False

    @abstractmethod
    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        """Turn a plan into another one; a pure function of plan, parameters and generator.

        Raises:
            UserError: the parameters don't fit the data, such as a weight for an unknown class.

        """

    @classmethod
    def known_points(cls, base: Plan) -> Sequence[dict[str, Any]]:
        """Return parameters that are known to be good, which a search tries first of all.

        `base` is plain training on the data to tune for. What a point leaves out has its default.
        """
        return ()


def build(name: str, kind: type[Strategy], parameters: dict[str, Any]) -> Strategy:
    """Make a strategy from its parameters, or say in one line which of them is wrong."""
    for key in parameters:
        if key not in kind.model_fields:
            if not kind.model_fields:
                raise UserError(f"strategy {name!r} has no parameters, but got {key!r}")
            raise UserError(unknown(f"parameter of strategy {name!r}:", key, kind.model_fields))
    try:
        return kind(**parameters)
    except ValidationError as error:
        raise UserError(f"strategy {name!r}: {_reason(error)}") from None
    except (UserError, KeyboardInterrupt):
        raise
    except BaseException as error:  # a stranger's strategy may fail in any way
        raise UserError(f"strategy {name!r} can't be made: {reason(error)}") from error


def known_points(name: str, kind: type[Strategy], base: Plan) -> list[dict[str, Any]]:
    """Return the points that a strategy knows, or say in one line why it gives none."""
    try:
        return [dict(point) for point in kind.known_points(base)]
    except (UserError, KeyboardInterrupt):
        raise
    except BaseException as error:  # a stranger's strategy may fail in any way
        why = reason(error)
        raise UserError(f"strategy {name!r} broke down in known_points(): {why}") from error


def _reason(error: ValidationError) -> str:
    """Put the first of pydantic's complaints into one line."""
    first = error.errors()[0]
    if not first["loc"]:
        return " ".join(first["msg"].split())
    field, *inner = (str(part) for part in first["loc"] if "[" not in str(part))
    if first["type"] == "missing":
        return f"parameter {field!r} is required: give it with -p {field}=…"
    if first["input"] is None and any(":" in part for part in inner):
        return f"parameter {field!r}: a space must follow each colon: -p '{field}={{a: 1, b: 2}}'"
    where = ".".join([field, *inner])
    return f"parameter {where!r}: {first['msg']}, not {first['input']!r}"
