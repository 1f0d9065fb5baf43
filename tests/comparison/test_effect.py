import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import binom, nct, norm, t, ttest_1samp, ttest_rel

from harness.comparison.effect import POWER, Chance, Common, Variance, detectable, effect
from harness.comparison.held_out import HeldOut, Logits
from harness.comparison.resampling import noise
from harness.comparison.verdict import judge

DIFFERENCES = arrays(np.float64, st.integers(2, 8), elements=st.floats(-1, 1, width=16))
NOISE = st.floats(0, 0.01)


@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
def test_without_test_noise_it_is_the_paired_t_test(seeds):
    rng = np.random.default_rng(seeds)
    baseline, strategy = rng.random((2, seeds))
    found = effect(strategy - baseline, 0.01)
    reference = ttest_rel(strategy, baseline)
    assert found.p == pytest.approx(reference.pvalue)
    assert found.interval == pytest.approx(tuple(reference.confidence_interval()))


def test_shared_noise_stays_and_has_the_normal_value_for_its_part():
    found = effect(np.array([0.01, 0.03, 0.02]), 0.01, Chance(0.0005, 0.0004))
    own, shared = 0.0001 / 3, 0.0004
    assert found.standard_error == pytest.approx(np.sqrt(own + shared))
    critical = (own * t.isf(0.025, 2) + shared * norm.isf(0.025)) / (own + shared)
    low, high = found.interval or (0.0, 0.0)
    assert (high - low) / 2 == pytest.approx(critical * np.sqrt(own + shared))


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_equal_strategies_are_told_apart_no_more_often_than_the_level_says(share):
    rng = np.random.default_rng(0)
    runs, seeds = 1000, 3
    shared = share / (1 - share) / seeds
    truth = np.sqrt(shared) * rng.standard_normal(runs)
    differences = truth[:, None] + rng.standard_normal((runs, seeds))
    p_values = np.array([effect(row, 9.0, Chance(shared, shared)).p for row in differences])
    for level in (0.05, 0.0125, 0.005):
        assert (p_values <= level).sum() <= binom.ppf(0.999, runs, level)


def test_seeds_that_agree_by_luck_do_not_hide_the_test_noise():
    found = effect(np.array([0.02, 0.02, 0.02]), 0.01, Chance(0.0003))
    assert found.standard_error == pytest.approx(0.01)
    low, high = found.interval or (0.0, 0.0)
    assert low < 0 < high


