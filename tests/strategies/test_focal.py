from typing import Any

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from harness.config.experiment import Experiment
from harness.data.examples import Array, Examples, Floats, Integers
from harness.errors import UserError
from harness.plan.losses import Loss, cross_entropy
from harness.plan.plan import base_plan
from harness.strategy.registry import resolve

LABELS = np.repeat([0, 1, 2], [80, 15, 5]).astype(np.int64)


def loss_of(**parameters: Any) -> Loss:
    train = Examples(np.zeros((100, 2), np.float32), LABELS, ("ant", "bee", "cat"))
    plan = resolve("focal_loss", parameters).plan(
        base_plan(train, Experiment()), np.random.default_rng(0)
    )
    return plan.phases[0].loss


def value(loss: Loss, labels: Integers, logits: Any) -> Any:
    known = {name: np.asarray(given, np.float32) for name, given in loss.parameters.items()}
    return loss.function(labels, logits, known)


def batch(size: int = 256, scale: float = 4.0) -> tuple[Integers, Array]:
    rng = np.random.default_rng(7)
    logits = rng.normal(0, scale, (size, 3)).astype(np.float32)
    return rng.integers(0, 3, size), logits


def reference(labels: Integers, logits: Array, gamma: float, alpha: Floats) -> Floats:
    """Equation 5 as it stands, in double precision."""
    exact = logits.astype(np.float64)
    odds = np.exp(exact - exact.max(axis=1, keepdims=True))
    rows = np.arange(len(labels))
    p = odds[rows, labels] / odds.sum(axis=1)
    odds[rows, labels] = 0
    rest = odds.sum(axis=1) / np.exp(exact - exact.max(axis=1, keepdims=True)).sum(axis=1)
    loss: Floats = -alpha[labels] * rest**gamma * np.log(p)
    return loss


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("alpha", ["none", "balanced", {"ant": 0.5, "bee": 1.0, "cat": 3.0}])
def test_focal_loss_is_equation_5(gamma: float, alpha: Any) -> None:
    labels, logits = batch()
    expected_alpha = {
        "none": np.ones(3),
        "balanced": compute_class_weight("balanced", classes=np.arange(3), y=LABELS),
    }.get(str(alpha), np.array([0.5, 1.0, 3.0]))
    np.testing.assert_allclose(
        value(loss_of(gamma=gamma, alpha=alpha), labels, logits),
        reference(labels, logits, gamma, expected_alpha),
        rtol=2e-5,
        atol=1e-6,
    )


def test_gamma_zero_is_cross_entropy() -> None:
    labels, logits = batch()
    focal = np.asarray(value(loss_of(gamma=0.0), labels, logits))
    np.testing.assert_array_equal(focal, np.asarray(cross_entropy(labels, logits, {})))


def gradient(loss: Loss, labels: Integers, logits: Array) -> tuple[Array, Array]:
    import tensorflow as tf

    watched = tf.Variable(logits)
    with tf.GradientTape() as tape:
        losses = value(loss, labels, watched)
        total = tf.reduce_sum(losses)
    return losses.numpy(), tape.gradient(total, watched).numpy()


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("label", [0, 1, 2])
@pytest.mark.parametrize(
    "row",
    [
        [1e4, -1e4, -1e4],
        [-1e4, 1e4, 1e4],
        [1e4, 1e4, -1e4],
        [1e4, 1e4, 1e4],
        [-1e4, -1e4, -1e4],
        [20.0, 0.0, 0.0],
        [0.0, 0.0, 0.0],
    ],
)
def test_loss_and_gradient_are_finite_on_a_batch_of_one(
    gamma: float, label: int, row: list[float]
) -> None:
    losses, slope = gradient(loss_of(gamma=gamma), np.array([label]), np.array([row], np.float32))
    assert losses.shape == (1,)
    assert np.isfinite(losses).all()
    assert np.isfinite(slope).all()


def test_the_gradient_at_gamma_zero_is_that_of_cross_entropy() -> None:
    labels, logits = batch(32)
    _, focal = gradient(loss_of(gamma=0.0), labels, logits)
    _, plain = gradient(Loss(cross_entropy), labels, logits)
    np.testing.assert_allclose(focal, plain, atol=1e-6)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_the_gradient_agrees_with_differences_of_the_reference(gamma: float) -> None:
    labels, logits = batch(16, scale=1.5)
    _, slope = gradient(loss_of(gamma=gamma), labels, logits)
    exact, step = logits.astype(np.float64), 1e-5
    for column in range(3):
        shift = np.eye(3)[column] * step
        above = reference(labels, exact + shift, gamma, np.ones(3))
        below = reference(labels, exact - shift, gamma, np.ones(3))
        np.testing.assert_allclose(slope[:, column], (above - below) / (2 * step), atol=1e-4)


def test_alpha_is_the_losss_factor_in_the_prior() -> None:
    factor = loss_of(alpha={"ant": 1.0, "bee": 2.0, "cat": 3.0}).prior_factor
    assert factor is not None
    assert factor.tolist() == [1, 2, 3]
    assert loss_of(gamma=0.0).exact
    assert not loss_of(gamma=0.1).exact


@pytest.mark.parametrize(
    "parameters",
    [
        {"gamma": -1.0},
        {"gamma": float("nan")},
        {"alpha": "balance"},
        {"alpha": {"ant": 1.0, "bee": 1.0}},
        {"alpha": {"ant": 1.0, "bee": 1.0, "cat": 0.0}},
        {"alpha": {"ant": 1.0, "bee": 1.0, "dog": 1.0}},
    ],
)
def test_bad_parameters_are_refused_in_one_line(parameters: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="focal_loss") as caught:
        loss_of(**parameters)
    assert next(iter(parameters)) in str(caught.value)
    assert "\n" not in str(caught.value)
