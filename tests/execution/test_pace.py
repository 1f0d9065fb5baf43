"""What is left, by a clock that the tests turn."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.execution.pace import TELLING, Pace


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def paced(jobs: int = 1) -> tuple[Pace, Clock]:
    clock = Clock()
    return Pace(jobs, clock), clock


def run(pace: Pace, clock: Clock, label: str, epochs: int, each: float, before: float) -> None:
    clock.now += before
    for number in range(1, epochs + 1):
        clock.now += each
        pace.epoch(label, number)


def test_nothing_is_known_before_an_epoch_can_be_told_from_compiling() -> None:
    pace, clock = paced()
    assert pace.left(50, 5) is None
    run(pace, clock, "a", 1, 2.0, before=30.0)
    assert pace.left(49, 5) is None


def test_the_second_epoch_of_the_first_trial_says_how_long_all_take() -> None:
    pace, clock = paced()
    run(pace, clock, "a", 2, 2.0, before=30.0)
    assert pace.left(48, 5) == pytest.approx(96.0)


def test_a_first_epoch_of_minutes_is_enough() -> None:
    pace, clock = paced()
    run(pace, clock, "a", 1, 3 * TELLING, before=0.0)
    assert pace.left(10, 1) == pytest.approx(30 * TELLING)


def test_what_trials_take_beside_their_epochs_counts_once_one_has_ended() -> None:
    pace, clock = paced()
    run(pace, clock, "a", 10, 2.0, before=30.0)
    clock.now += 5.0  # tested and recorded
    pace.trial()
    assert pace.left(40, 4) == pytest.approx(4 * (10 * 2.0 + 5.0))


def test_what_the_first_trial_does_for_all_is_left_out_once_another_has_ended() -> None:
    pace, clock = paced()
    for label, beside in (("a", 30.0), ("b", 3.0), ("c", 5.0)):
        run(pace, clock, label, 10, 2.0, before=0.0)
        clock.now += beside
        pace.trial()
    assert pace.left(20, 2) == pytest.approx(2 * (10 * 2.0 + 4.0))


def test_several_jobs_are_judged_by_their_first_trials_until_as_many_more_have_ended() -> None:
    pace, clock = paced(2)
    beside = {"a": 30.0, "b": 30.0, "c": 4.0, "d": 4.0}
    for first, second in ("ab", "cd"):
        for number in range(1, 6):
            clock.now += 2.0
            pace.epoch(first, number)
            pace.epoch(second, number)
        clock.now += beside[first]
        pace.trial()
        pace.trial()
    assert pace.left(10, 2) == pytest.approx((10 * 2.0 + 2 * 4.0) / 2, rel=0.25)


def test_trials_of_one_epoch_are_judged_when_two_have_ended() -> None:
    pace, clock = paced()
    for label in "abc":
        run(pace, clock, label, 1, 4.0, before=1.0)
        pace.trial()
    assert pace.left(7, 7) == pytest.approx(7 * 5.0, rel=0.5)


@given(jobs=st.integers(1, 8), trials=st.integers(1, 50), epochs=st.integers(2, 20))
def test_as_many_at_a_time_take_as_much_less(jobs: int, trials: int, epochs: int) -> None:
    pace, clock = paced(jobs)
    run(pace, clock, "a", 3, 2.0, before=1.0)
    expected = trials * epochs * 2.0 / min(jobs, trials)
    assert pace.left(trials * epochs, trials) == pytest.approx(expected)


def test_where_nothing_is_left_it_takes_no_time() -> None:
    assert paced()[0].left(0, 0) == 0
