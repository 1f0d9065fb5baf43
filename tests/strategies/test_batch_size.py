import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import hypergeom

from harness.config.experiment import Experiment
from harness.data.examples import Examples
from harness.errors import UserError
from harness.plan.plan import Plan, base_plan, changed_fields
from harness.strategy.registry import resolve
from strategies.batch_size import smallest_batch


def base(batch_size: int = 4, counts: tuple[int, ...] = (190, 10)) -> Plan:
    labels = np.repeat(np.arange(len(counts)), counts).astype(np.int64)
    train = Examples(np.zeros((len(labels), 1), np.float32), labels, ("ant", "bee", "cat"))
    return replace(base_plan(train, Experiment()), batch_size=batch_size)


def planned(start: Plan, **parameters: Any) -> Plan:
    return resolve("batch_size_scaling", parameters).plan(start, np.random.default_rng(0))


@given(st.integers(1, 20), st.integers(0, 100), st.integers(1, 20), st.floats(0.01, 0.999))
@settings(max_examples=150, deadline=None)
def test_the_batch_is_the_smallest_by_brute_force(
    rare: int, others: int, wanted: int, confidence: float
) -> None:
    wanted = min(wanted, rare)
    total = rare + others
    chances = hypergeom.sf(wanted - 1, total, rare, np.arange(1, total + 1))
    enough = np.flatnonzero(chances >= confidence)
    expected = int(enough[0]) + 1
    assert smallest_batch(total, rare, wanted, confidence) == expected


def test_a_known_case() -> None:
    """One of 100 is in a batch of n with probability n / 100."""
    assert smallest_batch(100, 1, 1, 0.5) == 50


def test_the_rarest_class_decides() -> None:
    plan = planned(base(counts=(100, 60, 7)))
    assert plan.batch_size == smallest_batch(167, 7, 1, 0.95)


def test_a_class_without_examples_does_not_count() -> None:
    assert planned(base(counts=(100, 60, 0))).batch_size == smallest_batch(160, 60, 1, 0.95)


def test_more_examples_than_a_class_has_are_refused() -> None:
    assert planned(base(), min_examples=10).batch_size <= 200
    with pytest.raises(
        UserError, match=r"min_examples is 11, but class 'bee' has 10 .* at most 10"
    ):
        planned(base(), min_examples=11)


def test_a_batch_of_all_examples_is_noted() -> None:
    plan = planned(base(), min_examples=10, confidence=0.96)
    assert plan.batch_size == 200
    assert len(plan.notes) == 1
    assert "all 200 training examples" in plan.notes[0]
    assert "confidence 0.96 10 examples of class 'bee'" in plan.notes[0]


def test_an_ordinary_batch_has_no_note() -> None:
    assert planned(base()).notes == ()
    assert planned(base(batch_size=300), min_examples=10).notes == ()


def test_the_batch_never_shrinks() -> None:
    start = base(batch_size=180)
    plan = planned(start, learning_rate_rule="linear")
    assert plan.batch_size == 180
    assert changed_fields(start, plan) == set()


@pytest.mark.parametrize("rule", ["none", "linear", "sqrt"])
def test_the_learning_rate_follows_its_rule(rule: str) -> None:
    start = base()
    plan = planned(start, learning_rate_rule=rule)
    growth = plan.batch_size / start.batch_size
    assert growth > 2
    expected = {"none": 1.0, "linear": growth, "sqrt": math.sqrt(growth)}[rule]
    assert plan.learning_rate == pytest.approx(start.learning_rate * expected)


@pytest.mark.parametrize(
    "parameters",
    [
        {"min_examples": 0},
        {"min_examples": 1.5},
        {"confidence": 1.0},
        {"confidence": 0.0},
        {"learning_rate_rule": "cubic"},
    ],
)
def test_bad_parameters_are_refused_in_one_line(parameters: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=next(iter(parameters))) as caught:
        planned(base(), **parameters)
    assert "\n" not in str(caught.value)
