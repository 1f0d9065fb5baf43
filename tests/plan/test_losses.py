import numpy as np
import pytest
from scipy.special import log_softmax

from harness.plan.losses import Loss, cross_entropy


def test_cross_entropy_is_minus_the_log_softmax_of_the_label() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 4, (64, 5)).astype(np.float32)
    labels = rng.integers(0, 5, 64)
    expected = -log_softmax(logits.astype(np.float64), axis=1)[np.arange(64), labels]
    np.testing.assert_allclose(cross_entropy(labels, logits, {}), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size", [1, 3])
def test_cross_entropy_is_finite_at_extreme_logits(size: int) -> None:
    logits = np.array([[1e4, -1e4]] * size, np.float32)
    assert np.asarray(cross_entropy(np.zeros(size, np.int64), logits, {})).tolist() == [0] * size
    assert np.asarray(cross_entropy(np.ones(size, np.int64), logits, {})).tolist() == [2e4] * size


def test_a_loss_is_named_after_its_function_and_leaves_the_prior_alone() -> None:
    loss = Loss(cross_entropy)
    assert loss.name == "harness.plan.losses:cross_entropy"
    assert loss.prior_factor is None
    assert loss.exact
