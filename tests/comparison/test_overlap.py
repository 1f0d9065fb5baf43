import numpy as np
import pytest

from harness.comparison.effect import Common
from harness.comparison.held_out import HeldOut
from harness.comparison.overlap import FIXED, common


def cut(pool, n_test, seeds):
    rng = np.random.default_rng(0)
    return [
        HeldOut(np.zeros(n_test, int), rng.permutation(pool)[:n_test].astype(np.uint64))
        for _ in range(seeds)
    ]


@pytest.mark.parametrize(("n_test", "n_train"), [(150, 850), (300, 700)])
def test_tests_cut_from_one_pool_correlate_as_nadeau_and_bengio_say(n_test, n_train):
    found = common(cut(n_test + n_train, n_test, seeds=20))
    assert found.images == pytest.approx(n_test / n_train, rel=0.1)
    assert found.training == 0


def test_of_one_test_set_only_the_training_images_are_open():
    assert common(cut(100, 100, seeds=5)) == FIXED


def test_disjoint_tests_and_a_single_seed_have_nothing_in_common():
    apart = [HeldOut(np.zeros(2, int), np.array([k, k + 1], np.uint64)) for k in (0, 2, 4)]
    assert common(apart) == common(apart[:1]) == Common()


def test_folds_leave_the_training_images_open_the_less_the_more_there_are():
    tests = cut(100, 20, seeds=5)
    assert common(tests, folds=5) == Common(training=0.125)
    assert common(tests, folds=10).training < common(tests, folds=5).training
