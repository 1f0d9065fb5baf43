import pytest
from report_content import comparison, effect, line

from harness.comparison.summary import Line
from harness.report.verdict import finding, headline, sentence


def said(
    *lines: Line, unfinished: str = "", seeds: int = 5, metric: str = "balanced_accuracy"
) -> str:
    names = ("none", *(each.strategy for each in lines), *unfinished)
    found = comparison(*lines, strategies=names, seeds=seeds, metric=metric)
    return finding("digits", found)


def test_better() -> None:
    assert said(line()) == (
        "On digits, class_weight is better than plain training by 3.1 points of balanced accuracy "
        "(95 % interval 1.2 to 5.0, 5 seeds)."
    )


def test_better_for_the_threshold_alone() -> None:
    assert said(line(threshold_only=True)).endswith(
        "5 seeds), but the gain is only the threshold’s."  # noqa: RUF001
    )


def test_several_better_the_largest_first() -> None:
    text = said(
        line("a", difference=0.02),
        line("b", difference=0.05, threshold_only=True),
        line("c", difference=0.03),
    )
    assert text.startswith("On digits, b is better than plain training by 5.0 points")
    assert ", and so are c (by 3.0) and a (by 2.0), but the gain of b is only" in text


def test_all_gains_are_the_thresholds() -> None:
    text = said(line("a", threshold_only=True), line("b", threshold_only=True))
    assert text.endswith("but these gains are only the threshold’s.")  # noqa: RUF001


def test_many_better_are_counted() -> None:
    text = said(*(line(f"s{i}", difference=0.09 - 0.01 * i) for i in range(7)))
    assert "and so are s1 (by 8.0), s2 (by 7.0), s3 (by 6.0) and 3 more" in text


def test_worse() -> None:
    assert said(line("focal_loss", "worse", -0.042, 0.021)) == (
        "On digits, focal_loss is worse than plain training by 4.2 points of balanced accuracy "
        "(95 % interval 2.1 to 6.3, 5 seeds)."
    )


def test_equivalent() -> None:
    assert said(line("a", "equivalent", 0.001, 0.004)) == (
        "On digits, a makes no difference that matters (within ±1.0 points)."
    )


def test_undecided_all() -> None:
    text = said(line("a", "undecided"), line("b", "undecided"))
    assert text == (
        "On digits, no strategy can be told from plain training with 5 seeds; "
        "differences under 4.2 points would often be missed."
    )


def test_undecided_one() -> None:
    assert said(line("a", "undecided")).startswith("On digits, a cannot be told from plain")


def test_undecided_beside_a_failed_strategy() -> None:
    text = said(line("a", "undecided"), unfinished="b")
    assert text == (
        "On digits, a cannot be told from plain training with 5 seeds; differences under 4.2 "
        "points would often be missed; 1 strategy did not finish."
    )


def test_mixture() -> None:
    text = said(
        line("a"),
        line("b", "worse", -0.04),
        line("c", "equivalent", 0.001),
        line("d", "undecided"),
        line("e", "too_few_seeds"),
        unfinished="f",
    )
    assert text == (
        "On digits, a is better than plain training by 3.1 points of balanced accuracy "
        "(95 % interval 1.2 to 5.0, 5 seeds); b is worse by 4.0; c makes no difference that "
        "matters (within ±1.0 points); d cannot be told from plain training; e has too few seeds "
        "to tell; 1 strategy did not finish."
    )


@pytest.mark.parametrize(("seeds", "words"), [(1, "1 seed"), (2, "2 seeds")])
def test_too_few_seeds(seeds: int, words: str) -> None:
    few = line("a", "too_few_seeds", difference=0.03, half=None, seeds=seeds)
    assert said(few, seeds=seeds) == (
        f"Too few seeds to tell on digits: with {words}, no difference from plain training can be "
        "told from chance."
    )


def test_nothing_finished() -> None:
    assert said(unfinished="a").startswith("There is no verdict on digits")


def test_nothing_to_compare() -> None:
    assert said().startswith("Only plain training ran on digits")


def test_without_an_interval_none_is_claimed() -> None:
    text = said(line(difference=0.03, half=None))
    assert "by 3.0 points of balanced accuracy (5 seeds)." in text


def test_lower_is_better() -> None:
    text = said(line("a", "better", -0.12, 0.08), metric="log_loss")
    assert "better than plain training by 0.120 of log loss (95 % interval 0.040 to 0.200" in text


def test_a_strategy_without_a_seed_that_the_baseline_has_did_not_finish() -> None:
    text = said(line("a"), line("b", "too_few_seeds", float("nan"), None, seeds=0))
    assert text.endswith("; 1 strategy did not finish.")


def test_each_strategy_has_a_detectable_difference_of_its_own() -> None:
    text = said(line("a", "undecided"), line("b", "undecided", detectable=0.348))
    assert text.endswith("differences under 4.2 (a) to 34.8 (b) points would often be missed.")


def test_what_hangs_on_a_hardly_tested_class_is_told_with_the_other_classes() -> None:
    found = line(
        "a", "undecided", 0.156, fragile_classes=("smile",), elsewhere=effect(-0.002, 0.03)
    )
    assert said(found) == (
        "On digits, what a changes hangs on smile, tested on too few examples to tell: over the "
        "other classes it is −0.2 (−3.2 to +2.8)."  # noqa: RUF001
    )


def test_collapsed() -> None:
    assert said(line("a", "collapsed", 0.0, 0.0)) == (
        "On digits, a and plain training say one class to everything, so there is nothing to "
        "compare."
    )


def headed(*lines: Line, unfinished: str = "") -> str:
    names = ("none", *(each.strategy for each in lines), *unfinished)
    return headline("digits", comparison(*lines, strategies=names))


def test_the_headline_is_the_finding_while_that_is_short() -> None:
    assert headed(line("a", "undecided")) == said(line("a", "undecided"))
    assert headed(unfinished="a") == said(unfinished="a")


def test_a_long_finding_becomes_names_of_what_differs_and_counts_of_the_rest() -> None:
    lines = [
        *(line(f"better_{i}", difference=0.09 - 0.01 * i) for i in range(5)),
        line("worse", "worse", -0.04),
        *(line(f"undecided_{i}", "undecided") for i in range(9)),
        line("alike", "equivalent", 0.001),
        line("few", "undecided", fragile_classes=("smile",)),
    ]
    assert headed(*lines, unfinished="f") == (
        "On digits, better_0, better_1, better_2 and 2 more are better than plain training; worse "
        "is worse; 1 equivalent, 9 undecided, 1 hanging on hardly tested classes and 1 without a "
        "finished trial."
    )


def test_a_headline_without_a_difference_says_so() -> None:
    lines = [line(f"{'long' * 9}_{i}", "undecided", detectable=0.04 + i) for i in range(9)]
    alone = headed(*lines, line("a", "equivalent", 0.001))
    assert alone == (
        "On digits, no strategy is shown to differ from plain training; 1 equivalent and 9 "
        "undecided."
    )


def test_it_ends_with_what_to_do() -> None:
    found = sentence("digits", comparison(line("a", "undecided")))
    assert found.endswith(" Train plainly: 74.2 % balanced accuracy. 14 seeds would decide on a.")
