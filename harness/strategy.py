"""Strategies: plan transformers with typed, tunable parameters. Light to import."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError

from harness.errors import TrialFailed, UserError, reason, unknown

if TYPE_CHECKING:
    import numpy as np

    from harness.plan import Plan


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

    The first line of a subclass's docstring is its summary; `reference` names the paper or the
    documentation that it follows. A field's search range stands in its annotation:
    `gamma: Annotated[float, Range(0.0, 5.0)] = 2.0`. `neutral` are parameters at which it changes
    nothing, if there are any.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    reference: ClassVar[str] = ""
    neutral: ClassVar[Mapping[str, Any] | None] = None

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


@dataclass(frozen=True)
class Stack:
    """Named strategies that are applied one after the other: `undersampling+focal_loss`."""

    parts: tuple[tuple[str, Strategy], ...]

    @property
    def name(self) -> str:
        """The parts' names, joined by plus signs."""
        return "+".join(name for name, _ in self.parts)

    @property
    def parameters(self) -> dict[str, Any]:
        """Every parameter; in a stack of several, as `strategy.parameter`."""
        if len(self.parts) == 1:
            return self.parts[0][1].model_dump(mode="json")
        return {
            f"{name}.{key}": value
            for name, part in self.parts
            for key, value in part.model_dump(mode="json").items()
        }

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        """Apply each part in turn.

        Raises:
            UserError: two parts set the same field of the same phase, or a part changes the
                training examples after another has looked at them.
            TrialFailed: a part's own code breaks down.

        """
        from harness.plan import changed_fields, names_after

        setters: dict[str, str] = {}
        plan = base
        for name, part in self.parts:
            after = _planned(name, part, plan, rng)
            changed = changed_fields(plan, after)
            setters = {
                new: setter
                for field, setter in setters.items()
                for new in names_after(field, plan, after)
            }
            if "train" in changed and setters:
                earlier = next(iter(setters.values()))
                raise UserError(
                    f"strategies can't be stacked in this order: {name!r} changes the training "
                    f"examples that {earlier!r} has already looked at; write {name}+{earlier}"
                )
            for field in sorted(changed):
                if field in setters:
                    raise UserError(
                        f"strategies {setters[field]!r} and {name!r} can't be stacked: "
                        f"both set {field}; use one of them"
                    )
                setters[field] = name
            plan = after
        return plan


def _planned(name: str, part: Strategy, base: Plan, rng: np.random.Generator) -> Plan:
    """Return a strategy's plan; a stranger's code may break down in any way."""
    from harness.plan import Plan

    try:
        after = part.plan(base, rng)
    except UserError:
        raise
    except Exception as error:
        source = inspect.getsourcefile(type(part))
        why = reason(error, Path(source) if source else None)
        raise TrialFailed(f"strategy {name!r} broke down in plan(): {why}") from error
    if not isinstance(after, Plan):
        raise TrialFailed(f"strategy {name!r}: plan() must return a harness.Plan, not {after!r}")
    return after


def assign(parameters: dict[str, Any], kinds: Sequence[tuple[str, type[Strategy]]]) -> Stack:
    """Give each parameter to the strategy that it belongs to, and make the stack.

    In a stack, `gamma` goes to the only part that has it, `focal_loss.gamma` to that part.
    """
    shares: dict[str, dict[str, Any]] = {name: {} for name, _ in kinds}
    for key, value in parameters.items():
        owner, _, field = key.rpartition(".")
        owners = [name for name, kind in kinds if field in kind.model_fields]
        if owner and owner not in shares:
            raise UserError(unknown("strategy", owner, shares) + f" in parameter {key!r}")
        if not owner and len(owners) > 1:
            choices = " or ".join(f"{name}.{field}" for name in owners)
            raise UserError(f"parameter {field!r} is ambiguous: say {choices}")
        share = shares[owner or (owners[0] if owners else kinds[0][0])]
        if field in share:
            raise UserError(f"parameter {field!r} is given twice; give it once")
        share[field] = value
    return Stack(tuple((name, build(name, kind, shares[name])) for name, kind in kinds))
