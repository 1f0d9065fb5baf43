from math import comb

import numpy as np
import pytest

from harness.data.batches import chance_at_least, chance_without, imbalance_ratio


def test_the_chance_of_a_batch_without_a_class_is_exact() -> None:
    chances = chance_without(np.array([60, 30, 10]), 8)
    expected = [comb(100 - count, 8) / comb(100, 8) for count in (60, 30, 10)]
    assert chances == pytest.approx(expected, rel=1e-9)


def test_a_batch_that_is_larger_than_the_data_holds_every_class() -> None:
    assert chance_without(np.array([5, 1]), 128).tolist() == [0, 0]


def test_a_class_with_no_example_is_never_there() -> None:
    assert chance_without(np.array([5, 0]), 2).tolist()[1] == 1


def test_the_chance_of_at_least_k_sums_the_exact_terms() -> None:
    terms = [comb(10, hits) * comb(90, 20 - hits) / comb(100, 20) for hits in range(3, 11)]
    assert chance_at_least(100, 10, 20, 3) == pytest.approx(sum(terms), rel=1e-9)
    assert chance_at_least(100, 10, 20, 0) == 1
    assert chance_at_least(100, 10, 500, 10) == 1


def test_the_imbalance_ratio_is_largest_over_smallest() -> None:
    assert imbalance_ratio(np.array([100, 50, 4])) == 25
    assert imbalance_ratio(np.array([100, 0])) == float("inf")
