"""Metrics that take a number, and the expected cost of an example."""

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given
from hypothesis import strategies as st

from harness.scoring.metrics import higher_is_better, one, softmax
from harness.scoring.part import part_of

scenes = st.tuples(st.integers(0, 2**32 - 1), st.integers(2, 60), st.booleans())


def scene(seed, n, ties):
    """The truth, with some of both kinds, and scores, of which many may be equal."""
    rng = np.random.default_rng(seed)
    truth = np.concatenate([[True, False], rng.random(n) < 0.3])
    scores = rng.normal(size=len(truth)) + truth
    return truth, np.round(scores) if ties else scores


def plain(metric, truth, scores):
    return part_of(metric)(truth, scores)(np.ones((len(truth), 1)))[0]


@given(scenes, st.sampled_from([0.05, 0.2, 0.5, 0.9]))
def test_few_false_alarms_are_scored_as_scikit_learn_does(drawn, most):
    truth, scores = scene(*drawn)
    expected = sk.roc_auc_score(truth, scores, max_fpr=most)
    assert plain(f"roc_auc:max_fpr:{most}", truth, scores) == pytest.approx(expected)


@given(scenes, st.sampled_from([0.5, 0.8, 0.95]))
def test_few_misses_are_scored_as_isic_2024_did(drawn, least):
    """The published code: both sides turned, and scikit-learn's scaling taken back."""
    truth, scores = scene(*drawn)
    most = 1 - least
    scaled = sk.roc_auc_score(np.abs(truth.astype(int) - 1), -scores, max_fpr=most)
    expected = 0.5 * most**2 + (most - 0.5 * most**2) / (1.0 - 0.5) * (scaled - 0.5)
    assert plain(f"roc_auc:min_tpr:{least}", truth, scores) == pytest.approx(expected)


@given(scenes, st.sampled_from([0.3, 0.8, 0.95, 1.0]))
def test_precision_at_a_recall_is_the_best_point_of_the_curve_there(drawn, floor):
    truth, scores = scene(*drawn)
    precision, recall, _ = sk.precision_recall_curve(truth, scores)
    expected = precision[:-1][recall[:-1] >= floor - 1e-12].max()
    assert plain(f"precision_at_recall:{floor}", truth, scores) == pytest.approx(expected)


def test_of_many_classes_it_is_the_mean_of_each_against_the_rest():
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=80)
    logits = rng.normal(size=(80, 3)) + np.eye(3)[labels]
    for metric in ("precision_at_recall:0.9", "roc_auc:max_fpr:0.2", "roc_auc:min_tpr:0.8"):
        each = [plain(metric, labels == k, softmax(logits)[:, k]) for k in range(3)]
        assert one(metric, labels, logits, 2) == pytest.approx(np.mean(each))


def test_of_two_classes_the_positive_one_is_looked_for():
    rng = np.random.default_rng(0)
    labels = rng.integers(2, size=80)
    logits = rng.normal(size=(80, 2)) + np.eye(2)[labels]
    for positive in (0, 1):
        expected = plain("roc_auc:max_fpr:0.2", labels == positive, softmax(logits)[:, positive])
        assert one("roc_auc:max_fpr:0.2", labels, logits, positive) == pytest.approx(expected)


def test_without_an_example_of_the_class_they_are_undefined():
    labels, logits = np.zeros(4, np.int64), np.zeros((4, 2))
    assert np.isnan(one("precision_at_recall:0.9", labels, logits, 1))


def test_the_expected_cost_is_the_mean_cost_of_an_example():
    costs = np.array([[0.0, 1.0], [50.0, 0.0]])
    labels, logits = np.array([0, 0, 1, 1]), np.eye(2)[[0, 1, 0, 1]]
    assert one("expected_cost", labels, logits, 1, costs) == 51 / 4
    assert one("expected_cost", labels, logits, 1) == 2 / 4


def test_of_costs_alone_less_is_better():
    assert not higher_is_better("expected_cost")
    assert higher_is_better("roc_auc:max_fpr:0.2")
    assert not higher_is_better("log_loss")
    with pytest.raises(ValueError, match="unknown metric 'f2'"):
        higher_is_better("f2")
