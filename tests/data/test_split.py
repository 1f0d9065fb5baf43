from typing import Any

import numpy as np
import pytest

from harness.config.experiment import Experiment
from harness.data import prepare
from harness.data.examples import Examples
from harness.data.sources import Source
from harness.data.split import Splits, split
from harness.errors import UserError

NAMES = ("ant", "bee", "cat")


def examples(*counts: int, start: int = 0) -> Examples:
    labels = np.random.default_rng(5).permutation(np.repeat(np.arange(len(counts)), counts))
    inputs = np.arange(start, start + len(labels), dtype=np.float32)[:, np.newaxis]
    return Examples(inputs, labels.astype(np.int64), NAMES[: len(counts)])


def source(
    train: Examples, validation: Examples | None = None, test: Examples | None = None
) -> Source:
    return Source(train, validation, test, ("a note",))


def experiment(**sections: Any) -> Experiment:
    return Experiment.model_validate(sections)


def ids(part: Examples) -> list[int]:
    return [int(value) for value in part.gather(np.arange(len(part)))[:, 0]]


def parts(splits: Splits) -> tuple[list[int], list[int], list[int]]:
    return ids(splits.train), ids(splits.validation), ids(splits.test.open())


def test_every_example_lands_in_exactly_one_split() -> None:
    train, validation, test = parts(split(source(examples(60, 40, 20)), experiment(), 0))
    assert sorted(train + validation + test) == list(range(120))


def test_shares_are_stratified_and_of_the_whole() -> None:
    shares = {"validation": 0.2, "test": 0.3}
    splits = split(source(examples(100, 50, 10)), experiment(split=shares), 0)
    assert splits.test.counts.tolist() == [30, 15, 3]
    assert splits.validation.counts.tolist() == [20, 10, 2]
    assert splits.train.counts.tolist() == [50, 25, 5]


def test_the_sets_of_the_source_are_kept_as_they_are() -> None:
    validation, test = examples(4, 4, start=100), examples(6, 6, start=200)
    section = {"kind": "counts", "counts": {"bee": 5}}
    splits = split(source(examples(40, 40), validation, test), experiment(imbalance=section), 0)
    assert parts(splits)[1:] == (ids(validation), ids(test))
    assert splits.train.counts.tolist() == [40, 5]


def test_validation_follows_the_imbalance_and_the_test_set_stays_balanced() -> None:
    section = {"kind": "long_tail", "ratio": 10.0}
    own_test = examples(50, 50, 50)
    splits = split(
        source(examples(200, 200, 200), None, own_test), experiment(imbalance=section), 0
    )
    assert splits.test.counts.tolist() == [50, 50, 50]
    assert (splits.train.counts + splits.validation.counts).tolist() == [200, 63, 20]
    assert splits.validation.counts.tolist() == [30, 9, 3]


def test_the_test_set_can_be_imbalanced_as_well() -> None:
    section = {"kind": "long_tail", "ratio": 10.0, "test": "imbalanced"}
    own_test = examples(50, 50, 50)
    splits = split(
        source(examples(200, 200, 200), None, own_test), experiment(imbalance=section), 0
    )
    assert splits.test.counts.tolist() == [50, 15, 5]


@pytest.mark.parametrize(
    ("counts", "own_test", "expected"),
    [
        ({"ant": 100, "bee": 50, "cat": 10}, (50, 50, 50), [50, 25, 5]),
        ({"ant": 200, "bee": 40, "cat": 2}, (50, 50, 50), [50, 10, 1]),
        ({"bee": 20, "cat": 10}, (50, 5, 50), [50, 5, 2]),
        ({"ant": 4, "bee": 2, "cat": 2}, (50, 50, 50), [50, 25, 25]),
    ],
)
def test_counts_give_an_imbalanced_test_set_their_proportions(
    counts: dict[str, int], own_test: tuple[int, ...], expected: list[int]
) -> None:
    section = {"kind": "counts", "counts": counts, "test": "imbalanced"}
    data = source(examples(200, 200, 200), None, examples(*own_test))
    assert split(data, experiment(imbalance=section), 0).test.counts.tolist() == expected


def test_counts_apply_to_a_test_set_that_is_cut_first() -> None:
    section = {"kind": "counts", "counts": {"bee": 40, "cat": 20}, "test": "imbalanced"}
    splits = split(source(examples(100, 100, 100)), experiment(imbalance=section), 0)
    assert splits.test.counts.tolist() == [15, 7, 4]
    assert (splits.train.counts + splits.validation.counts).tolist() == [85, 40, 20]


def test_counts_keep_the_line_about_a_class_that_the_test_set_lacks() -> None:
    section = {"kind": "counts", "counts": {"ant": 5}, "test": "imbalanced"}
    data = source(examples(9, 9), None, examples(9, 0))
    with pytest.raises(UserError, match=r"'bee' has 0 examples in the test split"):
        split(data, experiment(imbalance=section), 0)


def test_one_against_the_rest_holds_in_all_three() -> None:
    section = {"kind": "one_vs_rest", "class": "cat"}
    splits = split(source(examples(40, 40, 20)), experiment(imbalance=section), 0)
    for names in (splits.train.class_names, splits.validation.class_names, splits.test.class_names):
        assert names == ("rest", "cat")
    assert splits.test.counts.tolist() == [12, 3]


def test_a_seed_decides_the_split() -> None:
    data = source(examples(60, 40, 20))
    first, again, other = (split(data, experiment(), seed) for seed in (1, 1, 2))
    assert (first.digest, parts(first)) == (again.digest, parts(again))
    assert first.digest != other.digest


