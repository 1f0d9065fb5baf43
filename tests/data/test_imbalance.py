import numpy as np
import pytest

from harness.config.experiment import (
    Counts,
    Imbalance,
    LongTail,
    Merge,
    NoImbalance,
    OneVersusRest,
    Step,
)
from harness.data.examples import Examples
from harness.data.imbalance import imbalance, relabel
from harness.errors import UserError

NAMES = ("ant", "bee", "cat", "dog")


def examples(*counts: int) -> Examples:
    labels = np.random.default_rng(3).permutation(np.repeat(np.arange(len(counts)), counts))
    inputs = np.arange(len(labels), dtype=np.float32)[:, np.newaxis]
    return Examples(inputs, labels.astype(np.int64), NAMES[: len(counts)])


def made(source: Examples, section: Imbalance, seed: int = 0) -> Examples:
    return imbalance(source, section, np.random.default_rng(seed))


def one_versus_rest(name: str | int) -> OneVersusRest:
    return OneVersusRest.model_validate({"kind": "one_vs_rest", "class": name})


def test_a_long_tail_falls_geometrically_from_the_first_class() -> None:
    result = made(examples(1000, 1000, 1000, 1000), LongTail(kind="long_tail", ratio=1000))
    assert result.counts.tolist() == [1000, 100, 10, 1]


def test_a_long_tail_takes_no_more_than_exist_and_at_least_one() -> None:
    result = made(examples(100, 5, 1000, 1000), LongTail(kind="long_tail", ratio=1000))
    assert result.counts.tolist() == [100, 5, 1, 1]


@pytest.mark.parametrize(
    ("minority", "expected"),
    [
        (2, [90, 100, 10, 10]),
        (0.5, [90, 100, 10, 10]),
        (0.1, [90, 100, 80, 10]),
        (["ant", "index 3"], [10, 100, 80, 10]),
    ],
)
def test_a_step_divides_the_largest_majority(
    minority: float | list[str | int], expected: list[int]
) -> None:
    section = Step(kind="step", ratio=10, minority_classes=minority)
    assert made(examples(90, 100, 80, 70), section).counts.tolist() == expected


@pytest.mark.parametrize("minority", [4, 9, [], ["ant", "bee", "cat", "dog"]])
def test_a_step_needs_a_minority_and_a_majority(minority: int | list[str | int]) -> None:
    with pytest.raises(UserError, match="minority_classes"):
        made(examples(9, 9, 9, 9), Step(kind="step", ratio=2, minority_classes=minority))


def test_counts_leave_the_classes_that_are_not_named() -> None:
    section = Counts(kind="counts", counts={"bee": 3, "index 3": 2})
    assert made(examples(9, 9, 9, 9), section).counts.tolist() == [9, 3, 9, 2]


def test_more_than_exist_are_refused_with_how_many_there_are() -> None:
    with pytest.raises(UserError, match=r"10 examples of class 'bee', but only 9 are there"):
        made(examples(9, 9), Counts(kind="counts", counts={"bee": 10}))


def test_a_class_is_not_counted_twice() -> None:
    with pytest.raises(UserError, match="twice"):
        made(examples(9, 9), Counts(kind="counts", counts={"bee": 3, "index 1": 2}))


@pytest.mark.parametrize(
    "section",
    [
        Counts(kind="counts", counts={"bea": 1}),
        Step(kind="step", ratio=2, minority_classes=["bea"]),
    ],
)
def test_an_unknown_class_is_refused_with_a_suggestion(section: Imbalance) -> None:
    with pytest.raises(UserError, match="did you mean 'bee'"):
        made(examples(9, 9), section)


def test_examples_keep_their_labels_and_their_order() -> None:
    source = examples(50, 50, 50)
    result = made(source, LongTail(kind="long_tail", ratio=10))
    origin = result.gather(np.arange(len(result)))[:, 0].astype(np.int64)
    assert (np.diff(origin) > 0).all()
    assert (source.labels[origin] == result.labels).all()


def test_the_generator_decides_which_examples_stay() -> None:
    source, section = examples(50, 50), LongTail(kind="long_tail", ratio=10)
    assert made(source, section, 1).digest == made(source, section, 1).digest
    assert made(source, section, 1).digest != made(source, section, 2).digest


def test_none_changes_nothing() -> None:
    source = examples(5, 7)
    assert made(source, NoImbalance()).digest == source.digest
    assert relabel(source, NoImbalance()) is source


@pytest.mark.parametrize("name", ["cat", "index 2"])
def test_one_against_the_rest_makes_two_classes(name: str) -> None:
    source = examples(5, 6, 7)
    result = relabel(source, one_versus_rest(name))
    assert result.class_names == ("rest", "cat")
    assert (result.labels == (source.labels == 2)).all()
    assert made(result, one_versus_rest(name)).counts.tolist() == [11, 7]


def test_one_against_the_rest_needs_a_known_class() -> None:
    with pytest.raises(UserError, match="did you mean 'cat'"):
        relabel(examples(5, 6, 7), one_versus_rest("cta"))


def merged(into: dict[str, list[str]]) -> Examples:
    return relabel(examples(4, 3, 2, 1), Merge(kind="merge", into=into))


def test_classes_are_merged_where_the_first_of_them_was() -> None:
    result = merged({"rest": ["bee", "dog"]})
    assert result.class_names == ("ant", "rest", "cat")
    assert result.counts.tolist() == [4, 4, 2]
    assert merged({"bee": ["bee", "cat"], "x": ["dog", "ant"]}).class_names == ("x", "bee")
    assert made(result, Merge(kind="merge", into={"rest": ["bee"]})) is result


@pytest.mark.parametrize(
    ("into", "line"),
    [
        ({"rest": ["bea"]}, r"imbalance\.into: unknown class 'bea'; did you mean 'bee'"),
        ({"rest": ["bee"], "more": ["bee"]}, "puts class 'bee' into two classes"),
        ({"ant": ["bee", "cat"]}, "makes 'ant', which another class is called already"),
        ({"all": ["ant", "bee", "cat", "dog"]}, "leaves one class, 'all'"),
    ],
)
def test_a_merger_that_makes_no_sense_is_refused(into: dict[str, list[str]], line: str) -> None:
    with pytest.raises(UserError, match=line):
        merged(into)
