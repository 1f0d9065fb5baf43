from typing import Annotated, Any, Literal

import numpy as np
import pytest

from harness import Choice, PerClass, Plan, Range, Strategy
from harness.strategy.contract import broken
from harness.strategy.registry import registry


def with_parameter(annotation: Any, default: Any = ...) -> type[Strategy]:
    def plan(self: Strategy, base: Plan, rng: np.random.Generator) -> Plan:
        return base

    body = {"__annotations__": {"amount": annotation}, "plan": plan, "__module__": __name__}
    return type("Mine", (Strategy,), body if default is ... else body | {"amount": default})


@pytest.mark.parametrize(
    ("annotation", "default"),
    [
        (float, 1.0),
        (Annotated[float, Range(0, 5)], 5.0),
        (Annotated[float, Range(0, 5)], ...),
        (Annotated[int, Range(1, 5)], 1),
        (Annotated[float | None, Range(0.1, 5, log=True)], None),
        (Annotated[Literal["a", "b"], Choice("a", "b")], "b"),
        (Annotated[dict[str | int, float], PerClass(0.5, 2)], ...),
    ],
)
def test_a_sound_parameter_passes(annotation: Any, default: Any) -> None:
    assert broken(with_parameter(annotation, default)) == ""


@pytest.mark.parametrize(
    ("annotation", "default", "said"),
    [
        (Annotated[float, Range(3, 1)], 2.0, "Range(3, 1) is inverted"),
        (Annotated[float, Range(1, 1)], 1.0, "Range(1, 1) is inverted or empty"),
        (Annotated[float, Range(0, float("inf"))], 1.0, "needs two finite numbers"),
        (Annotated[float, Range(0, 1, log=True)], 1.0, "must begin above 0"),
        (Annotated[float, PerClass(0, 1)], 1.0, "must begin above 0"),
        (Annotated[str, Range(0, 1)], "a", "is for numbers, not str; use Choice(…)"),
        (Annotated[bool, Range(0, 1)], True, "is for numbers, not bool"),
        (Annotated[int, Range(0.5, 2)], 1, "needs whole ends"),
        (Annotated[float, PerClass(1, 2)], 1.0, "is for a dict of one number a class, not float"),
        (Annotated[str, Choice()], "a", "at least one option"),
        (Annotated[str, Choice("a", "b")], "c", "default 'c' lies outside of Choice('a', 'b')"),
        (Annotated[float, Range(1, 3)], 4.0, "default 4.0 lies outside of Range(1, 3)"),
        (Annotated[float, Range(1, 3)], "x", "default 'x' lies outside"),
        (Annotated[float, Range(1, 3), Range(1, 4)], 2.0, "has 2 search ranges; keep one"),
        ("Nowhere", 2.0, "names a type that isn't defined in its module"),
    ],
)
def test_a_bad_parameter_is_told_with_its_name_or_the_class(
    annotation: Any, default: Any, said: str
) -> None:
    message = broken(with_parameter(annotation, default))
    assert said in message
    assert "\n" not in message
    assert "'amount'" in message or "Mine" in message


def test_a_plan_with_other_arguments_is_refused() -> None:
    kind = type("Mine", (Strategy,), {"plan": lambda self, base: base})
    assert broken(kind) == "Mine.plan must take (self, base, rng), not (self, base)"


@pytest.mark.parametrize("kind", [int, 3, "text", list[int]])
def test_what_is_no_strategy_is_refused(kind: Any) -> None:
    assert "is no subclass of harness.Strategy" in broken(kind)


def test_every_strategy_of_the_project_keeps_the_contract() -> None:
    own = [entry for entry in registry().values() if entry.origin == "imbalance-harness"]
    assert own
    assert {entry.name: entry.problem for entry in own if entry.problem} == {}
