import numpy as np
import pytest

from harness.comparison.learning_curve import rise

MARGIN = 0.01


def flat(rng: np.random.Generator, epochs: int, noise: float = 0.02) -> np.ndarray:
    return 0.7 + noise * rng.standard_normal(epochs)


@pytest.mark.parametrize("epochs", [6, 20, 60])
def test_curves_that_still_rise_go_on(epochs: int) -> None:
    rng = np.random.default_rng(0)
    ramp = np.linspace(0.3, 0.8, epochs)
    found = rise([ramp + 0.01 * rng.standard_normal(epochs) for _ in range(5)], epochs, MARGIN)
    assert found.goes_on
    assert found.gain > MARGIN


@pytest.mark.parametrize(("epochs", "trials"), [(6, 3), (6, 5), (20, 3), (20, 5), (20, 20)])
def test_flat_curves_are_taken_for_rising_in_no_more_than_one_of_twenty_cases(
    epochs: int, trials: int
) -> None:
    rng = np.random.default_rng(1)
    wrong = [
        rise([flat(rng, epochs) for _ in range(trials)], epochs, MARGIN).goes_on
        for _ in range(2_000)
    ]
    assert np.mean(wrong) <= 0.05


def test_a_rise_that_does_not_matter_is_none() -> None:
    ramps = [np.linspace(0.7, 0.702, 20) for _ in range(5)]
    assert not rise(ramps, 20, MARGIN).goes_on


def test_curves_that_patience_ended_have_stopped_rising() -> None:
    ramp = np.linspace(0.3, 0.8, 20)
    assert not rise([ramp[:12] for _ in range(5)], 20, MARGIN).goes_on
    assert rise([ramp, ramp, ramp, ramp[:12], ramp[:12]], 20, MARGIN).goes_on


def test_one_curve_alone_says_nothing() -> None:
    assert not rise([np.linspace(0.3, 0.8, 20)], 20, MARGIN).goes_on
    assert not rise([], 20, MARGIN).goes_on
