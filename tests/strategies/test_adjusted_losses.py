"""Losses that adjust logits by class counts, margins and smoothing, against double precision."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.special import log_softmax, logsumexp

from harness.config.experiment import Experiment
from harness.data.examples import Array, Examples, Floats, Integers
from harness.errors import UserError
from harness.plan.losses import Loss, cross_entropy
from harness.plan.plan import Plan, base_plan
from harness.plan.prior import effective_prior
from harness.strategy.registry import resolve

COUNTS = (80, 15, 5)
NAMES = ["balanced_softmax", "logit_adjustment", "vector_scaling", "ldam", "label_smoothing"]
ROWS = [
    [1e4, -1e4, -1e4],
    [-1e4, 1e4, 1e4],
    [1e4, 1e4, -1e4],
    [1e4, 1e4, 1e4],
    [-1e4, -1e4, -1e4],
    [0.0, 0.0, 0.0],
]


def base(counts: tuple[int, ...] = COUNTS) -> Plan:
    labels = np.repeat(np.arange(len(counts)), counts).astype(np.int64)
    names = tuple(str(number) for number in range(len(counts)))
    train = Examples(np.zeros((len(labels), 2), np.float32), labels, names)
    return base_plan(train, Experiment())


def planned(name: str, counts: tuple[int, ...] = COUNTS, **parameters: Any) -> Plan:
    return resolve(name, parameters).plan(base(counts), np.random.default_rng(0))


def loss_of(name: str, counts: tuple[int, ...] = COUNTS, **parameters: Any) -> Loss:
    return planned(name, counts, **parameters).phases[0].loss


def value(loss: Loss, labels: Integers, logits: Any) -> Any:
    known = {name: np.asarray(given, np.float32) for name, given in loss.parameters.items()}
    return loss.function(labels, logits, known)


def gradient(loss: Loss, labels: Integers, logits: Array) -> tuple[Array, Array]:
    import tensorflow as tf

    watched = tf.Variable(logits)
    with tf.GradientTape() as tape:
        losses = value(loss, labels, watched)
        total = tf.reduce_sum(losses)
    return losses.numpy(), tape.gradient(total, watched).numpy()


def batch(size: int = 256, scale: float = 4.0, n_classes: int = 3) -> tuple[Integers, Array]:
    rng = np.random.default_rng(7)
    logits = rng.normal(0, scale, (size, n_classes)).astype(np.float32)
    return rng.integers(0, n_classes, size), logits


def exact_cross_entropy(labels: Integers, logits: Floats) -> Floats:
    found: Floats = -log_softmax(logits, axis=1)[np.arange(len(labels)), labels]
    return found


def balanced_softmax(labels: Integers, logits: Floats) -> Floats:
    """Equation 4 as it stands: counts times exponentials."""
    counts = np.array(COUNTS)
    mine = np.log(counts[labels]) + logits[np.arange(len(labels)), labels]
    found: Floats = logsumexp(logits, b=counts, axis=1) - mine
    return found


def logit_adjustment(labels: Integers, logits: Floats, tau: float) -> Floats:
    """Equation 10 as it stands: a pairwise margin inside a softplus."""
    prior = np.array(COUNTS) / sum(COUNTS)
    mine = logits[np.arange(len(labels)), labels][:, None]
    ratio = (prior / prior[labels][:, None]) ** tau
    others = np.arange(3) != labels[:, None]
    return np.log1p((others * ratio * np.exp(logits - mine)).sum(axis=1))


def vector_scaling(labels: Integers, logits: Floats, gamma: float, tau: float) -> Floats:
    counts = np.array(COUNTS)
    scale, shift = (counts / 80) ** gamma, tau * np.log(counts / 100)
    return exact_cross_entropy(labels, scale * logits + shift)


def ldam(labels: Integers, logits: Floats, max_margin: float, scale: float) -> Floats:
    """As in the authors' code: margins by n^(-1/4), scaled so that the largest is as given.

    The logits are the outputs times the scale, for it is the plan's head that has it.
    """
    margins = 1 / np.sqrt(np.sqrt(COUNTS))
    margins = margins * (max_margin / margins.max())
    moved = logits / scale
    moved[np.arange(len(labels)), labels] -= margins[labels]
    return exact_cross_entropy(labels, scale * moved)


def label_smoothing(labels: Integers, logits: Floats, smoothing: float) -> Floats:
    targets = (1 - smoothing) * np.eye(3)[labels] + smoothing / 3
    found: Floats = -(targets * log_softmax(logits, axis=1)).sum(axis=1)
    return found


@pytest.mark.parametrize(
    ("reference", "parameters"),
    [
        (balanced_softmax, {}),
        (logit_adjustment, {"tau": 0.5}),
        (logit_adjustment, {"tau": 2.0}),
        (vector_scaling, {"gamma": 0.15, "tau": 1.25}),
        (vector_scaling, {"gamma": 0.5, "tau": 0.0}),
        (ldam, {"max_margin": 0.5, "scale": 30.0}),
        (ldam, {"max_margin": 15.0, "scale": 1.0}),
        (label_smoothing, {"smoothing": 0.1}),
        (label_smoothing, {"smoothing": 0.9}),
    ],
)
def test_each_loss_and_its_gradient_are_the_published_ones(
    reference: Callable[..., Floats], parameters: dict[str, float]
) -> None:
    labels, logits = batch(64, scale=1.5)
    losses, slope = gradient(loss_of(reference.__name__, **parameters), labels, logits)
    exact, step = logits.astype(np.float64), 1e-6
    np.testing.assert_allclose(losses, reference(labels, exact, **parameters), rtol=2e-5, atol=1e-5)
    for column in range(3):
        shift = np.eye(3)[column] * step
        above = reference(labels, exact + shift, **parameters)
        below = reference(labels, exact - shift, **parameters)
        np.testing.assert_allclose(slope[:, column], (above - below) / (2 * step), atol=2e-4)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("logit_adjustment", {"tau": 0.0}),
        ("vector_scaling", {"gamma": 0.0, "tau": 0.0}),
        ("ldam", {"max_margin": 0.0, "scale": 1.0}),
        ("label_smoothing", {"smoothing": 0.0}),
    ],
)
def test_neutral_parameters_give_cross_entropy(name: str, parameters: dict[str, float]) -> None:
    labels, logits = batch()
    loss = loss_of(name, **parameters)
    assert loss.exact
    np.testing.assert_allclose(loss.prior_factor if loss.prior_factor is not None else 1.0, 1.0)
    plain = gradient(Loss(cross_entropy), labels, logits)
    for found, expected in zip(gradient(loss, labels, logits), plain, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_balanced_softmax_is_logit_adjustment_at_tau_one() -> None:
    first, second = loss_of("balanced_softmax"), loss_of("logit_adjustment", tau=1.0)
    assert first.function is second.function
    np.testing.assert_array_equal(first.parameters["shift"], second.parameters["shift"])


@pytest.mark.parametrize("tau", [0.5, 1.0, 1.25])
def test_vector_scaling_at_gamma_zero_is_logit_adjustment(tau: float) -> None:
    labels, logits = batch()
    np.testing.assert_allclose(
        value(loss_of("vector_scaling", gamma=0.0, tau=tau), labels, logits),
        value(loss_of("logit_adjustment", tau=tau), labels, logits),
        rtol=1e-6,
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("label", [0, 1, 2])
@pytest.mark.parametrize("row", ROWS)
def test_loss_and_gradient_are_finite_and_not_negative_on_a_batch_of_one(
    name: str, label: int, row: list[float]
) -> None:
    losses, slope = gradient(loss_of(name), np.array([label]), np.array([row], np.float32))
    assert losses.shape == (1,)
    assert np.isfinite(losses).all()
    assert (losses >= 0).all()
    assert np.isfinite(slope).all()


@pytest.mark.parametrize("name", NAMES)
def test_ordinary_losses_are_not_negative(name: str) -> None:
    assert (np.asarray(value(loss_of(name), *batch(scale=20.0))) >= 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_parameters_follow_the_index_of_classes_not_the_order_of_their_names(name: str) -> None:
    """As text, "10" and "11" would come before "2"."""
    counts = tuple(range(60, 0, -5))
    order = np.random.default_rng(1).permutation(12)
    straight = loss_of(name, counts)
    permuted = loss_of(name, tuple(np.array(counts)[order].tolist()))
    labels, logits = batch(32, n_classes=12)
    for key, given in straight.parameters.items():
        expected = np.asarray(given)[order] if np.ndim(given) else given
        np.testing.assert_allclose(permuted.parameters[key], expected)
    place = np.argsort(order)
    np.testing.assert_allclose(
        value(permuted, place[labels], logits[:, order]),
        value(straight, labels, logits),
        rtol=1e-5,
        atol=1e-6,
    )


def fitted(loss: Loss, counts: Array) -> Floats:
    """Minimise the mean loss over inputs of four kinds, `counts` `[4, C]`: one row of logits each.

    There is one free row for each kind, so the minimum is that of the expected loss.
    """
    import tensorflow as tf

    kinds, n_classes = counts.shape
    logits = tf.Variable(tf.zeros((kinds, n_classes)))
    known = {name: tf.constant(np.asarray(v, np.float32)) for name, v in loss.parameters.items()}
    labels = tf.constant(np.tile(np.arange(n_classes), kinds))
    share = tf.constant((counts / counts.sum(axis=1, keepdims=True)).ravel().astype(np.float32))
    optimizer = tf.keras.optimizers.SGD(0.5, momentum=0.9)

    @tf.function
    def step() -> None:
        with tf.GradientTape() as tape:
            each = loss.function(labels, tf.repeat(logits, n_classes, axis=0), known)
            total = tf.reduce_sum(share * each)
        optimizer.apply_gradients([(tape.gradient(total, logits), logits)])

    for _ in range(1500):
        step()
    return log_softmax(logits.numpy().astype(np.float64), axis=1)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("balanced_softmax", {}),
        ("logit_adjustment", {"tau": 0.5}),
        ("logit_adjustment", {"tau": 1.5}),
        ("vector_scaling", {"gamma": 0.0, "tau": 1.25}),
    ],
)
def test_fitted_logits_reflect_the_effective_prior(name: str, parameters: dict[str, float]) -> None:
    """Logits of one prior must be the posterior of data that were drawn with it."""
    rng = np.random.default_rng(3)
    likelihood = rng.dirichlet(np.ones(4), 3).T + 0.05
    plan = planned(name, **parameters)
    found = fitted(plan.phases[0].loss, likelihood * np.array(COUNTS))
    prior = effective_prior(plan)
    assert prior.exact
    posterior = likelihood * prior.values
    posterior /= posterior.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(np.exp(found), posterior, atol=2e-3)


@pytest.mark.parametrize(
    ("spec", "parameters", "ratios"),
    [
        ("balanced_softmax", {}, (1, 1, 1)),
        ("logit_adjustment", {"tau": 0.0}, COUNTS),
        ("logit_adjustment", {"tau": 2.0}, (1 / 80, 1 / 15, 1 / 5)),
        ("balanced_class_weight+balanced_softmax", {}, (1 / 80, 1 / 15, 1 / 5)),
    ],
)
def test_the_prior_is_divided_by_its_power(
    spec: str, parameters: dict[str, float], ratios: tuple[float, ...]
) -> None:
    prior = effective_prior(planned(spec, **parameters))
    np.testing.assert_allclose(prior.values, np.array(ratios) / sum(ratios))


@pytest.mark.parametrize("name", ["vector_scaling", "ldam", "label_smoothing"])
def test_a_loss_that_is_no_change_of_prior_says_approximate(name: str) -> None:
    assert not effective_prior(planned(name)).exact


def test_ldam_without_margins_is_a_proper_loss_of_the_scaled_outputs() -> None:
    plan = planned("ldam", max_margin=0.0, scale=30.0)
    assert plan.phases[0].loss.exact
    assert plan.head.scale == 30.0


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("balanced_softmax", {"tau": 1.0}),
        ("logit_adjustment", {"tau": -0.1}),
        ("vector_scaling", {"gamma": -0.1}),
        ("ldam", {"max_margin": -1.0}),
        ("ldam", {"scale": 0.0}),
        ("label_smoothing", {"smoothing": 1.0}),
    ],
)
def test_bad_parameters_are_refused_in_one_line(name: str, parameters: dict[str, float]) -> None:
    with pytest.raises(UserError, match=name) as caught:
        loss_of(name, **parameters)
    assert next(iter(parameters)) in str(caught.value)
    assert "\n" not in str(caught.value)
