"""Folds: each example is tested once a repeat, every class in every fold, groups whole."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.config.experiment import Experiment
from harness.config.load import load
from harness.data.examples import Examples, Groups
from harness.data.sources import Source
from harness.data.split import split
from harness.errors import UserError
from harness.tuning.setup import fixed_test


def examples(counts: list[int], group_size: int | None = None) -> Examples:
    """Inputs are numbered; groups, if any, are of one class and of at most so many examples."""
    labels = np.repeat(np.arange(len(counts)), counts)
    inputs = np.arange(len(labels), dtype=np.float32)[:, np.newaxis]
    groups = None
    if group_size is not None:
        within = np.concatenate([np.arange(count) // group_size for count in counts])
        names = [f"{label}-{number}" for label, number in zip(labels, within, strict=True)]
        distinct, places = np.unique(names, return_inverse=True)
        groups = Groups(places.astype(np.int64), tuple(distinct.tolist()))
    return Examples(inputs, labels, tuple(f"c{i}" for i in range(len(counts))), groups=groups)


def experiment(folds: int, **settings: Any) -> Experiment:
    return Experiment.model_validate({"split": {"folds": folds, **settings}})


def fold_of(made: Examples, folds: int, seed: int) -> Examples:
    return split(Source(made, None, None, ()), experiment(folds), seed).test.open()


def numbers(part: Examples) -> list[int]:
    return [int(value) for value in part.gather(np.arange(len(part)))[:, 0]]


@given(
    st.integers(2, 6),
    st.lists(st.integers(0, 40), min_size=2, max_size=4),
    st.integers(0, 3),
)
def test_each_repeat_tests_every_example_once(folds: int, more: list[int], repeat: int) -> None:
    made = examples([max(folds, 4) + count for count in more])
    seeds = range(repeat * folds, (repeat + 1) * folds)
    parts = [fold_of(made, folds, seed) for seed in seeds]
    assert sorted(n for part in parts for n in numbers(part)) == list(range(len(made)))
    for part in parts:
        assert (part.counts >= np.floor(made.counts / folds)).all()
        assert (part.counts <= np.ceil(made.counts / folds)).all()


@given(st.integers(2, 5), st.lists(st.integers(0, 6), min_size=2, max_size=4), st.integers(1, 4))
def test_groups_stay_whole_and_every_class_is_in_every_fold(
    folds: int, more: list[int], size: int
) -> None:
    made = examples([size * (max(folds, 4) + count) for count in more], size)
    parts = [fold_of(made, folds, seed) for seed in range(folds)]
    assert sorted(n for part in parts for n in numbers(part)) == list(range(len(made)))
    held = [set(part.groups.places.tolist()) for part in parts if part.groups is not None]
    assert sum(map(len, held)) == len(set.union(*held))
    assert all((part.counts > 0).all() for part in parts)


def test_another_repeat_is_another_cut() -> None:
    made = examples([40, 40])
    assert numbers(fold_of(made, 4, 1)) != numbers(fold_of(made, 4, 5))


def test_what_a_fold_does_not_test_is_divided_into_training_and_validation() -> None:
    made = examples([100, 50])
    splits = split(Source(made, None, None, ()), experiment(5, validation=0.16), 3)
    assert splits.test.counts.tolist() == [20, 10]
    assert splits.validation.counts.tolist() == [16, 8]
    assert splits.train.counts.tolist() == [64, 32]
    assert splits.units.tolist() == [100, 50]


@pytest.mark.parametrize(
    ("made", "line"),
    [
        (examples([30, 4]), "class 'c1' has 4 examples, but split.folds: 5 needs 5, for every"),
        (examples([30, 12], 3), "class 'c1' has 4 groups, but split.folds: 5 needs 5, for every"),
        (examples([30, 2]), "class 'c1' has 2 examples, but split.folds: 5 needs 5, for every"),
    ],
)
def test_a_class_with_fewer_examples_or_groups_than_folds_is_refused(
    made: Examples, line: str
) -> None:
    with pytest.raises(UserError, match=line):
        fold_of(made, 5, 0)


def test_a_number_of_folds_that_would_do_is_named() -> None:
    with pytest.raises(UserError, match=r"set split\.folds=4, or leave the class out"):
        fold_of(examples([30, 4]), 5, 0)


def test_data_with_a_test_set_have_nothing_to_fold() -> None:
    source = Source(examples([30, 30]), None, examples([5, 5]), ())
    with pytest.raises(UserError, match="these data bring a test set of their own"):
        split(source, experiment(5), 0)


def test_folds_and_one_fixed_test_set_exclude_each_other() -> None:
    with pytest.raises(UserError, match=r"split\.test_seed"):
        load("digits", ["split.folds=5", "split.test_seed=1"])


def test_a_search_can_not_use_folds() -> None:
    with pytest.raises(UserError, match="must never train on what is tested"):
        fixed_test(load("digits", ["split.folds=5"]))


def test_a_comparison_has_a_seed_for_each_fold_of_each_repeat() -> None:
    assert load("digits", ["split.folds=3", "comparison.seeds=2"]).seeds() == tuple(range(6))
    assert load("digits", ["comparison.seeds=2"]).seeds() == (0, 1)