def test_the_test_set_does_not_depend_on_the_imbalance() -> None:
    data = source(examples(60, 40, 20))
    section = {"kind": "step", "ratio": 8.0}
    plain = split(data, experiment(), 0)
    assert split(data, experiment(imbalance=section), 0).test.digest == plain.test.digest


def test_the_digest_covers_the_test_set() -> None:
    train = examples(40, 40)
    first = split(source(train, None, examples(5, 5)), experiment(), 0)
    other = split(source(train, None, examples(5, 5, start=9)), experiment(), 0)
    assert first.train.digest == other.train.digest
    assert first.digest != other.digest


def test_the_seal_counts_how_often_it_is_opened() -> None:
    test = split(source(examples(20, 20)), experiment(), 0).test
    assert (len(test), test.counts.tolist(), test.opened) == (6, [3, 3], 0)
    assert len(test.digest) > 0
    assert test.opened == 0
    test.open()
    assert test.opened == 1


def test_the_smallest_class_gets_one_example_in_each_split() -> None:
    splits = split(source(examples(100, 3)), experiment(), 0)
    assert [part.counts[1] for part in (splits.train, splits.validation)] == [1, 1]
    assert splits.test.counts[1] == 1


@pytest.mark.parametrize(("count", "has"), [(1, "1 example"), (2, "2 examples")])
def test_a_class_that_would_be_missing_is_refused(count: int, has: str) -> None:
    with pytest.raises(UserError, match=rf"'bee' .* it has {has} there; give it at least 3"):
        split(source(examples(100, count)), experiment(), 0)


def test_a_class_that_is_missing_in_the_test_set_of_the_source_is_refused() -> None:
    with pytest.raises(UserError, match=r"'bee' has 0 examples in the test split"):
        split(source(examples(9, 9), None, examples(9, 0)), experiment(), 0)


def test_shares_that_leave_nothing_for_training_are_refused() -> None:
    with pytest.raises(UserError, match="sum must be below 1"):
        split(source(examples(9, 9)), experiment(split={"validation": 0.5, "test": 0.5}), 0)


def test_notes_of_the_source_are_passed_on() -> None:
    assert split(source(examples(9, 9)), experiment(), 0).notes == ("a note",)


def test_prepare_splits_the_configured_source_and_loads_it_once() -> None:
    first, second = prepare(experiment(), 0), prepare(experiment(), 0)
    assert len(first.train) + len(first.validation) + len(first.test) == 1797
    assert first.digest == second.digest
    assert prepare(
        experiment(data={"source": "digits", "classes": [3, 8]}), 0
    ).test.class_names == (
        "3",
        "8",
    )


def test_a_test_seed_gives_every_seed_one_test_set_that_no_other_trial_learns_from() -> None:
    given = experiment(split={"test_seed": 0})
    tested = set(ids(split(source(examples(60, 40, 20)), experiment(), 0).test.open()))
    for seed in (3, 1000):
        train, validation, test = parts(split(source(examples(60, 40, 20)), given, seed))
        assert set(test) == tested
        assert not tested & {*train, *validation}
    others = [parts(split(source(examples(60, 40, 20)), given, seed))[1] for seed in (3, 1000)]
    assert others[0] != others[1]


def test_a_test_seed_fixes_the_draw_of_an_imbalanced_test_set_too() -> None:
    imbalance = {"kind": "long_tail", "ratio": 10, "test": "imbalanced"}
    given = experiment(split={"test_seed": 0}, imbalance=imbalance)
    own = source(examples(60, 60, 60), test=examples(30, 30, 30, start=500))
    first, second = (parts(split(own, given, seed))[2] for seed in (3, 4))
    assert first == second


def test_the_same_split_is_cut_once_and_sealed_anew_each_time() -> None:
    experiment = Experiment()
    first, again, other = (prepare(experiment, seed) for seed in (0, 0, 1))
    assert first.train is again.train
    assert first.train is not other.train
    first.test.open()
    assert (first.test.opened, again.test.opened) == (1, 0)
    assert prepare(Experiment.model_validate({"split": {"test": 0.3}}), 0).train is not first.train


def test_validation_holds_no_more_of_a_class_than_asked_for_and_the_rest_is_for_training() -> None:
    limited = prepare(Experiment.model_validate({"split": {"validation_per_class": 10}}), 0)
    whole = prepare(Experiment(), 0)
    assert limited.validation.counts.tolist() == [10] * 10
    assert (limited.train.counts + 10).tolist() == (
        whole.train.counts + whole.validation.counts
    ).tolist()
    assert limited.test.digest == whole.test.digest
    ample = prepare(Experiment.model_validate({"split": {"validation_per_class": 1000}}), 0)
    assert ample.digest == whole.digest


def test_of_a_source_s_own_validation_set_a_limited_number_is_kept() -> None:
    labels = np.repeat([0, 1], [30, 4])
    own = Examples(np.arange(34, dtype=np.float32)[:, None], labels, ("a", "b"))
    experiment = Experiment.model_validate({"split": {"validation_per_class": 5}})
    splits = split(Source(own, own, own, ()), experiment, 0)
    assert splits.validation.counts.tolist() == [5, 4]
    assert splits.train.counts.tolist() == [30, 4]
    again = split(Source(own, own, own, ()), experiment, 1)
    assert splits.validation.digest != again.validation.digest