@settings(max_examples=40, deadline=None)
@given(DIFFERENCES, NOISE, st.floats(0, 1))
def test_swapping_the_two_turns_the_sign_and_order_means_nothing(differences, within, share):
    found = effect(differences, 0.01, Chance(within, share * within))
    turned = effect(-differences[::-1], 0.01, Chance(within, share * within))
    assert turned.difference == pytest.approx(-found.difference, abs=1e-12)
    assert turned.interval is not None
    assert found.interval == pytest.approx((-turned.interval[1], -turned.interval[0]), abs=1e-9)
    assert turned.p == pytest.approx(found.p, abs=1e-6)
    assert turned.detectable == pytest.approx(found.detectable, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(DIFFERENCES, NOISE, NOISE)
def test_more_shared_noise_never_makes_it_surer(differences, own, shared):
    sure = effect(differences, 0.01, Chance(own))
    less = effect(differences, 0.01, Chance(own + shared, shared))
    assert (less.standard_error or 0) >= (sure.standard_error or 0) - 1e-12


@pytest.mark.parametrize("differences", [[], [0.1], [0.1, np.nan]])
def test_fewer_than_two_seeds_give_the_difference_alone(differences):
    found = effect(np.array(differences), 0.01, Chance(0.1))
    assert found.seeds == len([value for value in differences if np.isfinite(value)])
    assert found.interval is found.p is found.detectable is found.seeds_needed is None


def test_a_seed_without_a_difference_does_not_count():
    assert effect(np.array([0.1, np.nan, 0.2]), 0.01) == effect(np.array([0.1, 0.2]), 0.01)


@pytest.mark.parametrize("seeds", [3, 5, 20])
def test_images_cut_from_one_pool_give_the_corrected_t_test(seeds):
    """Nadeau and Bengio (2003): the variance of the mean is (1 / S + n_test / n_train) s²."""
    rng = np.random.default_rng(seeds)
    differences, ratio = rng.standard_normal(seeds), 15 / 85
    found = effect(differences, 0.01, Chance(common=Common(ratio)))
    error = np.sqrt((1 / seeds + ratio) * differences.var(ddof=1))
    assert found.standard_error == pytest.approx(error)
    low, high = found.interval
    assert (high - low) / 2 == pytest.approx(t.isf(0.025, seeds - 1) * error)


def test_what_common_images_do_holds_what_common_test_examples_do():
    differences = np.array([0.0, 0.02, 0.04])
    alone = effect(differences, 0.01, Chance(common=Common(0.5)))
    together = effect(differences, 0.01, Chance(0.0001, 0.0001, common=Common(0.5)))
    assert together.standard_error == pytest.approx(alone.standard_error)
    more = effect(differences, 0.01, Chance(0.001, 0.001, common=Common(0.5)))
    assert more.standard_error > alone.standard_error


def test_training_images_come_on_top_of_one_test_set():
    differences = np.array([0.0, 0.02, 0.04])
    found = effect(differences, 0.01, Chance(0.0003, 0.0003, common=Common(training=0.25)))
    assert found.standard_error**2 == pytest.approx(0.0004 / 3 + 0.0003 + 0.25 * 0.0004)


def test_what_few_groups_tell_of_the_noise_has_their_degrees_of_freedom():
    steady = np.full(3, 0.02)
    known = effect(steady, 0.01, Chance(0.0003, 0.0003))
    hardly = effect(steady, 0.01, Chance(0.0003, 0.0003, degrees=4))
    half = np.sqrt(0.0003)
    assert known.interval[1] - 0.02 == pytest.approx(norm.isf(0.025) * half)
    assert hardly.interval[1] - 0.02 == pytest.approx(t.isf(0.025, 4) * half)
    assert hardly.p == pytest.approx(2 * t.sf(0.02 / half, 4), rel=1e-3)


@settings(max_examples=40, deadline=None)
@given(DIFFERENCES, NOISE, st.floats(0, 1), st.floats(0.001, 0.05))
def test_p_is_below_the_level_just_where_the_interval_leaves_out_zero(
    differences, within, share, level
):
    chance = Chance(within, share * within, 7, Common(0.2))
    found = effect(differences, 0.01, chance, level)
    low, high = found.interval
    if min(abs(low), abs(high)) > 1e-6:
        assert (found.p < level) == (low > 0 or high < 0)


def test_nothing_that_varies_is_certain():
    same = effect(np.zeros(3), 0.01)
    assert (same.p, same.interval, same.detectable) == (1.0, (0.0, 0.0), 0.0)
    moved = effect(np.full(3, 0.5), 0.01)
    assert (moved.p, moved.interval) == (0.0, (0.5, 0.5))


@pytest.mark.parametrize("seeds", [3, 5, 10, 50])
@pytest.mark.parametrize("comparisons", [1, 4])
def test_the_detectable_difference_has_80_percent_power(seeds, comparisons):
    found = detectable(Variance(float(seeds)), seeds, 0.05 / comparisons)
    hurdle = t.isf(0.025 / comparisons, seeds - 1)
    assert nct.sf(hurdle, seeds - 1, found) == pytest.approx(POWER, abs=1e-4)


def test_with_shared_noise_alone_it_is_that_of_the_normal_test():
    assert detectable(Variance(0.0, 0.0, 1.0), 3) == pytest.approx(1.959964 + 1.036433)
    assert detectable(Variance(1e-9, 0.0, 1.0), 3) == pytest.approx(2.996397, abs=1e-3)


def test_seeds_needed_is_the_first_number_that_reaches_the_margin():
    rng = np.random.default_rng(0)
    found = effect(0.02 * rng.standard_normal(5), 0.01, level=0.05 / 3)
    assert found.seeds_needed is not None
    spread = found.standard_error * np.sqrt(5) / 0.9400 if found.standard_error else 0.0
    variance = Variance(spread**2)
    assert detectable(variance, found.seeds_needed, 0.05 / 3) <= 0.0101
    assert detectable(variance, found.seeds_needed - 1, 0.05 / 3) > 0.0099


def test_no_number_of_seeds_beats_the_noise_of_one_shared_test_set():
    assert effect(np.array([0.0, 0.01, 0.02]), 0.01, Chance(0.001, 0.001)).seeds_needed is None


def test_the_sample_mean_test_is_the_reference_for_many_differences():
    rng = np.random.default_rng(5)
    for _ in range(20):
        differences = rng.standard_normal(6)
        found = effect(differences, 0.1)
        assert found.p == pytest.approx(ttest_1samp(differences, 0).pvalue)


COUNTS = (80, 50, 25)
SPREAD = np.sqrt(0.2**2 + 0.8**2 + 0.5**2 + 0.6**2)
RUNS, STRATEGIES = 30, 2


def comparison(seeds, shared, gain, rng):
    """Effects of made-up strategies, the first better than the rest by `gain` in skill.

    Each has its own skill in each class and seed; examples have a difficulty for all, and one
    for each strategy, that stay with them through the seeds.
    """
    labels = np.repeat(np.arange(3), COUNTS)
    n = len(labels)
    skills = np.array([0.0, gain] + [0.0] * (STRATEGIES - 1))
    sets = 1 if shared else seeds
    difficulty = 0.8 * rng.standard_normal((sets, n))
    difficulty = difficulty[:, None] + 0.5 * rng.standard_normal((sets, len(skills), n))
    right = np.empty((seeds, len(skills), n), dtype=bool)
    for seed in range(seeds):
        trained = 0.2 * rng.standard_normal((len(skills), 3))[:, labels]
        luck = 0.6 * rng.standard_normal((len(skills), n))
        right[seed] = skills[:, None] + difficulty[seed % sets] + trained + luck > 0
    tests = [
        HeldOut(labels, np.arange(n, dtype=np.uint64) + np.uint64(n * (seed % sets)))
        for seed in range(seeds)
    ]
    logits = [
        [
            Logits(x, x)
            for x in (np.eye(3)[np.where(row, labels, (labels + 1) % 3)] for row in right[:, index])
        ]
        for index in range(len(skills))
    ]
    found = noise(
        "balanced_accuracy", tests, logits[0], dict(enumerate(logits[1:])), draws=80,
        seed=int(rng.integers(2**31)),
    )  # fmt: skip
    scores = np.stack([right[:, :, labels == c].mean(axis=2) for c in range(3)]).mean(axis=0)
    return {
        str(index): effect(
            scores[:, index + 1] - scores[:, 0], 0.0, each.chance(Common()), 0.05 / STRATEGIES
        )
        for index, each in found.items()
    }


def lowest(chance, runs):
    """The count that falls short of so many expected only once in 10,000 times."""
    return int(binom.ppf(1e-4, runs, chance))


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_simulated_comparisons_err_cover_and_find_as_stated(seeds, shared):
    rng = np.random.default_rng([seeds, shared])
    runs = [comparison(seeds, shared, 0.0, rng) for _ in range(RUNS)]
    words = [{judge(one, 0.0, higher_is_better=True).word for one in run.values()} for run in runs]
    assert sum(bool(word & {"better", "worse"}) for word in words) <= RUNS - lowest(0.95, RUNS)
    effects = [found for run in runs for found in run.values()]
    covered = sum(found.interval[0] <= 0 <= found.interval[1] for found in effects)
    # Strategies of one run share the baseline, so their intervals count as one and a half.
    assert covered / len(effects) >= lowest(0.93, RUNS) / RUNS
    stated = float(np.mean([found.detectable for found in effects]))
    gain = SPREAD * norm.ppf(0.5 + stated)
    planted = [comparison(seeds, shared, gain, rng) for _ in range(RUNS)]
    found = sum(judge(run["0"], 0.0, higher_is_better=True).word == "better" for run in planted)
    assert found >= lowest(0.8, RUNS)
