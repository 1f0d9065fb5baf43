"""Confident learning: labels that are wrong on purpose are found."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.scoring.label_errors import NONE, likelier_labels, self_confidence


def test_the_rule_on_an_example_by_hand() -> None:
    labels = np.array([0, 0, 0, 1, 1])
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.4, 0.6], [0.45, 0.55]])
    np.testing.assert_allclose(self_confidence(labels, probabilities), [0.6, 0.575])
    # The third reaches class 1's bar and misses its own; the last reaches none.
    assert likelier_labels(labels, probabilities).tolist() == [NONE, NONE, 1, NONE, NONE]


def test_a_timid_network_on_a_rare_class_hides_no_error() -> None:
    labels = np.array([0] * 8 + [1, 1])
    rare = np.array([0.02] * 7 + [0.45] + [0.4, 0.4])  # never the likeliest class, for anything
    probabilities = np.stack([1 - rare, rare], axis=1)
    likelier = likelier_labels(labels, probabilities)
    assert probabilities.argmax(axis=1).max() == 0
    assert likelier[7] == 1


@given(st.integers(0, 2**32 - 1), st.integers(2, 5))
def test_a_suspected_class_is_confident_another_one_and_the_likeliest_such(
    seed: int, n_classes: int
) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, 60)
    probabilities = rng.dirichlet(np.ones(n_classes), 60)
    bars, found = self_confidence(labels, probabilities), likelier_labels(labels, probabilities)
    for row in range(60):
        confident = [c for c in range(n_classes) if probabilities[row, c] >= bars[c]]
        best = max(confident, key=lambda c, row=row: probabilities[row, c], default=NONE)
        assert found[row] == (NONE if best == labels[row] else best)


def test_a_class_that_labels_no_example_is_never_suggested() -> None:
    assert likelier_labels(np.array([0, 0]), np.array([[0.1, 0.9], [0.2, 0.8]])).tolist() == [
        -1,
        -1,
    ]


@pytest.mark.parametrize("share", [0.02, 0.1])
def test_most_digits_with_a_label_flipped_on_purpose_are_found(share: float) -> None:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import cross_val_predict
    from sklearn.neighbors import KNeighborsClassifier

    digits, rng = load_digits(), np.random.default_rng(0)
    labels = digits.target.copy()
    flipped = rng.choice(len(labels), int(share * len(labels)), replace=False)
    labels[flipped] = (labels[flipped] + rng.integers(1, 10, len(flipped))) % 10
    model = KNeighborsClassifier(10)
    held_out = cross_val_predict(model, digits.data, labels, cv=5, method="predict_proba")
    found = likelier_labels(labels, held_out)
    suspected = np.flatnonzero(found != NONE)
    hits = np.intersect1d(suspected, flipped)
    assert len(hits) > 0.75 * len(flipped)
    assert len(hits) > 0.6 * len(suspected)
    assert (found[hits] == digits.target[hits]).mean() > 0.9
