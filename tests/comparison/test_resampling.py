from time import perf_counter

import numpy as np
import pytest

from harness.comparison import resampling
from harness.comparison.resampling import HeldOut, Logits, noise, weighted
from harness.scoring.metrics import FROM_LABELS, HIGHER_IS_BETTER, one

METRICS = (
    *HIGHER_IS_BETTER,
    "expected_cost",
    "precision_at_recall:0.8",
    "roc_auc:max_fpr:0.3",
    "roc_auc:min_tpr:0.8",
)


def held_out(counts, seed=0, first_id=0):
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    return HeldOut(labels, np.arange(first_id, first_id + len(labels), dtype=np.uint64))


def says(test, n_classes, seed, step=None):
    """Logits of a middling classifier; a step makes many of them tie."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(len(test.labels), n_classes)) + 1.5 * np.eye(n_classes)[test.labels]
    if step is not None:
        logits = np.round(logits / step) * step
    return Logits(logits, logits + rng.normal(size=n_classes))


def plain(metric, labels, logits, positive):
    chosen = logits.label if metric in FROM_LABELS else logits.probability
    return one(metric, labels, chosen, positive)


@pytest.mark.parametrize("step", [None, 1.0])
@pytest.mark.parametrize("counts", [(40, 7), (3, 60), (50, 20, 5, 0), (9, 0)])
@pytest.mark.parametrize("metric", METRICS)
def test_unit_weights_give_the_plain_metric(metric, counts, step):
    test = held_out(counts)
    logits = says(test, len(counts), seed=1, step=step)
    for positive in (0, 1):
        got = weighted(metric, test.labels, logits, positive)(np.ones((len(test.labels), 2)))
        expected = plain(metric, test.labels, logits, positive)
        assert got == pytest.approx([expected] * 2, abs=1e-12, nan_ok=True)


def test_what_is_kept_of_one_call_changes_nothing_in_the_next() -> None:
    def measured(metric, counts):
        tests = [held_out(counts), held_out(counts, seed=1)]
        one, other = ([says(test, 2, seed) for test in tests] for seed in (1, 2))
        return noise(metric, tests, one, {"other": other})["other"].covariance

    alone = {}
    for counts in ((40, 7), (7, 40)):
        for metric in ("balanced_accuracy", "log_loss"):
            resampling._kept_weights.cache_clear()
            alone[metric, counts] = measured(metric, counts)
    for words, expected in (*alone.items(), *alone.items()):
        np.testing.assert_array_equal(measured(*words), expected)


@pytest.mark.parametrize("step", [None, 1.0])
@pytest.mark.parametrize("counts", [(40, 7), (50, 20, 5)])
@pytest.mark.parametrize("metric", METRICS)
def test_a_weight_counts_an_example_that_often(metric, counts, step):
    test = held_out(counts)
    logits = says(test, len(counts), seed=1, step=step)
    # Within each class the weights are permuted multiples whose sum is the class's count.
    weights = np.empty(len(test.labels), dtype=np.int64)
    for index, count in enumerate(counts):
        weights[test.labels == index] = np.bincount(
            np.random.default_rng(3).integers(count, size=count), minlength=count
        )
    rows = np.repeat(np.arange(len(weights)), weights)
    repeated = Logits(logits.label[rows], logits.probability[rows])
    got = weighted(metric, test.labels, logits, 1)(weights[:, None].astype(float))
    assert got[0] == pytest.approx(plain(metric, test.labels[rows], repeated, 1), abs=1e-12)


def test_noise_is_the_binomial_variance_that_theory_gives():
    test = held_out((400, 100))
    worse, better = says(test, 2, 1), says(test, 2, 2)
    estimated = noise("balanced_accuracy", [test], [worse], {"a": [better]}, draws=4000)["a"]
    gains = (better.label.argmax(1) == test.labels) * 1.0 - (worse.label.argmax(1) == test.labels)
    theory = sum(gains[test.labels == c].var() / (test.labels == c).sum() for c in (0, 1)) / 4
    assert estimated.within == pytest.approx(theory, rel=0.1)
    assert estimated.between == 0.0


@pytest.mark.parametrize("metric", METRICS)
def test_seeds_share_the_noise_of_the_examples_they_share(metric):
    first = held_out((60, 20))
    apart = HeldOut(first.labels, first.ids + np.uint64(1000))
    base, other = says(first, 2, 1), says(first, 2, 2)
    same = noise(metric, [first, first], [base, base], {"a": [other, other]}, draws=100)["a"]
    assert same.between == pytest.approx(same.within)
    assert same.within > 0
    disjoint = noise(metric, [first, apart], [base, base], {"a": [other, other]}, draws=100)["a"]
    assert disjoint.between == 0.0
    assert disjoint.covariance.shape == (2, 2)


def test_partly_shared_test_sets_lie_in_between():
    first = held_out((200, 200))
    half = HeldOut(
        first.labels, np.where(np.arange(400) % 2, first.ids, first.ids + np.uint64(999))
    )
    base, other = says(first, 2, 1), says(first, 2, 2)
    found = noise(
        "balanced_accuracy", [first, half], [base, base], {"a": [other, other]}, draws=3000
    )["a"]
    assert found.between / found.within == pytest.approx(0.5, abs=0.1)


def test_the_same_predictions_differ_by_nothing():
    test = held_out((30, 2))
    logits = says(test, 2, 1)
    for metric in METRICS:
        found = noise(metric, [test] * 3, [logits] * 3, {"a": [logits] * 3}, draws=20)["a"]
        assert (found.covariance == 0).all()
        assert found.within == found.between == 0


def test_draws_do_not_depend_on_which_strategies_are_asked_for():
    test = held_out((30, 20))
    base, one_, two = (says(test, 2, seed) for seed in (1, 2, 3))
    both = noise("f1_macro", [test], [base], {"one": [one_], "two": [two]})
    alone = noise("f1_macro", [test], [base], {"two": [two]})
    assert (both["two"].covariance == alone["two"].covariance).all()


def test_a_class_of_one_example_never_vanishes():
    test = held_out((30, 1))
    base, other = says(test, 2, 1), says(test, 2, 2)
    for metric in METRICS:
        found = noise(metric, [test], [base], {"a": [other]}, draws=50)["a"]
        assert np.isfinite(found.covariance).all(), metric


def test_an_undefined_metric_leaves_its_noise_at_zero():
    test = held_out((30, 0))
    found = noise("roc_auc", [test], [says(test, 2, 1)], {"a": [says(test, 2, 2)]}, draws=20)["a"]
    assert found.within == found.between == 0


def test_an_unknown_metric_is_refused_with_the_closest():
    with pytest.raises(ValueError, match="did you mean 'f1_macro'"):
        noise("f1_makro", [], [], {})


def test_a_large_comparison_is_quick():
    counts = (1000,) * 10
    tests = [held_out(counts, seed) for seed in range(5)]
    contestants = [[says(test, 10, 10 * k + s) for s, test in enumerate(tests)] for k in range(9)]
    start = perf_counter()
    noise(
        "balanced_accuracy",
        tests,
        contestants[0],
        {str(k): contestants[k] for k in range(1, 9)},
        draws=50,
    )
    assert perf_counter() - start < 3
