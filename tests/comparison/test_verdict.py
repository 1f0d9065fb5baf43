import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.comparison.effect import Effect, effect
from harness.comparison.verdict import Verdict, judge, learning

ENDS = st.tuples(st.floats(-1, 1), st.floats(-1, 1)).map(lambda ends: tuple(sorted(ends)))
MARGIN = 0.02


def seen(low, high, seeds=5, level=0.05):
    return Effect(seeds, (low + high) / 2, interval=(low, high), p=0.001, level=level)


def word(found, **how):
    return judge(found, MARGIN, higher_is_better=True, **how).word


@pytest.mark.parametrize(
    ("found", "higher", "expected"),
    [
        (seen(0.01, 0.05), True, "better"),
        (seen(-0.05, -0.01), True, "worse"),
        (seen(-0.05, -0.01), False, "better"),
        (seen(0.01, 0.05), False, "worse"),
        (seen(-0.001, 0.05), True, "undecided"),
        (seen(0.001, 0.019), True, "equivalent"),
        (seen(-0.02, 0.02), True, "equivalent"),
        (seen(0.01, 0.05, seeds=2), True, "too_few_seeds"),
        (Effect(1, 0.05), True, "too_few_seeds"),
        (Effect(0, float("nan")), True, "too_few_seeds"),
    ],
)
def test_one_word_for_each_interval(found, higher, expected):
    assert judge(found, MARGIN, higher_is_better=higher).word == expected


@given(ENDS)
def test_the_word_can_be_read_off_the_interval(ends):
    low, high = ends
    expected = (
        "equivalent" if low >= -MARGIN and high <= MARGIN
        else "better" if low > 0
        else "worse" if high < 0
        else "undecided"
    )  # fmt: skip
    assert word(seen(low, high)) == expected


@pytest.mark.parametrize("comparisons", [1, 4])
def test_corrected_p_is_the_level_of_all_at_which_the_interval_touches_zero(comparisons):
    differences = np.array([0.01, 0.03, 0.02, 0.05])
    found = effect(differences, MARGIN, level=0.05 / comparisons)
    p = judge(found, MARGIN, higher_is_better=True).p_adjusted
    touching = effect(differences, MARGIN, level=p / comparisons)
    assert touching.interval[0] == pytest.approx(0, abs=1e-6)
    assert p == pytest.approx(comparisons * found.p)


def test_corrected_p_is_no_more_than_one():
    assert judge(Effect(5, 0.0, 0.1, (-1, 1), 0.9, level=0.01), 0.0, higher_is_better=True) == (
        Verdict("undecided", 1.0)
    )


def test_two_that_say_one_class_to_everything_are_not_equivalent_but_collapsed():
    assert word(seen(0.0, 0.0), collapsed=True) == "collapsed"
    assert word(seen(0.0, 0.0, seeds=2), collapsed=True) == "too_few_seeds"


def test_a_strategy_that_changes_nothing_is_equivalent():
    found = effect(np.zeros(3), 0.01)
    assert judge(found, 0.01, higher_is_better=True) == Verdict("equivalent", 1.0)


@pytest.mark.parametrize(
    ("found", "without", "expected", "fragile"),
    [
        (seen(0.1, 0.3), [seen(0.05, 0.2)], "better", False),
        (seen(0.1, 0.3), [seen(-0.05, 0.2)], "undecided", True),
        (seen(0.1, 0.3), [seen(0.05, 0.2), seen(-0.3, -0.1)], "undecided", True),
        (seen(-0.3, -0.1), [seen(-0.1, 0.1)], "undecided", True),
        (seen(0.0, 0.01), [seen(0.03, 0.1)], "undecided", True),
        (seen(0.1, 0.3), [None], "undecided", True),
        (seen(-0.1, 0.3), [seen(0.05, 0.2)], "undecided", False),
    ],
)
def test_no_word_hangs_on_a_class_that_is_hardly_tested(found, without, expected, fragile):
    verdict = judge(found, MARGIN, higher_is_better=True, without=tuple(without))
    assert (verdict.word, verdict.fragile) == (expected, fragile)


@pytest.mark.parametrize(
    ("moved", "higher", "expected"),
    [
        (seen(0.03, 0.05), True, "learned"),
        (seen(-0.05, -0.03), False, "learned"),
        (seen(-0.05, 0.01), True, "threshold_only"),
        (seen(-0.01, 0.05), False, "threshold_only"),
        (seen(0.01, 0.05), True, "unclear"),
        (seen(0.03, 0.05, seeds=2), True, "unclear"),
        (Effect(1, 0.1), True, "unclear"),
    ],
)
def test_learning_is_read_off_the_interval_against_a_moved_threshold(moved, higher, expected):
    assert learning(moved, MARGIN, higher_is_better=higher) == expected
