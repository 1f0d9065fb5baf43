from typing import Any

import numpy as np
import pytest

from harness.config.experiment import Experiment
from harness.data.examples import Examples, Floats
from harness.errors import UserError
from harness.plan.plan import Plan, base_plan
from harness.plan.prior import effective_prior
from harness.strategy.registry import resolve
from strategies.effective_number import effective_number_weights

COUNTS = (80, 15, 5)


def planned(counts: tuple[int, ...] = COUNTS, **parameters: Any) -> Plan:
    labels = np.repeat(np.arange(len(counts)), counts).astype(np.int64)
    names = tuple("abcdefghij"[: len(counts)])
    train = Examples(np.zeros((len(labels), 2), np.float32), labels, names)
    strategy = resolve("class_balanced_weight", parameters)
    return strategy.plan(base_plan(train, Experiment()), np.random.default_rng(0))


def weights(counts: tuple[int, ...] = COUNTS, **parameters: Any) -> Floats:
    plan = planned(counts, **parameters)
    return plan.class_weights(plan.phases[0], 0)


@pytest.mark.parametrize("beta", [0.5, 0.9, 0.99, 0.9999])
def test_weights_are_the_inverse_of_the_effective_number(beta: float) -> None:
    """The effective number is the sum 1 + beta + beta^2 + ... of as many terms as examples."""
    effective = np.array([np.sum(beta ** np.arange(n)) for n in COUNTS])
    published = 3 / effective / np.sum(1 / effective)  # Cui et al. scale them to sum to C
    np.testing.assert_allclose(weights(beta=beta, normalize=False), published, rtol=1e-12)
    normalized = weights(beta=beta)
    assert normalized @ np.array(COUNTS) / 100 == pytest.approx(1)
    np.testing.assert_allclose(normalized * effective, normalized[0] * effective[0])


@pytest.mark.parametrize("normalize", [True, False])
def test_beta_zero_gives_ones(normalize: bool) -> None:
    assert weights(beta=0.0, normalize=normalize).tolist() == [1, 1, 1]


def test_beta_towards_one_gives_the_inverse_frequency() -> None:
    found = weights(beta=1 - 1e-12)
    np.testing.assert_allclose(found, 100 / 3 / np.array(COUNTS), rtol=1e-9)


def test_a_class_with_a_single_example_has_effective_number_one() -> None:
    assert effective_number_weights(np.array([50, 1]), 0.99)[1] == pytest.approx(1.0)


def test_the_prior_is_counts_over_effective_numbers() -> None:
    prior = effective_prior(planned(beta=0.99))
    expected = np.array([n / np.sum(0.99 ** np.arange(n)) for n in COUNTS])
    np.testing.assert_allclose(prior.values, expected / expected.sum())
    assert prior.exact


def test_permuted_classes_give_permuted_weights() -> None:
    counts = np.array([60, 40, 25, 9, 2])
    order = np.array([3, 0, 4, 1, 2])
    permuted = weights(tuple(counts[order].tolist()))
    np.testing.assert_allclose(permuted, weights(tuple(counts.tolist()))[order])


@pytest.mark.parametrize("beta", [-0.1, 1.0, float("nan")])
def test_a_bad_beta_is_refused_in_one_line(beta: float) -> None:
    with pytest.raises(UserError, match="beta") as caught:
        weights(beta=beta)
    assert "\n" not in str(caught.value)
