import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from harness.comparison.effect import Effect, effect
from harness.comparison.verdict import Verdict, judge, threshold_only


def seen(difference, p=0.001, half=0.01, seeds=5):
    return Effect(seeds, difference, interval=(difference - half, difference + half), p=p)


@pytest.mark.parametrize(
    ("found", "higher", "word"),
    [
        (seen(0.05), True, "better"),
        (seen(-0.05), True, "worse"),
        (seen(-0.05), False, "better"),
        (seen(0.05), False, "worse"),
        (seen(0.015, p=0.06), True, "undecided"),
        (seen(0.005, half=0.001), True, "equivalent"),
        (seen(0.01, half=0.01), True, "equivalent"),
        (seen(0.0, half=0.03, p=1.0), True, "undecided"),
        (seen(0.05, seeds=2), True, "too_few_seeds"),
        (Effect(1, 0.05), True, "too_few_seeds"),
        (Effect(0, float("nan")), True, "too_few_seeds"),
    ],
)
def test_one_word_for_each_case(found, higher, word):
    verdict = judge({"a": found}, 0.02, higher_is_better=higher)["a"]
    assert verdict == Verdict(word, found.p)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_p_values_are_corrected_as_holm_has_it(p_values):
    effects = {str(index): seen(0.05, p) for index, p in enumerate(p_values)}
    verdicts = judge(effects, 0.01, higher_is_better=True)
    expected = multipletests(p_values, method="holm")[1]
    assert [verdict.p_adjusted for verdict in verdicts.values()] == pytest.approx(expected)
    assert [v.word == "better" for v in verdicts.values()] == [bool(p <= 0.05) for p in expected]


def test_holm_worked_out_by_hand():
    effects = {"a": seen(0.1, 0.01), "b": seen(0.1, 0.04), "c": seen(0.1, 0.03)}
    verdicts = judge(effects, 0.01, higher_is_better=True)
    assert [v.p_adjusted for v in verdicts.values()] == pytest.approx([0.03, 0.06, 0.06])


def test_a_strategy_without_a_test_does_not_count_in_the_correction():
    verdicts = judge({"a": seen(0.1, 0.03), "b": Effect(1, 0.1)}, 0.01, higher_is_better=True)
    assert verdicts["a"] == Verdict("better", pytest.approx(0.03))
    assert verdicts["b"] == Verdict("too_few_seeds", None)


def test_no_strategies_no_verdicts():
    assert judge({}, 0.01, higher_is_better=True) == {}


def test_a_strategy_that_changes_nothing_is_equivalent():
    found = effect(np.zeros(3), 0.0, 0.0, 0.01)
    assert judge({"a": found}, 0.01, higher_is_better=True)["a"] == Verdict("equivalent", 1.0)


@pytest.mark.parametrize(
    ("word", "own", "moved", "higher", "expected"),
    [
        ("better", 0.1, seen(0.0), True, True),
        ("better", 0.1, seen(-0.05), True, True),
        ("better", 0.1, seen(0.1), True, False),
        ("better", 0.1, seen(0.04), True, False),  # smaller, but told from chance
        ("better", 0.1, seen(0.08, half=0.1), True, False),  # not told from chance, but still there
        ("better", -0.1, seen(0.0), False, True),
        ("better", -0.1, seen(-0.1), False, False),
        ("undecided", 0.1, seen(0.0), True, False),
        ("worse", -0.1, seen(0.0), True, False),
    ],
)
def test_threshold_only_is_a_gain_that_is_gone_once_both_move_the_threshold(
    word, own, moved, higher, expected
):
    found = threshold_only(Verdict(word, 0.01), seen(own), moved, higher_is_better=higher)
    assert found is expected
