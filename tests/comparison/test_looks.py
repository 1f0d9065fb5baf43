import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal, norm

from harness.comparison.looks import LEVEL, Family, level, spent

GROWING = [5, 10, 15, 20, 25, 30]


@pytest.mark.parametrize("comparisons", [1, 4, 10])
def test_the_first_look_gets_most_of_the_level_however_many_seeds(comparisons):
    for seeds in (3, 5, 100):
        assert level([seeds], comparisons) == pytest.approx(0.7 * LEVEL / comparisons)


@given(st.integers(1, 1000))
def test_never_more_is_spent_than_there_is(look):
    assert spent(look - 1) < spent(look) < 1


def test_two_looks_spend_what_the_joint_distribution_says():
    first, second = level([5]), level([5, 10])
    bounds = norm.isf([first / 2, second / 2])
    joint = multivariate_normal(cov=[[1, np.sqrt(0.5)], [np.sqrt(0.5), 1]])
    inside = joint.cdf(bounds, lower_limit=-bounds)
    assert 1 - inside == pytest.approx(LEVEL * spent(2), abs=1e-4)


@pytest.mark.parametrize("seeds", [GROWING, [5, 20, 80, 320], [5, 6, 7, 8]])
def test_looking_again_and_again_errs_no_more_than_the_level(seeds):
    rng = np.random.default_rng(0)
    sums = rng.standard_normal((40_000, seeds[-1])).cumsum(axis=1)[:, np.array(seeds) - 1]
    distance = np.abs(sums) / np.sqrt(seeds)
    bounds = [norm.isf(level(seeds[: look + 1]) / 2) for look in range(len(seeds))]
    assert (distance > bounds).any(axis=1).mean() <= 0.05
    assert (distance > norm.isf(0.025)).any(axis=1).mean() > 0.07


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(3, 60), min_size=1, max_size=6))
def test_the_same_number_of_seeds_again_is_no_new_look(looks):
    assert level([*looks, looks[0]]) == level(looks[:1])
    assert (
        level(looks) == level(list(dict.fromkeys(looks))[: len(set(looks))])
        or looks[-1] in (looks[:-1])
    )


def test_fewer_seeds_than_before_are_a_look_as_well():
    assert level([10, 5]) == pytest.approx(LEVEL * (spent(2) - spent(1)))


def test_no_look_has_no_level():
    with pytest.raises(ValueError, match="no look"):
        level([])


def test_a_family_divided_over_commands_is_one_family():
    first = Family().and_now(5, ["a"])
    both = first.and_now(5, ["b"])
    assert both == Family((5,), ("a", "b"))
    assert both.level == level([5], 2)
    later = both.and_now(10, ["a"])
    assert later.level == level([5, 10], 2)
    assert later.and_now(5, ["a"]).level == both.level
