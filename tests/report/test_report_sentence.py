import pytest
from report_content import NAN, content, failed, verdict

from harness.report.content import Estimate, Verdict
from harness.report.verdict import sentence


def said(*verdicts: Verdict, **changes: object) -> str:
    names = ("none", *(v.strategy for v in verdicts))
    return sentence(
        content(strategies=names, verdicts=verdicts, images=False, **changes)  # type: ignore[arg-type]
    )


def test_better() -> None:
    assert said(verdict()) == (
        "On digits, class_weight is better than plain training by 3.1 points of balanced accuracy "
        "(95 % interval 1.2 to 5.0, 5 seeds)."
    )


def test_better_for_the_threshold_alone() -> None:
    assert said(verdict(threshold_only=True)).endswith(
        "5 seeds), but the gain is only the threshold’s."  # noqa: RUF001
    )


def test_several_better_the_largest_first() -> None:
    text = said(
        verdict("a", difference=0.02),
        verdict("b", difference=0.05, threshold_only=True),
        verdict("c", difference=0.03),
    )
    assert text.startswith("On digits, b is better than plain training by 5.0 points")
    assert ", and so are c (by 3.0) and a (by 2.0), but the gain of b is only" in text


def test_all_gains_are_the_thresholds() -> None:
    text = said(verdict("a", threshold_only=True), verdict("b", threshold_only=True))
    assert text.endswith("but these gains are only the threshold’s.")  # noqa: RUF001


def test_many_better_are_counted() -> None:
    text = said(*(verdict(f"s{i}", difference=0.09 - 0.01 * i) for i in range(7)))
    assert "and so are s1 (by 8.0), s2 (by 7.0), s3 (by 6.0) and 3 more" in text


def test_worse() -> None:
    assert said(verdict("focal_loss", "worse", -0.042, 0.021)) == (
        "On digits, focal_loss is worse than plain training by 4.2 points of balanced accuracy "
        "(95 % interval 2.1 to 6.3, 5 seeds)."
    )


def test_equivalent() -> None:
    assert said(verdict("a", "equivalent", 0.001, 0.004)) == (
        "On digits, a makes no difference that matters (within ±1.0 points)."
    )


def test_undecided_all() -> None:
    text = said(verdict("a", "undecided"), verdict("b", "undecided"))
    assert text == (
        "On digits, no strategy can be told from plain training with 5 seeds; "
        "differences under 4.2 points would often be missed."
    )


def test_undecided_one() -> None:
    assert said(verdict("a", "undecided")).startswith("On digits, a cannot be told from plain")


def test_undecided_beside_a_failed_strategy() -> None:
    text = said(verdict("a", "undecided"), failed("b"))
    assert text == (
        "On digits, a cannot be told from plain training with 5 seeds; differences under 4.2 "
        "points would often be missed; 1 strategy did not finish."
    )


def test_mixture() -> None:
    text = said(
        verdict("a"),
        verdict("b", "worse", -0.04),
        verdict("c", "equivalent", 0.001),
        verdict("d", "undecided"),
        verdict("e", "too_few_seeds"),
        failed("f"),
    )
    assert text == (
        "On digits, a is better than plain training by 3.1 points of balanced accuracy "
        "(95 % interval 1.2 to 5.0, 5 seeds); b is worse by 4.0; c makes no difference that "
        "matters (within ±1.0 points); d cannot be told from plain training; e has too few seeds "
        "to tell; 1 strategy did not finish."
    )


@pytest.mark.parametrize(("seeds", "words"), [(1, "1 seed"), (2, "2 seeds")])
def test_too_few_seeds(seeds: int, words: str) -> None:
    few = verdict("a", "too_few_seeds", difference=0.03, half=NAN, finished=seeds)
    assert said(few, seeds=seeds) == (
        f"Too few seeds to tell on digits: with {words}, no difference from plain training can be "
        "told from chance."
    )


def test_nothing_finished() -> None:
    assert said(failed("a")).startswith("There is no verdict on digits")


def test_nothing_to_compare() -> None:
    assert said().startswith("Only plain training ran on digits")


def test_without_an_interval_none_is_claimed() -> None:
    text = said(verdict(difference=0.03, half=NAN))
    assert "by 3.0 points of balanced accuracy (5 seeds)." in text


def test_lower_is_better() -> None:
    told = verdict("a", "better")
    told = Verdict(**{**vars(told), "difference": Estimate(-0.12, -0.2, -0.04)})
    assert "better than plain training by 0.120 of log loss (95 % interval 0.040 to 0.200" in said(
        told, metric="log_loss"
    )
