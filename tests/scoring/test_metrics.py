import time
from statistics import median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from imblearn.metrics import geometric_mean_score
from sklearn import metrics as sk

from harness.scoring.label_metrics import LABEL_BASED
from harness.scoring.metrics import (
    HIGHER_IS_BETTER,
    from_confusion,
    one,
    reliability,
    score,
    softmax,
)

SKLEARN = {
    "balanced_accuracy": sk.balanced_accuracy_score,
    "f1_macro": lambda true, said: sk.f1_score(true, said, average="macro", zero_division=0),
    "f1_weighted": lambda true, said: sk.f1_score(true, said, average="weighted", zero_division=0),
    "g_mean": geometric_mean_score,
    "mcc": sk.matthews_corrcoef,
}


def outcome(n, n_classes, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(n_classes, size=n)
    logits = rng.normal(size=(n, n_classes)) + 1.5 * np.eye(n_classes)[labels]
    return labels, logits.astype(np.float32)


def names(n_classes):
    return [f"class {index}" for index in range(n_classes)]


@given(
    arrays(np.int64, st.integers(1, 60), elements=st.integers(0, 4)),
    st.randoms(use_true_random=False),
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_confusion_gives_what_scikit_learn_gives(labels, random):
    predicted = np.array([random.choice([label, random.randrange(5)]) for label in labels])
    confusion = sk.confusion_matrix(labels, predicted, labels=range(5))
    for metric, reference in SKLEARN.items():
        assert from_confusion(metric, confusion) == pytest.approx(
            reference(labels, predicted), abs=1e-12
        ), metric


@pytest.mark.parametrize("metric", LABEL_BASED)
def test_a_stack_of_confusions_gives_a_stack_of_scores(metric):
    stack = np.random.default_rng(0).integers(0, 9, size=(2, 3, 4, 4))
    scores = from_confusion(metric, stack)
    assert scores.shape == (2, 3)
    assert scores[1, 2] == pytest.approx(float(from_confusion(metric, stack[1, 2])), abs=1e-15)


@pytest.mark.parametrize("n_classes", [2, 3, 7])
def test_scores_are_those_of_scikit_learn(n_classes):
    labels, logits = outcome(300, n_classes)
    scores = score(labels, logits, logits, positive=1, names=names(n_classes))
    predicted, probabilities = logits.argmax(axis=1), softmax(logits)
    assert set(scores.overall) == set(HIGHER_IS_BETTER)
    ranked = probabilities[:, 1] if n_classes == 2 else probabilities
    expected = {
        **{metric: reference(labels, predicted) for metric, reference in SKLEARN.items()},
        "roc_auc": sk.roc_auc_score(labels, ranked, multi_class="ovr", average="macro"),
        "average_precision": sk.average_precision_score(labels, ranked, average="macro"),
        "log_loss": sk.log_loss(labels, probabilities),
        "brier": sk.brier_score_loss(labels, probabilities),
        "ece": scores.overall["ece"],
    }
    assert scores.overall == pytest.approx(expected, abs=1e-12, rel=0)
    assert (scores.confusion == sk.confusion_matrix(labels, predicted)).all()
    assert (scores.recall == sk.recall_score(labels, predicted, average=None)).all()
    assert (scores.precision == sk.precision_score(labels, predicted, average=None)).all()
    assert (scores.f1 == sk.f1_score(labels, predicted, average=None)).all()


@st.composite
def outcomes(draw):
    """Labels and logits of few or many classes, some without examples, with ties and extremes."""
    n, n_classes = draw(st.integers(1, 40)), draw(st.integers(2, 12))
    known = st.sampled_from(draw(st.sets(st.integers(0, n_classes - 1), min_size=1).map(sorted)))
    logit = draw(
        st.sampled_from([st.integers(-2, 2), st.floats(-1e5, 1e5), st.sampled_from([-800, 0, 800])])
    )
    labels = draw(arrays(np.int64, n, elements=known))
    return labels, draw(arrays(np.float64, (n, n_classes), elements=logit.map(float)))


@given(outcomes(), st.integers(0, 1))
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_every_score_is_that_of_scikit_learn_in_every_edge(outcome, positive):
    labels, logits = outcome
    check_against_scikit_learn(labels, logits, positive)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("coarse", [True, False])
def test_every_score_is_that_of_scikit_learn_for_many_classes(coarse):
    labels, logits = outcome(900, 300)
    check_against_scikit_learn(labels, logits.round() if coarse else logits, 0)


def check_against_scikit_learn(labels, logits, positive):
    n_classes = logits.shape[1]
    classes, predicted = np.arange(n_classes), logits.argmax(axis=1)
    probabilities = softmax(logits)
    ranked = [positive] if n_classes == 2 else classes
    mixed = [index for index in ranked if 0 < (labels == index).sum() < len(labels)]

    def mean(ranking):
        values = [ranking(labels == index, probabilities[:, index]) for index in mixed]
        return np.mean(values) if values else np.nan

    expected = {
        **{metric: reference(labels, predicted) for metric, reference in SKLEARN.items()},
        "roc_auc": mean(sk.roc_auc_score),
        "average_precision": mean(sk.average_precision_score),
        "log_loss": sk.log_loss(labels, probabilities, labels=classes),
        "brier": sk.brier_score_loss(labels, probabilities, labels=classes),
    }
    scores = score(labels, logits, logits, positive, names(n_classes))
    overall = {metric: scores.overall[metric] for metric in expected}
    assert overall == pytest.approx(expected, abs=1e-12, rel=0, nan_ok=True)
    by_class = sk.precision_recall_fscore_support(
        labels, predicted, labels=classes, zero_division=0
    )
    for found, measure in zip((scores.precision, scores.recall, scores.f1), by_class, strict=False):
        assert found == pytest.approx(measure, abs=1e-12, rel=0)
    assert (scores.confusion == sk.confusion_matrix(labels, predicted, labels=classes)).all()


def test_the_positive_class_of_two_decides_average_precision():
    labels, logits = outcome(300, 2)
    labels[labels == 1] = np.where(np.arange((labels == 1).sum()) % 4, 0, 1)
    probabilities = softmax(logits)
    for positive in (0, 1):
        scores = score(labels, logits, logits, positive=positive, names=names(2))
        assert scores.overall["average_precision"] == pytest.approx(
            sk.average_precision_score(labels == positive, probabilities[:, positive])
        )


def test_labels_and_probabilities_come_from_their_own_logits():
    labels, logits = outcome(200, 3)
    moved = logits + np.array([0.0, 5.0, 0.0])
    scores = score(labels, moved, logits, positive=0, names=names(3))
    assert scores.overall["log_loss"] == pytest.approx(sk.log_loss(labels, softmax(logits)))
    assert scores.overall["balanced_accuracy"] == pytest.approx(
        sk.balanced_accuracy_score(labels, moved.argmax(axis=1))
    )


@pytest.mark.filterwarnings("error")
def test_a_class_without_examples_is_left_out_of_the_rankings():
    labels, logits = outcome(200, 4)
    labels[labels == 2] = 0
    scores = score(labels, logits, logits, positive=0, names=names(4))
    probabilities = softmax(logits)
    expected = [sk.roc_auc_score(labels == index, probabilities[:, index]) for index in (0, 1, 3)]
    assert scores.overall["roc_auc"] == pytest.approx(np.mean(expected))
    assert scores.recall[2] == 0
    assert scores.confusion.shape == (4, 4)
    assert all(np.isfinite(value) for value in scores.overall.values())


@pytest.mark.filterwarnings("error")
def test_one_class_alone_has_no_ranking_and_everything_else():
    _, logits = outcome(20, 2)
    scores = score(np.zeros(20, np.int64), logits, logits, positive=1, names=names(2))
    undefined = {metric for metric, value in scores.overall.items() if np.isnan(value)}
    assert undefined == {"roc_auc", "average_precision"}


def test_no_examples_are_refused():
    with pytest.raises(ValueError, match="no examples"):
        score(np.zeros(0, np.int64), np.zeros((0, 2)), np.zeros((0, 2)), 1, names(2))


@pytest.mark.parametrize("metric", sorted(set(HIGHER_IS_BETTER) - set(LABEL_BASED)))
def test_logits_that_give_no_probabilities_are_refused(metric):
    with pytest.raises(ValueError, match="not finite"):
        one(metric, np.array([0, 1]), np.array([[np.nan, 0.0], [0.0, 1.0]]), 1)


def test_small_integers_are_labels_too():
    labels, logits = outcome(300, 200)
    scores = score(labels.astype(np.uint8), logits, logits, 0, names(200))
    assert scores.overall == score(labels, logits, logits, 0, names(200)).overall


@pytest.mark.parametrize("metric", HIGHER_IS_BETTER)
@pytest.mark.parametrize("n_classes", [2, 5])
def test_one_score_is_that_of_all_scores(metric, n_classes):
    labels, logits = outcome(250, n_classes, seed=3)
    scores = score(labels, logits, logits, positive=1, names=names(n_classes))
    assert one(metric, labels, logits, 1) == pytest.approx(scores.overall[metric], abs=1e-12)


def test_an_unknown_metric_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="did you mean 'g_mean'"):
        one("gmean", *outcome(10, 2), 1)


def test_calibration_error_by_hand():
    probabilities = np.array([[0.7, 0.3], [0.7, 0.3], [0.05, 0.95], [0.5, 0.5]])
    labels = np.array([0, 1, 1, 1])
    logits = np.log(probabilities)
    expected = (2 * abs(0.5 - 0.7) + abs(1 - 0.95) + abs(0 - 0.5)) / 4
    assert one("ece", labels, logits, 1) == pytest.approx(expected)
    assert reliability(labels, probabilities).count.sum() == 4


def test_certain_and_right_is_calibrated():
    logits = np.eye(3) * 800
    assert one("ece", np.arange(3), logits, 0) == 0


@given(arrays(np.float32, (3, 4), elements=st.floats(-1e4, 1e4, width=32)))
def test_probabilities_sum_to_one(logits):
    assert softmax(logits).sum(axis=1) == pytest.approx(1)


def test_the_score_of_an_epoch_is_cheap():
    labels, logits = outcome(2_000, 10)
    seconds = []
    for _ in range(50):
        start = time.perf_counter()
        one("balanced_accuracy", labels, logits, 1)
        seconds.append(time.perf_counter() - start)
    assert median(seconds) < 0.001
