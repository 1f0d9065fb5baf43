from typing import Any

import numpy as np
import pytest

from harness.config.experiment import Train
from harness.training.schedule import learning_rates


def whole(steps: int = 10, **settings: Any) -> np.ndarray:
    settings = {"epochs": 10} | settings
    train = Train.model_validate(settings)
    course = range(train.epochs)
    return np.concatenate([learning_rates(train, 0.1, e, steps, course) for e in course])


def test_a_constant_rate_is_the_base_at_every_step() -> None:
    assert np.array_equal(whole(schedule="constant"), np.full(100, 0.1))


def test_cosine_falls_steadily_from_the_base_to_zero() -> None:
    rates = whole(schedule="cosine")
    assert np.all(np.diff(rates) < 0)
    assert rates[0] == pytest.approx(0.1, rel=1e-3)
    assert rates[49] == pytest.approx(0.05)
    assert rates[-1] == pytest.approx(0, abs=1e-12)


def test_step_divides_by_ten_after_sixty_and_eighty_percent() -> None:
    rates = whole(schedule="step")
    assert rates[[0, 58, 61, 78, 81, 99]] == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001, 0.001])


def test_drops_may_be_written_down() -> None:
    rates = whole(schedule={"step": {"at": [0.5, 0.9], "factor": 0.01}}, warmup_epochs=1.0)
    assert rates[[9, 49, 50, 89]] == pytest.approx([0.1, 0.1, 0.001, 0.001])
    assert rates[90:] == pytest.approx([1e-5] * 10)
    usual = whole(schedule={"step": {"at": [0.6, 0.8]}})
    assert np.array_equal(usual, whole(schedule="step"))


@pytest.mark.parametrize("schedule", ["constant", "cosine", "step"])
def test_a_warm_up_rises_linearly_and_then_leaves_the_schedule_alone(schedule: str) -> None:
    warmed, plain = whole(schedule=schedule, warmup_epochs=2.0), whole(schedule=schedule)
    assert warmed[:20] == pytest.approx(plain[:20] * np.arange(1, 21) / 20)
    assert warmed[20:] == pytest.approx(plain[20:])


@pytest.mark.parametrize("schedule", ["cosine", "step"])
def test_the_schedule_goes_by_the_budget_whatever_the_number_of_steps(schedule: str) -> None:
    few, many = whole(2, schedule=schedule), whole(20, schedule=schedule)
    assert few == pytest.approx(many[9::10])


def test_a_course_that_begins_later_is_a_schedule_of_its_own() -> None:
    train = Train(epochs=10, schedule="cosine")
    first = [learning_rates(train, 0.1, e, 5, range(6)) for e in range(6)]
    second = [learning_rates(train, 0.1, e, 5, range(6, 10)) for e in range(6, 10)]
    assert np.array_equal(np.concatenate(first), whole(5, schedule="cosine", epochs=6))
    assert np.array_equal(np.concatenate(second), whole(5, schedule="cosine", epochs=4))
