from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.data.examples import Integers
from harness.plan.samplers import Queue, Rotating, Sampler, Selected, Shuffled

COUNTS = st.lists(st.integers(1, 25), min_size=2, max_size=4)


def labels_of(counts: list[int], seed: int = 0) -> Integers:
    labels = np.repeat(np.arange(len(counts)), counts).astype(np.int64)
    return np.random.default_rng(seed).permutation(labels)


def passes(sampler: Sampler, labels: Integers, amount: int, seed: int = 0) -> list[Integers]:
    return list(islice(sampler.passes(labels, np.random.default_rng(seed)), amount))


def test_shuffled_visits_every_example_once_a_pass_in_a_new_order() -> None:
    first, second = passes(Shuffled(), labels_of([30, 5]), 2)
    assert sorted(first) == sorted(second) == list(range(35))
    assert first.tolist() != second.tolist()


def test_selected_visits_only_its_positions() -> None:
    chosen = np.array([3, 8, 1])
    assert [sorted(visit) for visit in passes(Selected(chosen), labels_of([9, 3]), 3)] == [
        [1, 3, 8]
    ] * 3


@given(COUNTS, st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_rotating_comes_to_every_example_once_before_any_twice(
    counts: list[int], seed: int
) -> None:
    labels = labels_of(counts, seed)
    visits = np.concatenate(passes(Rotating(), labels, 30, seed))
    seen = np.zeros(len(labels), np.int64)
    for visit in passes(Rotating(), labels, 30, seed):
        np.add.at(seen, visit, 1)
        for label in range(len(counts)):
            of_class = seen[labels == label]
            assert of_class.max() - of_class.min() <= 1
    for label, count in enumerate(counts):
        walk = visits[labels[visits] == label]
        fair = np.bincount(walk, minlength=len(labels))[labels == label]
        assert fair.sum() == 30 * min(counts)
        assert fair.max() == -(-fair.sum() // count)


@given(COUNTS, st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_a_rotating_pass_is_balanced(counts: list[int], seed: int) -> None:
    labels = labels_of(counts, seed)
    for visit in passes(Rotating(), labels, 7, seed):
        assert np.bincount(labels[visit]).tolist() == [min(counts)] * len(counts)


@given(COUNTS, st.floats(1.0, 10.0))
@settings(max_examples=60, deadline=None)
def test_a_rotating_slice_holds_at_most_ratio_times_the_smallest_class(
    counts: list[int], ratio: float
) -> None:
    labels = labels_of(counts)
    (visit,) = passes(Rotating(ratio), labels, 1)
    assert np.bincount(labels[visit]).tolist() == [
        min(count, int(min(counts) * ratio)) for count in counts
    ]


@pytest.mark.parametrize("smaller_first", [True, False])
def test_rotating_skips_a_class_without_examples(smaller_first: bool) -> None:
    labels = labels_of([0, 4, 9] if smaller_first else [9, 4, 0])
    (visit,) = passes(Rotating(), labels, 1)
    assert sorted(np.bincount(labels[visit], minlength=3)) == [0, 4, 4]
    assert sorted(Rotating().class_counts(labels, 3)) == [0, 4, 4]


@pytest.mark.parametrize(
    "sampler", [Shuffled(), Rotating(), Rotating(2.5), Selected(np.array([0, 1, 2, 5, 20]))]
)
def test_the_stated_counts_are_the_ones_visited(sampler: Sampler) -> None:
    labels = labels_of([40, 11, 4])
    visits = labels[np.concatenate(passes(sampler, labels, 5))]
    assert np.array_equal(sampler.class_counts(labels, 3) * 5, np.bincount(visits, minlength=3))


@pytest.mark.parametrize("sampler", [Shuffled(), Rotating(), Selected(np.arange(5))])
def test_the_same_seed_gives_the_same_passes(sampler: Sampler) -> None:
    labels = labels_of([20, 6])
    once, again = passes(sampler, labels, 4, seed=5), passes(sampler, labels, 4, seed=5)
    assert np.concatenate(once).tolist() == np.concatenate(again).tolist()


@given(st.lists(st.integers(0, 40), max_size=8))
@settings(max_examples=40, deadline=None)
def test_a_queue_loses_no_position(amounts: list[int]) -> None:
    labels = labels_of([10, 3])
    queue = Queue(Shuffled().passes(labels, np.random.default_rng(1)))
    taken = np.concatenate([np.empty(0, np.int64), *[queue.take(amount) for amount in amounts]])
    whole = np.concatenate(passes(Shuffled(), labels, sum(amounts) // 13 + 1, seed=1))
    assert taken.tolist() == whole[: sum(amounts)].tolist()


def test_a_queue_ends_a_started_pass_before_the_next() -> None:
    labels = labels_of([10, 3])
    queue = Queue(Shuffled().passes(labels, np.random.default_rng(1)))
    first = np.concatenate([queue.take(4), queue.rest()])
    assert sorted(first) == sorted(queue.rest()) == list(range(13))
