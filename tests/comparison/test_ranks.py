import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from harness.comparison.ranks import critical_difference, rank


def test_three_experiments_that_agree_give_the_p_worked_out_by_hand():
    found = rank(np.array([[0.9, 0.5, 0.7]] * 3), higher_is_better=True)
    assert found.average.tolist() == [1.0, 3.0, 2.0]
    # Chi squared is 12 / (3 * 3 * 4) * (3^2 + 6^2 + 9^2) - 3 * 3 * 4 = 6, with 2 degrees.
    assert found.p == pytest.approx(np.exp(-3))
    assert found.reason is None


def test_the_critical_difference_of_four_classifiers_on_14_data_sets_is_as_published():
    assert critical_difference(14, 4) == pytest.approx(1.25, abs=5e-3)
    assert critical_difference(14, 4, level=0.10) == pytest.approx(1.12, abs=5e-3)


@pytest.mark.parametrize(("k", "quantile"), [(3, 2.343), (4, 2.569), (5, 2.728), (10, 3.164)])
def test_quantiles_are_those_of_the_published_table(k, quantile):
    assert critical_difference(10, k) == pytest.approx(
        quantile * np.sqrt(k * (k + 1) / 60), rel=1e-3
    )


def test_strategies_further_apart_than_the_difference_stand_in_different_groups():
    scores = np.tile([0.9, 0.8, 0.7, 0.6], (12, 1))
    scores[:6, [0, 1]] = scores[:6, [1, 0]]
    found = rank(scores, higher_is_better=True)
    assert found.average.tolist() == [1.5, 1.5, 3.0, 4.0]
    assert found.critical_difference is not None
    assert 1.0 < found.critical_difference < 1.5
    assert found.groups == ((0, 1), (2, 3))


@settings(max_examples=40, deadline=None)
@given(arrays(np.float64, (5, 4), elements=st.sampled_from([0.1, 0.2, 0.3, 0.4])))
def test_turning_the_scores_and_the_direction_changes_nothing(scores):
    up, down = rank(scores, higher_is_better=True), rank(-scores, higher_is_better=False)
    assert (up.average == down.average).all()
    assert (up.p, up.groups) == (down.p, down.groups)
    assert up.average.sum() == pytest.approx(10)


def test_all_equal_is_no_difference():
    assert rank(np.ones((4, 3)), higher_is_better=True).p == 1.0


@pytest.mark.parametrize(
    ("shape", "reason"), [((2, 5), "2 experiments"), ((5, 2), "2 strategies"), ((0, 3), "no exp")]
)
def test_too_few_give_ranks_and_a_reason(shape, reason):
    found = rank(np.random.default_rng(0).random(shape), higher_is_better=True)
    assert found.p is None
    assert found.critical_difference is None
    assert found.groups == ()
    assert found.reason is not None
    assert found.reason.startswith(reason)
    assert len(found.average) == shape[1]


def test_a_missing_score_is_refused():
    with pytest.raises(ValueError, match="not finite"):
        rank(np.array([[0.1, np.nan, 0.2]] * 3), higher_is_better=True)
