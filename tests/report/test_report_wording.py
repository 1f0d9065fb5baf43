from typing import get_args

import pytest

from harness.comparison.verdict import Word
from harness.report import wording
from harness.report.figures import MARKS

NAN = float("nan")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0312, "+3.1"), (-0.042, "−4.2"), (0.0, "0.0"), (-0.0001, "0.0")],  # noqa: RUF001
)
def test_differences_of_shares_are_points(value: float, text: str) -> None:
    assert wording.Metric("balanced_accuracy").difference(value) == text


def test_what_is_no_share_keeps_its_unit() -> None:
    assert wording.Metric("log_loss").difference(0.1234) == "+0.123"
    assert wording.Metric("mcc").score(0.5) == "0.500"


def test_what_does_not_exist_is_a_dash() -> None:
    metric = wording.Metric("balanced_accuracy")
    assert metric.score(NAN) == metric.interval(None) == wording.probability(NAN)
    assert wording.times(1.0, 0.0) == wording.NOTHING


def test_tiny_probabilities_are_bounded() -> None:
    assert wording.probability(1e-9) == "< 0.001"


def test_cut_counts_wide_characters_twice() -> None:
    assert wording.cut("abcdef", 6) == "abcdef"
    assert wording.cut("abcdefg", 6) == "abcde…"
    assert wording.cut("漢字漢字", 6) == "漢字…"


def test_clean_leaves_one_line_without_controls() -> None:
    assert wording.clean("a\n b\x00\u202e c\ud800") == "a b� c�"


def test_right_to_left_names_are_isolated() -> None:
    assert wording.cut("שלום") == "\u2068שלום\u2069"  # noqa: RUF001
    assert wording.columns(wording.cut("שלום")) == 4


@pytest.mark.parametrize(("count", "text"), [(1, "1 seed"), (5, "5 seeds"), (0, "0 seeds")])
def test_plural(count: int, text: str) -> None:
    assert wording.plural(count, "seed") == text


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("none", ["none"]),
        (
            "rotating_undersampling+online_augmentation",
            ["rotating_undersampling+", "online_augmentation"],
        ),
        ("learnable_weight_scaling", ["learnable_weight_", "scaling"]),
        ("a+b+c", ["a+b+c"]),
        ("x" * 50, ["x" * 23, "x" * 23, "x" * 4]),
        ("a lesion of the left lower arm", ["a lesion of the left", "lower arm"]),
        ("長" * 20, ["長" * 11, "長" * 9]),  # two columns each
        ("", [""]),
    ],
)
def test_names_are_wrapped_where_they_are_joined(name: str, lines: list[str]) -> None:
    assert wording.wrapped(name, 23) == lines


def test_every_word_of_a_verdict_has_a_mark() -> None:
    assert set(MARKS) == set(get_args(Word))


@pytest.mark.parametrize(
    ("job", "words"),
    [
        ({}, ""),
        ({"rule": "tuned_threshold"}, "the tuned threshold"),
        (
            {"rule": "recall_floor", "recall_floor": {"a": 0.9, "b": 0.95}, "confidence": 0.95},
            "the best precision that keeps the recall of a at 0.9 and b at 0.95 or more, with a "
            "confidence of 0.95",
        ),
        (
            {"rule": "costs", "costs": {"a": {"b": 50}}},
            "the least expected cost (a taken for b costs 50, any other error 1)",
        ),
    ],
)
def test_what_decides_labels_is_named(job: dict[str, object], words: str) -> None:
    assert wording.decision(job) == words


def test_a_metric_with_a_number_is_named_with_it_and_is_a_share() -> None:
    metric = wording.Metric("precision_at_recall:0.9")
    assert metric.heading == "precision at a recall of 0.9 (%)"
    assert wording.Metric("expected_cost").heading == "expected cost, lower is better"
