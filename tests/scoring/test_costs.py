"""What errors cost, and the decision of least expected cost on calibrated probabilities."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from harness.errors import UserError
from harness.scoring.calibration import LEAST, MOST, calibrate, temperature, weights_for
from harness.scoring.costs import cost_matrix, fit_costs
from harness.scoring.decision import fit

seeds = st.integers(0, 2**32 - 1)


def scene(seed, n_classes=3, n=200, scale=1.0):
    """Logits that are `scale` times too sure, and labels; the first class is most frequent."""
    rng = np.random.default_rng(seed)
    prior = 0.4 ** np.arange(n_classes)
    prior /= prior.sum()
    labels = np.concatenate([np.arange(n_classes), rng.choice(n_classes, n, p=prior)])
    logits = 1.5 * np.eye(n_classes)[labels] + rng.normal(size=(len(labels), n_classes))
    return scale * (logits + np.log(prior)), labels, prior


def log_loss(logits, labels, weights):
    shifted = logits - logits.max(axis=1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -(weights * logs[np.arange(len(labels)), labels]).sum()


@given(seeds, st.integers(2, 5), st.floats(0.3, 5))
def test_the_temperature_is_that_of_the_least_log_loss(seed, n_classes, scale):
    logits, labels, _ = scene(seed, n_classes, scale=scale)
    weights = np.random.default_rng(seed).uniform(0.1, 1, len(labels))
    best = minimize_scalar(
        lambda inverse: log_loss(logits * inverse, labels, weights),
        bounds=(1 / MOST, 1 / LEAST),
        method="bounded",
        options={"xatol": 1e-10},
    )
    found = temperature(logits, labels, weights)
    assert log_loss(logits / found, labels, weights) <= best.fun + 1e-9


@given(seeds, st.floats(0.5, 3))
def test_logits_that_are_so_many_times_too_sure_have_so_many_times_the_temperature(seed, factor):
    logits, labels, _ = scene(seed)
    weights = np.ones(len(labels))
    once = temperature(logits, labels, weights)
    if LEAST < once < MOST / factor:
        assert temperature(factor * logits, labels, weights) == pytest.approx(factor * once)


def test_the_temperature_stays_within_its_bounds():
    right = np.eye(2)[[0, 1]] * 5
    weights = np.ones(2)
    assert temperature(right, np.array([0, 1]), weights) == LEAST
    assert temperature(right, np.array([1, 0]), weights) == MOST
    assert temperature(np.zeros((0, 2)), np.zeros(0, np.int64), np.zeros(0)) == 1.0


def test_overconfident_logits_are_better_calibrated_afterwards():
    logits, labels, prior = scene(0, n=4000, scale=4.0)
    found = calibrate(logits, labels, np.zeros(3), prior)
    assert found.temperature > 2
    assert found.ece_after < 0.5 * found.ece_before


def test_on_validation_each_class_counts_as_the_target_prior_has_it():
    labels = np.array([0, 0, 0, 1])
    weights = weights_for(labels, np.array([0.25, 0.75]))
    assert weights.sum() == pytest.approx(1)
    assert weights[labels == 1].sum() == pytest.approx(0.75)


def test_what_is_left_out_costs_one_and_what_is_right_nothing():
    costs = cost_matrix({"defect": {"fine": 50}, "index 0": {"odd": 0}}, ["fine", "odd", "defect"])
    assert costs.tolist() == [[0, 0, 1], [1, 0, 1], [50, 1, 0]]


@pytest.mark.parametrize(
    ("costs", "part"),
    [
        (
            {"defekt": {"fine": 5}},
            "evaluation.costs: unknown class 'defekt'; did you mean 'defect'",
        ),
        ({"defect": {"fin": 5}}, "unknown class 'fin'; did you mean 'fine'"),
        ({"defect": {"index 1": 5}}, "'defect' taken for 'defect' is no error"),
        ({"defect": {"fine": 5, "index 0": 6}}, "'defect' taken for 'fine' is given twice"),
    ],
)
def test_costs_of_unknown_classes_are_refused_in_one_line(costs, part):
    with pytest.raises(UserError, match=part):
        cost_matrix(costs, ["fine", "defect"])


@given(seeds, st.integers(2, 5))
def test_decisions_are_those_of_a_reference_in_numpy(seed, n_classes):
    logits, labels, effective = scene(seed, n_classes, scale=2.0)
    rng = np.random.default_rng(seed)
    target = rng.dirichlet(np.ones(n_classes)) * 0.9 + 0.1 / n_classes
    costs = rng.uniform(0, 20, (n_classes, n_classes)) * (1 - np.eye(n_classes))
    rule = fit_costs(logits, labels, np.log(target / effective), target, costs)
    probability = np.exp((logits + np.log(target / effective)) / rule.temperature)
    probability /= probability.sum(axis=1, keepdims=True)
    expected = (probability[:, :, None] * costs[None]).sum(axis=1)
    chosen = rule.apply(logits)[0].argmax(axis=1)
    least = expected.min(axis=1)
    assert expected[np.arange(len(labels)), chosen] == pytest.approx(least)


@given(seeds, st.integers(2, 5))
def test_with_equal_costs_and_a_uniform_prior_it_is_the_prior_corrected_rule(seed, n_classes):
    logits, labels, effective = scene(seed, n_classes, scale=3.0)
    uniform = np.full(n_classes, 1 / n_classes)
    corrected = fit("prior_corrected", logits, labels, effective, uniform, "mcc")
    rule = fit_costs(
        logits, labels, corrected.label_offsets, uniform, cost_matrix({}, range(n_classes))
    )
    before, after = (each.apply(logits)[0].argmax(axis=1) for each in (corrected, rule))
    assert (before == after).all()


def test_the_dearer_a_miss_the_more_are_called_defect():
    logits, labels, effective = scene(1, 2, n=1000)
    called = []
    for cost in (0.1, 1, 10, 100):
        costs = cost_matrix({"defect": {"fine": cost}}, ["fine", "defect"])
        rule = fit_costs(logits, labels, np.zeros(2), effective, costs)
        called.append(int(rule.apply(logits)[0].argmax(axis=1).sum()))
    assert called == sorted(called)
    assert called[0] < called[-1]
