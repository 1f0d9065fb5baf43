"""Mixup and remix: what the mixtures are, and how much of a label each class ends up with."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from harness.config.experiment import Experiment
from harness.data.examples import Array, Examples, Floats, Integers
from harness.plan.plan import Plan, base_plan
from harness.plan.prior import effective_prior
from harness.strategy.registry import resolve

COUNTS = (900, 270, 30)


def planned(name: str, counts: tuple[int, ...] = COUNTS, **parameters: Any) -> Plan:
    labels = np.repeat(np.arange(len(counts)), counts).astype(np.int64)
    names = tuple(str(number) for number in range(len(counts)))
    base = base_plan(Examples(np.zeros((len(labels), 2), np.float32), labels, names), Experiment())
    return resolve(name, parameters).plan(base, np.random.default_rng(0))


def mixed(plan: Plan, inputs: Array, labels: Integers, seed: int = 0) -> tuple[Array, Floats]:
    """Return the mixed inputs and the soft labels `[B, C]` of a batch."""
    transform = plan.phases[0].batch_transform
    known = {name: np.asarray(v, np.float32) for name, v in transform.parameters.items()}
    outputs, targets = transform.function(inputs, labels, np.array([seed, 5], np.int32), known)
    soft = sum(
        np.asarray(share)[:, None] * np.eye(plan.train.n_classes)[np.asarray(label)]
        for label, share in targets
    )
    return np.asarray(outputs), np.asarray(soft)


def one_hot_batch(counts: tuple[int, ...], size: int) -> tuple[Array, Integers]:
    """Return inputs that are their own one-hot labels, so that shares can be read off them."""
    shares = np.array(counts) / sum(counts)
    labels = np.random.default_rng(1).choice(len(counts), size, p=shares)
    return np.eye(len(counts), dtype=np.float32)[labels], labels.astype(np.int32)


def test_mixup_gives_labels_the_shares_of_their_inputs() -> None:
    inputs, labels = one_hot_batch(COUNTS, 500)
    outputs, soft = mixed(planned("mixup", alpha=1.0), inputs, labels)
    np.testing.assert_allclose(outputs, soft, atol=1e-6)
    np.testing.assert_allclose(soft.sum(axis=1), 1.0, atol=1e-6)


@pytest.mark.parametrize("alpha", [0.05, 0.2, 1.0, 2.0])
def test_the_shares_of_mixup_are_of_the_beta_distribution(alpha: float) -> None:
    inputs = np.arange(4000, dtype=np.float32)[:, None]
    transform = planned("mixup", alpha=alpha).phases[0].batch_transform
    known = {"alpha": np.asarray(alpha, np.float32)}
    labels, seed = np.zeros(4000, np.int32), np.array([3, 4], np.int32)
    _, targets = transform.function(inputs, labels, seed, known)
    share = np.asarray(targets[0][1], np.float64)
    assert np.isfinite(share).all()
    # Between its ends, where rounding to single precision does not reach.
    points = np.linspace(0.01, 0.99, 99)
    below = np.searchsorted(np.sort(share), points) / 4000
    np.testing.assert_allclose(below, stats.beta(alpha, alpha).cdf(points), atol=0.03)


def test_a_share_of_the_smallest_alpha_is_a_coin_toss() -> None:
    inputs, labels = one_hot_batch(COUNTS, 4000)
    transform = planned("mixup", alpha=1e-4).phases[0].batch_transform
    known = {"alpha": np.asarray(1e-4, np.float32)}
    _, targets = transform.function(inputs, labels, np.array([3, 4], np.int32), known)
    share = np.asarray(targets[0][1], np.float64)
    assert np.isfinite(share).all()
    assert (np.minimum(share, 1.0 - share) < 0.01).mean() > 0.99
    assert abs(share.mean() - 0.5) < 0.03


@pytest.mark.parametrize("name", ["mixup", "remix"])
def test_without_alpha_nothing_is_mixed(name: str) -> None:
    plan = planned(name, alpha=0.0)
    assert plan.phases[0].batch_transform.name == "harness.plan.transforms:unchanged"


@pytest.mark.parametrize("name", ["mixup", "remix"])
def test_a_seed_decides_the_mixtures(name: str) -> None:
    inputs, labels = one_hot_batch(COUNTS, 200)
    plan = planned(name)
    first, again, other = (mixed(plan, inputs, labels, seed)[0] for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_remix_gives_the_label_to_the_rarer_of_two_unlike_classes() -> None:
    inputs, labels = one_hot_batch(COUNTS, 4000)
    outputs, soft = mixed(planned("remix", kappa=3.0, tau=0.5), inputs, labels)
    counts = np.array(COUNTS)
    for shares, label in zip(outputs, soft, strict=True):
        classes = np.flatnonzero(shares > 1e-6)
        if len(classes) < 2:
            continue
        common, rare = sorted(classes, key=lambda c: -counts[c])
        expected = shares.copy()
        if counts[common] >= 3.0 * counts[rare] and shares[common] < 0.5:
            expected[common], expected[rare] = 0.0, 1.0
        np.testing.assert_allclose(label, expected, atol=1e-6)


def test_remix_of_classes_that_are_alike_is_mixup() -> None:
    inputs, labels = one_hot_batch((400, 400, 400), 600)
    alike = (400, 400, 400)
    by_remix = mixed(planned("remix", alike, alpha=0.7), inputs, labels)
    by_mixup = mixed(planned("mixup", alike, alpha=0.7), inputs, labels)
    for one, other in zip(by_remix, by_mixup, strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("mixup", {"alpha": 0.4}),
        ("remix", {}),
        ("remix", {"alpha": 0.3, "kappa": 5.0, "tau": 0.8}),
    ],
)
def test_the_effective_prior_is_the_share_of_labels_that_training_sees(
    name: str, parameters: dict[str, float]
) -> None:
    plan = planned(name, **parameters)
    prior = effective_prior(plan)
    inputs, labels = one_hot_batch(COUNTS, 40_000)
    _, soft = mixed(plan, inputs, labels)
    assert not prior.exact
    np.testing.assert_allclose(soft.mean(axis=0), prior.values, atol=0.01)
    assert prior.values.sum() == pytest.approx(1.0)
