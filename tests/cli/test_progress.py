"""What is said on standard error about how much there is to do, and how long it takes."""

import io
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from harness.cli.progress import Bars, duration
from harness.comparison.observer import Work
from harness.execution.task import Outcome

WORK = Work(trials=6, recorded=0, epochs=10, is_exact=True, jobs=1, threads=1)
DONE = Outcome("done")


def task(label: str) -> Any:
    return SimpleNamespace(label=label)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setattr("harness.execution.pace.cores", lambda: 2)
    return Clock()


@pytest.fixture
def bars(clock: Clock) -> Bars:
    return Bars(Console(file=io.StringIO(), width=80), clock)


def lines(bars: Bars) -> list[str]:
    file = bars.err.file
    assert isinstance(file, io.StringIO)
    return file.getvalue().splitlines()


@pytest.mark.parametrize(
    ("work", "line"),
    [
        (WORK, "6 trials to run, 10 epochs each"),
        (replace(WORK, jobs=2), "6 trials to run, 10 epochs each, 2 at a time"),
        (replace(WORK, recorded=5), "1 trial to run, 10 epochs each; 5 more are recorded already"),
        (replace(WORK, is_exact=False), "6 trials to run, up to 10 epochs each"),
        (replace(WORK, recorded=6), "6 trials, recorded already"),
    ],
)
def test_first_of_all_there_is_a_line_with_the_number_of_trials(
    bars: Bars, work: Work, line: str
) -> None:
    with bars.trials(work):
        pass
    assert lines(bars) == [line]


def test_as_soon_as_a_few_seconds_are_timed_it_is_said_how_long_the_rest_takes(
    bars: Bars, clock: Clock
) -> None:
    with bars.trials(WORK) as bar:
        for epoch in range(1, 11):
            clock.now += 2.0
            bar.on_epoch(task("none, seed 0"), epoch)
            assert len(lines(bars)) == (1 if epoch < 4 else 2)
    assert lines(bars)[1:] == ["about 2 min left"]


def test_what_lasts_long_is_said_with_what_makes_it_shorter(bars: Bars, clock: Clock) -> None:
    for jobs, more in ((1, ", or more --jobs"), (2, "")):
        with bars.trials(replace(WORK, jobs=jobs)) as bar:
            for epoch in (1, 2):
                clock.now += 100.0
                bar.on_epoch(task("none, seed 0"), epoch)
        line = lines(bars)[-1]
        assert line.endswith(f" left; shorter with fewer seeds, strategies or epochs{more}")


def test_trials_that_are_recorded_take_no_time_and_say_nothing_of_the_others(
    bars: Bars, clock: Clock
) -> None:
    with bars.trials(replace(WORK, recorded=4)) as bar:
        for number in range(4):
            bar.on_outcome(task(f"none, seed {number}"), replace(DONE, cached=True))
        assert len(lines(bars)) == 1
        for epoch in range(1, 11):
            clock.now += 1.0
            bar.on_epoch(task("none, seed 4"), epoch)
        bar.on_outcome(task("none, seed 4"), DONE)
        bar.on_outcome(task("none, seed 5"), DONE)
    assert lines(bars)[1:] == ["about 13 s left"]


def test_a_failed_trial_is_named_when_it_fails(bars: Bars) -> None:
    with bars.trials(WORK) as bar:
        bar.on_outcome(task("none, seed 0"), Outcome("failed", reason="no such luck"))
    assert "failed: none, seed 0: no such luck" in lines(bars)


def test_a_search_says_the_same_before_its_first_trial_has_ended(bars: Bars, clock: Clock) -> None:
    train = SimpleNamespace(most_epochs=10)
    tuning: Any = SimpleNamespace(
        candidate=SimpleNamespace(name="focal_loss"),
        trials=20,
        threads=1,
        inner_seeds=(1000, 1001),
        experiment=SimpleNamespace(
            train=train, evaluation=SimpleNamespace(metric="balanced_accuracy")
        ),
    )
    with bars.search(tuning, 1) as bar:
        bar.on_progress(4, 0.5)
        for epoch in (1, 2):
            clock.now += 10.0
            bar.on_epoch("4, 1", epoch)
    assert lines(bars) == [
        "focal_loss: 16 trials to search, each of 2 inner seeds and 10 epochs a seed; 4 more have "
        "ended already",
        "about 53 min left, or less; shorter with fewer trials, inner seeds or epochs, or more "
        "--jobs",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (8.2, "8 s"),
        (89, "89 s"),
        (90, "2 min"),
        (1500, "25 min"),
        (12_600, "3.5 h"),
        (2e5, "2.3 days"),
    ],
)
def test_times_are_said_in_the_unit_that_they_are_thought_of_in(seconds: float, text: str) -> None:
    assert duration(seconds) == text
