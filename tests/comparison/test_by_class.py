"""Recall, precision and F1 of each class, and how sure they are."""

from collections.abc import Sequence
from time import perf_counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.metrics import precision_recall_fscore_support

from harness.comparison.by_class import ByClass, by_class
from harness.comparison.held_out import HeldOut

Labels = NDArray[np.int64]
MEASURES = ("recall", "precision", "f1")


def held_out(labels: Sequence[int] | Labels, first_id: int = 0, size: int = 1) -> HeldOut:
    """A test set; with a `size`, so many neighbours are a group."""
    ids = np.arange(first_id, first_id + len(labels), dtype=np.uint64)
    groups = (ids // size).astype(np.int64) if size > 1 else None
    return HeldOut(np.asarray(labels), ids, groups)


def found(tests: Sequence[HeldOut], said: Sequence[Labels], n_classes: int = 2) -> ByClass:
    return by_class(tests, [np.asarray(each) for each in said], [f"c{i}" for i in range(n_classes)])


def widths(shown: ByClass, measure: str = "recall") -> Labels:
    wanted = getattr(shown, measure)
    return np.asarray(wanted.high - wanted.low)


@given(st.integers(0, 2**32 - 1))
def test_means_are_those_of_scikit_learn_and_lie_in_their_intervals(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = [rng.permutation(np.repeat(np.arange(3), (30, 9, 2))) for _ in range(3)]
    said = [np.where(rng.random(41) < 0.7, each, rng.integers(0, 3, 41)) for each in labels]
    shown = found([held_out(each, 40 * s) for s, each in enumerate(labels)], said, 3)
    expected = [
        precision_recall_fscore_support(truth, each, labels=range(3), zero_division=np.nan)
        for truth, each in zip(labels, said, strict=True)
    ]
    for column, name in enumerate(("precision", "recall", "f1")):
        measure = getattr(shown, name)
        assert measure.mean == pytest.approx(np.nanmean([e[column] for e in expected], axis=0))
        assert (measure.low >= 0).all()
        assert (measure.low <= measure.mean).all()
        assert (measure.mean <= measure.high).all()
        assert (measure.high <= 1).all()


def test_one_test_set_that_every_seed_gets_wholly_right_has_the_exact_binomial_interval() -> None:
    labels = np.repeat([0, 1], (50, 12))
    shown = found([held_out(labels)] * 5, [labels] * 5)
    exact = [binomtest(n, n).proportion_ci(method="exact").low for n in (50, 12)]
    for name in MEASURES:
        assert getattr(shown, name).low == pytest.approx(exact)
        assert (getattr(shown, name).high == 1).all()
    never = found([held_out(labels)] * 5, [1 - labels] * 5)
    assert never.recall.high == pytest.approx([1 - low for low in exact])


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("right", [0, 1])
@pytest.mark.parametrize("seeds", [2, 5, 20])
def test_a_class_of_one_or_two_examples_has_a_wide_interval(
    count: int, right: int, seeds: int
) -> None:
    labels = np.repeat([0, 1], (200, count))
    said = np.where(labels == 1, right, 0)
    wide = widths(found([held_out(labels)] * seeds, [said] * seeds))
    assert wide[1] > 0.8
    assert wide[0] < 0.05


def test_seeds_that_disagree_widen_the_interval() -> None:
    labels = np.repeat([0, 1], 100)
    alike = np.where(np.arange(200) % 5 == 0, 1 - labels, labels)
    better, worse = labels.copy(), np.where(np.arange(200) % 5 < 2, 1 - labels, labels)
    tests = [held_out(labels, 200 * seed) for seed in range(4)]
    calm = found(tests, [alike] * 4)
    restless = found(tests, [better, worse, better, worse])
    assert restless.recall.mean == pytest.approx(calm.recall.mean)
    assert (widths(restless) > 1.5 * widths(calm)).all()


def test_groups_that_are_right_or_wrong_as_a_whole_widen_the_interval() -> None:
    labels = np.repeat([0, 1], 100)
    said = np.where(np.arange(200) // 10 % 5 == 0, 1 - labels, labels)
    apart = found([held_out(labels)] * 5, [said] * 5)
    together = found([held_out(labels, size=10)] * 5, [said] * 5)
    assert together.recall.mean == pytest.approx(apart.recall.mean)
    assert (widths(together) > 2 * widths(apart)).all()
    assert (together.units.tolist(), together.grouped) == ([10, 10], True)
    assert (apart.units.tolist(), apart.grouped) == ([100, 100], False)


def test_what_is_never_predicted_has_a_recall_but_no_precision() -> None:
    labels = np.repeat([0, 1], 20)
    shown = found([held_out(labels)] * 3, [np.zeros(40, int)] * 3)
    assert np.isnan(
        [shown.precision.mean[1], shown.precision.low[1], shown.precision.high[1]]
    ).all()
    assert shown.recall.mean[1] == shown.f1.mean[1] == 0
    assert shown.precision.mean[0] == 0.5


def test_a_seed_that_never_predicts_a_class_leaves_its_precision_to_the_others() -> None:
    labels = np.repeat([0, 1], 20)
    shown = found([held_out(labels)] * 3, [np.zeros(40, int), labels, labels])
    assert shown.precision.mean[1] == 1
    once = found([held_out(labels)] * 2, [np.zeros(40, int), labels])
    assert once.precision.mean[1] == 1
    assert np.isnan(once.precision.low[1])


def test_a_class_without_test_examples_has_no_recall() -> None:
    shown = found([held_out(np.zeros(10, int))] * 2, [np.zeros(10, int)] * 2)
    assert np.isnan(shown.recall.mean[1])
    assert shown.units.tolist() == [10, 0]


def test_one_seed_alone_has_no_interval() -> None:
    labels = np.repeat([0, 1], 20)
    shown = found([held_out(labels)], [labels])
    assert shown.recall.mean.tolist() == [1, 1]
    assert np.isnan(widths(shown)).all()


@pytest.mark.parametrize("kind", ["one test set", "one pool", "a new test set a seed"])
def test_intervals_hold_the_true_recall_in_95_of_100_comparisons(kind: str) -> None:
    """Easy and hard examples, 5 seeds that differ, classes of 100, 20 and 3 test examples."""
    rng, seeds, repeats = np.random.default_rng(0), 5, 80
    sizes, ease = np.array([100, 20, 3]), np.array([3.0, 1.0, 0.0])
    times = {"one test set": 1, "one pool": 5, "a new test set a seed": seeds}[kind]
    draws = rng.normal(size=(3, 100_000)) * np.hypot(2.0, 0.3) + ease[:, None]
    truth = (1 / (1 + np.exp(-draws))).mean(axis=1)
    labels, held = np.repeat(np.arange(3), sizes * times), np.zeros(3)
    for _ in range(repeats):
        easy = ease[labels] + 2 * rng.normal(size=len(labels))
        tests, said = [], []
        for seed in range(seeds):
            order = rng.permutation(len(labels)) if kind == "one pool" else np.arange(len(labels))
            start = seed if kind == "a new test set a seed" else 0
            rows = np.concatenate(
                [
                    order[labels[order] == index][start * size : (start + 1) * size]
                    for index, size in enumerate(sizes)
                ]
            )
            chance = 1 / (1 + np.exp(-(easy + 0.3 * rng.normal(size=3)[labels])[rows]))
            tests.append(HeldOut(labels[rows], rows.astype(np.uint64)))
            right = rng.random(len(rows)) < chance
            said.append(np.where(right, labels[rows], (labels[rows] + 1) % 3))
        shown = found(tests, said, 3).recall
        held += (shown.low <= truth) & (truth <= shown.high)
    # 0.90 is two standard errors of the simulation below 0.95.
    assert (held / repeats >= 0.90).all()


def test_a_thousand_classes_take_little_time() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 1000, 20_000)
    said = [np.where(rng.random(20_000) < 0.6, labels, rng.integers(0, 1000, 20_000))] * 5
    start = perf_counter()
    shown = found([held_out(labels)] * 5, said, 1000)
    assert perf_counter() - start < 5
    assert not np.isnan(shown.recall.low).any()
