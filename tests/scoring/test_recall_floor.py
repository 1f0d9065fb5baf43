"""Keeping the recall of a class at a floor, with the best precision that leaves."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from harness.scoring.recall_floor import examples_needed, fit_recall_floor, hits_needed, unkept

scenes = st.tuples(st.integers(0, 2**32 - 1), st.integers(2, 4), st.integers(2, 25))
floors = st.sampled_from([0.3, 0.5, 0.8, 0.9, 1.0])


def scene(seed, n_classes, n):
    """Logits of which many are equal, and labels with one of each class at least."""
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(n_classes), rng.integers(n_classes, size=n)])
    logits = rng.integers(-3, 4, (len(labels), n_classes)).astype(np.float32)
    return logits, labels


def reached(logits, labels, offsets, index):
    """Recall and precision of a class under offsets."""
    predicted = (logits + offsets).argmax(axis=1)
    hits = ((predicted == index) & (labels == index)).sum()
    called = (predicted == index).sum()
    return hits / (labels == index).sum(), hits / called if called else 0.0


def at_every_offset(logits, labels, index, offsets):
    """Recall and precision at offsets of one class between, below and above all that matter."""
    for cut in np.arange(-8.25, 8.5, 0.5):
        yield reached(
            logits, labels, np.where(np.arange(len(offsets)) == index, cut, offsets), index
        )


@given(scenes, floors)
def test_no_offset_that_keeps_the_floor_has_a_better_precision(drawn, floor):
    logits, labels = scene(*drawn)
    rule = fit_recall_floor(logits, labels, {1: floor}, None)
    recall, precision = reached(logits, labels, rule.label_offsets, 1)
    others = at_every_offset(logits, labels, 1, rule.label_offsets)
    assert recall >= floor
    assert precision == max(p for r, p in others if r >= floor)


@given(scenes, floors)
def test_of_equal_precisions_the_higher_recall_is_taken(drawn, floor):
    logits, labels = scene(*drawn)
    rule = fit_recall_floor(logits, labels, {0: floor}, None)
    recall, precision = reached(logits, labels, rule.label_offsets, 0)
    others = at_every_offset(logits, labels, 0, rule.label_offsets)
    assert recall == max(r for r, p in others if p == precision)


@given(scenes, floors, floors)
def test_two_floors_are_kept_wherever_any_two_offsets_keep_them(drawn, first, second):
    logits, labels = scene(*drawn)
    rule = fit_recall_floor(logits, labels, {0: first, 1: second}, None)
    wanted = {0: first, 1: second}
    rest = np.zeros(logits.shape[1] - 2)
    possible = any(
        all(
            reached(logits, labels, [*moved, *rest], index)[0] >= floor
            for index, floor in wanted.items()
        )
        for moved in product(np.arange(0.25, 20, 0.5), repeat=2)
    )
    kept = not unkept(rule, logits, labels)
    assert kept or not possible
    assert 0 not in unkept(rule, logits, labels)


def test_where_floors_exclude_each_other_the_earlier_one_is_kept():
    logits, labels = np.zeros((10, 2), np.float32), np.repeat([0, 1], 5)
    for order in ([0, 1], [1, 0]):
        rule = fit_recall_floor(logits, labels, dict.fromkeys(order, 0.9), None)
        assert unkept(rule, logits, labels) == order[1:]


def test_what_has_no_floor_is_not_moved_and_probabilities_stay():
    logits, labels = scene(0, 4, 25)
    rule = fit_recall_floor(logits, labels, {2: 0.9}, None)
    assert (rule.label_offsets[[0, 1, 3]] == 0).all()
    assert (rule.apply(logits)[1] == logits).all()
    assert rule.floors == {2: 0.9}


def test_a_class_without_validation_examples_stays_as_it_is():
    logits, labels = np.zeros((4, 3)), np.array([0, 0, 1, 1])
    assert (fit_recall_floor(logits, labels, {2: 0.9}, None).label_offsets == 0).all()


@given(st.integers(1, 300), floors, st.sampled_from([0.5, 0.9, 0.95]))
def test_the_exact_bound_of_so_many_hits_reaches_the_floor_and_of_fewer_does_not(
    n, floor, confidence
):
    hits = hits_needed(n, floor, confidence)

    def bound(hits):
        return beta.ppf(1 - confidence, hits, n - hits + 1) if hits else 0.0

    assert bound(hits) >= floor - 1e-9 or hits == n
    assert hits == 1 or bound(hits - 1) < floor


@given(st.integers(1, 300), floors)
def test_without_a_confidence_the_share_itself_reaches_the_floor(n, floor):
    hits = hits_needed(n, floor, None)
    assert hits / n >= floor - 1e-9
    assert hits == 1 or (hits - 1) / n < floor


@pytest.mark.parametrize(("floor", "needed"), [(0.8, 14), (0.9, 29), (0.95, 59)])
def test_as_many_examples_are_needed_as_promise_it_when_all_are_found(floor, needed):
    assert examples_needed(floor, 0.95) == needed
    assert hits_needed(needed, floor, 0.95) == needed
    assert beta.ppf(0.05, needed, 1) >= floor > beta.ppf(0.05, needed - 1, 1)


def test_no_number_of_examples_promises_that_all_are_found():
    assert examples_needed(1.0, 0.95) is None


def test_a_promise_holds_on_new_examples_as_often_as_it_says():
    """The threshold that 100 validation examples give keeps a true recall of 0.8 in 19 of 20."""
    rng, kept, plainly = np.random.default_rng(0), [], []
    for _ in range(400):
        labels = np.repeat([0, 1], [100, 100])
        logits = np.stack([np.zeros(200), rng.normal(size=200) + 2 * labels], axis=1)
        new = rng.normal(size=4000) + 2
        for confidence, held in ((0.95, kept), (None, plainly)):
            rule = fit_recall_floor(logits, labels, {1: 0.8}, confidence)
            held.append((new + rule.label_offsets[1] > 0).mean() >= 0.8)
    assert np.mean(kept) > 0.9
    assert np.mean(plainly) < 0.75
