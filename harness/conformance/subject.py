"""The strategy that is held against the laws, and its plans on the cases."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from harness.conformance.cases import CASES, Case, StandIn
from harness.errors import UserError, reason
from harness.features.space import images_of
from harness.plan.plan import Plan
from harness.strategy.base import Strategy, build, known_points
from harness.strategy.stack import on_images


class Refused(UserError):
    """The strategy can't be held against the laws with these parameters: one line why not."""


class NoPlan(Exception):
    """The strategy ends in an error on every case, so that there is nothing to look at."""


@dataclass(frozen=True)
class Planned:
    """A case, the plan that it began with, the strategy and what that made of the plan."""

    case: Case
    base: Plan
    strategy: Strategy
    plan: Plan


@dataclass(frozen=True, eq=False)
class Subject:
    """A strategy by its name and class, with the parameters that its user has given."""

    name: str
    kind: type[Strategy]
    chosen: Mapping[str, Any] = field(default_factory=dict)
    _kept: list[Planned] = field(default_factory=list, repr=False)
    _points: dict[str, Plan | BaseException] = field(default_factory=dict, repr=False)

    def parameters(self, base: Plan) -> dict[str, Any]:
        """Return the given parameters; the first known point stands in for required ones.

        Raises:
            Refused: a required parameter has neither.

        """
        required = [key for key, info in self.kind.model_fields.items() if info.is_required()]
        if not set(required) - set(self.chosen):
            return dict(self.chosen)
        points = known_points(self.name, self.kind, base)
        stand_in = {key: v for key, v in (points[0] if points else {}).items() if key in required}
        chosen = stand_in | dict(self.chosen)
        for key in required:
            if key not in chosen:
                raise Refused(
                    f"strategy {self.name!r}: parameter {key!r} is required and known_points "
                    f"gives none: give it with -p {key}=…"
                )
        return chosen

    def strategy(self, base: Plan, **changes: Any) -> Strategy:
        """Make the strategy for a plan, with some parameters changed; raises UserError."""
        return build(self.name, self.kind, self.parameters(base) | changes)

    def plan_at(self, case: Case, point: Mapping[str, Any]) -> Plan:
        """Return the plan of a case with some parameters changed, at seed 0; made once.

        Raises whatever came of making it.
        """
        key = f"{case.name}: {sorted(point.items(), key=str)}"
        if key not in self._points:
            base = case.base()
            try:
                self._points[key] = plan_of(self.strategy(base, **point), base)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # a stranger's strategy may fail in any way
                self._points[key] = error
        made = self._points[key]
        if isinstance(made, BaseException):
            raise made
        return made

    def planned(self) -> tuple[Planned, ...]:
        """Return the plans of the cases that give one, at seed 0; made once.

        A case that is refused or ends in an error is left out, for a law of its own speaks of it.

        Raises:
            Refused: no case gives a plan, and the strategy says why not.
            NoPlan: no case gives a plan, for another reason.

        """
        if not self._kept:
            reasons: list[BaseException] = []
            for case in CASES:
                try:
                    base = case.base()
                    strategy = self.strategy(base)
                    self._kept.append(Planned(case, base, strategy, plan_of(strategy, base)))
                except (Refused, KeyboardInterrupt):
                    raise
                except BaseException as error:  # a stranger's strategy may fail in any way
                    reasons.append(error)
            if not self._kept:
                message = f"{CASES[0].name}: {in_one_line(reasons[0])}"
                if all(isinstance(each, UserError) for each in reasons):
                    raise Refused(f"strategy {self.name!r} refuses every case ({message})")
                raise NoPlan(f"not checked, for no case gives a plan ({message})")
        return tuple(self._kept)


def plan_of(strategy: Strategy, base: Plan, seed: int = 0) -> Plan:
    """Return a strategy's plan, made anew: what other plans left in the cache is out of reach."""
    with empty_cache():
        return made(strategy, base, seed)


def made(strategy: Strategy, base: Plan, seed: int) -> Plan:
    """Return a strategy's plan; of features, one that alters images sees the images."""
    rng = np.random.default_rng(seed)
    space = None if images_of(base.train.inputs) is None else StandIn()
    return on_images(strategy, base, space, lambda seen: strategy.plan(seen, rng))


def in_one_line(error: BaseException) -> str:
    """Put any exception into one line; a user's error speaks for itself."""
    return " ".join(str(error).split()) if isinstance(error, UserError) else reason(error)


@contextmanager
def empty_cache() -> Iterator[None]:
    """Let made arrays be kept in a directory of their own for a while; most plans need none."""
    before = os.environ.get("HARNESS_CACHE")
    directory = Path(tempfile.gettempdir(), f"harness-check-{uuid4().hex}")
    os.environ["HARNESS_CACHE"] = str(directory)
    try:
        yield
    finally:
        if before is None:
            del os.environ["HARNESS_CACHE"]
        else:
            os.environ["HARNESS_CACHE"] = before
        if directory.exists():
            shutil.rmtree(directory)
