import json
import re
from time import process_time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from harness.scoring.decision import RULES, FittedRule, fit
from harness.scoring.label_metrics import LABEL_BASED
from harness.scoring.metrics import one, softmax
from harness.scoring.threshold import Contest

UNIFORM = np.array([0.5, 0.5])


def lopsided(n, n_classes, seed=0, shift=3.0):
    """Labels and logits of a model that leans toward the first classes."""
    rng = np.random.default_rng(seed)
    prior = 0.5 ** np.arange(n_classes)
    labels = rng.choice(n_classes, size=n, p=prior / prior.sum())
    logits = rng.normal(size=(n, n_classes)) + 1.5 * np.eye(n_classes)[labels]
    return (logits - shift * np.arange(n_classes) / n_classes).astype(np.float32), labels


def tuned(logits, labels, metric):
    prior = np.full(logits.shape[1], 1 / logits.shape[1])
    return fit("tuned_threshold", logits, labels, prior, prior, metric)


def achieved(rule, logits, labels, metric):
    return one(metric, labels, rule.apply(logits)[0], 1)


def test_argmax_leaves_the_logits_alone():
    logits, labels = lopsided(50, 3)
    rule = fit("argmax", logits, labels, np.ones(3) / 3, np.ones(3) / 3, "mcc")
    for applied in rule.apply(logits):
        assert (applied == logits).all()


def test_prior_correction_is_bayes_rule():
    effective, target = np.array([0.9, 0.08, 0.02]), np.array([0.2, 0.3, 0.5])
    logits, labels = lopsided(50, 3)
    rule = fit("prior_corrected", logits, labels, effective, target, "mcc")
    expected = softmax(logits) * target / effective
    expected /= expected.sum(axis=1, keepdims=True)
    label_logits, probability_logits = rule.apply(logits)
    assert softmax(probability_logits) == pytest.approx(expected)
    assert (label_logits == probability_logits).all()


@pytest.mark.filterwarnings("error")
def test_prior_correction_survives_a_class_of_no_weight():
    effective, target = np.array([1.0, 0.0, 0.0]), np.array([0.5, 0.5, 0.0])
    rule = fit("prior_corrected", np.zeros((1, 3)), np.zeros(1, np.int64), effective, target, "mcc")
    assert np.isfinite(rule.label_offsets).all()
    assert rule.label_offsets[1] == 0


@pytest.mark.parametrize("metric", LABEL_BASED)
@pytest.mark.parametrize("seed", range(5))
def test_two_classes_get_the_best_of_all_thresholds(metric, seed):
    logits, labels = lopsided(80, 2, seed)
    margins = np.sort(logits.astype(np.float64)[:, 0] - logits[:, 1])
    cuts = [margins[0] - 1, *(margins[:-1] + margins[1:]) / 2, margins[-1] + 1, 0.0]
    best = max(one(metric, labels, logits + np.array([0.0, cut]), 1) for cut in cuts)
    assert achieved(tuned(logits, labels, metric), logits, labels, metric) == pytest.approx(best)


logit_tables = st.integers(2, 5).flatmap(
    lambda n_classes: st.integers(1, 40).flatmap(
        lambda n: st.tuples(
            arrays(np.float32, (n, n_classes), elements=st.floats(-50, 50, width=32)),
            arrays(np.int64, n, elements=st.integers(0, n_classes - 1)),
        )
    )
)


@given(logit_tables, st.sampled_from(LABEL_BASED))
def test_tuning_is_never_worse_on_validation_than_argmax(table, metric):
    logits, labels = table
    rule = tuned(logits, labels, metric)
    assert achieved(rule, logits, labels, metric) >= one(metric, labels, logits, 1)
    assert np.isfinite(rule.label_offsets).all()


@given(logit_tables)
def test_tuning_moves_labels_only(table):
    logits, labels = table
    assert (tuned(logits, labels, "f1_macro").apply(logits)[1] == logits).all()


@pytest.mark.parametrize("n_classes", [3, 10])
@pytest.mark.parametrize("metric", LABEL_BASED)
def test_many_classes_gain_as_well(n_classes, metric):
    logits, labels = lopsided(600, n_classes)
    rule = tuned(logits, labels, metric)
    assert achieved(rule, logits, labels, metric) > one(metric, labels, logits, 1) + 0.005


def test_no_single_offset_of_many_classes_could_do_better():
    logits, labels = lopsided(150, 3)
    rule = tuned(logits, labels, "balanced_accuracy")
    reached = achieved(rule, logits, labels, "balanced_accuracy")
    for index in range(3):
        for offset in np.linspace(-10, 10, 401):
            offsets = rule.label_offsets.copy()
            offsets[index] = offset
            assert one("balanced_accuracy", labels, logits + offsets, 1) <= reached + 1e-9


def test_a_perfect_model_is_left_as_it_is():
    labels = np.repeat(np.arange(4), 5)
    rule = tuned(np.eye(4, dtype=np.float32)[labels], labels, "balanced_accuracy")
    assert (rule.label_offsets == 0).all()


def test_a_metric_of_probabilities_is_replaced_by_balanced_accuracy():
    logits, labels = lopsided(200, 4)
    expected = tuned(logits, labels, "balanced_accuracy").label_offsets
    assert (tuned(logits, labels, "log_loss").label_offsets == expected).all()


def test_fitting_twice_gives_the_same():
    logits, labels = lopsided(300, 5)
    first, second = (tuned(logits, labels, "mcc").label_offsets for _ in range(2))
    assert (first == second).all()


def test_no_validation_examples_leave_the_logits_alone():
    rule = tuned(np.zeros((0, 3), np.float32), np.zeros(0, np.int64), "mcc")
    assert (rule.label_offsets == 0).all()


def test_a_thousand_classes_take_seconds():
    rng = np.random.default_rng(0)
    labels = rng.integers(1_000, size=3_000)
    logits = rng.normal(size=(3_000, 1_000)).astype(np.float32) + 2 * np.eye(1_000)[labels]
    started = process_time()
    rule = tuned(logits, labels, "balanced_accuracy")
    assert process_time() - started < 8
    before = one("balanced_accuracy", labels, logits, 1)
    assert achieved(rule, logits, labels, "balanced_accuracy") > before + 0.05


def test_an_unknown_rule_is_refused_with_the_known_ones():
    logits, labels = lopsided(10, 2)
    with pytest.raises(ValueError, match=f"known: {', '.join(RULES)}"):
        fit("argmin", logits, labels, UNIFORM, UNIFORM, "mcc")


scenes = st.tuples(st.integers(0, 2**32 - 1), st.integers(2, 6), st.integers(1, 20))


def scene(seed: int, n_classes: int, n: int):
    """Logits of which many are equal, and labels."""
    rng = np.random.default_rng(seed)
    return (
        rng,
        rng.integers(-2, 3, (n, n_classes)).astype(np.float32),
        rng.integers(n_classes, size=n),
    )


@given(scenes)
def test_rivals_are_known_without_looking_at_all_logits_again(drawn):
    rng, logits, labels = scene(*drawn)
    contest, rows = Contest(logits, labels), np.arange(len(labels))
    for _ in range(4):
        for index in range(logits.shape[1]):
            others = logits + contest.offsets
            others[:, index] = -np.inf
            rival, strongest = contest.rivals(index)
            assert (rival == others.argmax(axis=1)).all()
            assert (strongest == others[rows, rival]).all()
            contest.move(index, float(rng.integers(-2, 3)))


@given(scenes, st.sampled_from(LABEL_BASED), st.sampled_from([1, 3, 100]))
def test_what_an_offset_gains_is_what_the_score_rises(drawn, metric, nearby):
    _, logits, labels = scene(*drawn)
    contest = Contest(logits, labels)
    for index in range(logits.shape[1]):
        before = contest.score(metric)
        gain = contest.improve(index, metric, nearby)
        assert gain >= 0
        assert contest.score(metric) == one(metric, labels, logits + contest.offsets, 1)
        assert contest.score(metric) == pytest.approx(before + gain)


@given(scenes, st.sampled_from(LABEL_BASED))
def test_no_other_offset_of_the_class_could_gain_more(drawn, metric):
    _, logits, labels = scene(*drawn)
    contest = Contest(logits, labels)
    contest.improve(0, metric, nearby=len(labels))
    for offset in np.arange(-5, 5, 0.5):
        offsets = contest.offsets.copy()
        offsets[0] = offset
        if not (logits[:, 1:] - logits[:, :1] == offset).any():  # there, ties go by the order
            assert one(metric, labels, logits + offsets, 1) <= contest.score(metric) + 1e-9


def with_costs(n_classes, seed=0):
    """A rule with every part: offsets, a temperature, costs and floors."""
    rng = np.random.default_rng(seed)
    costs = rng.uniform(0, 9, (n_classes, n_classes))
    np.fill_diagonal(costs, 0)
    return FittedRule(
        "costs", rng.normal(size=n_classes), rng.normal(size=n_classes), 1.7, costs, {1: 0.95}
    )


@given(scenes)
def test_a_rule_that_was_written_and_read_decides_the_same(drawn):
    _, logits, _ = scene(*drawn)
    rule = with_costs(logits.shape[1])
    read = FittedRule.of_document(json.loads(json.dumps(rule.as_document())))
    for before, after in zip(rule.apply(logits), read.apply(logits), strict=True):
        assert (before == after).all()
    assert read.floors == rule.floors


def test_with_costs_the_label_is_the_class_of_least_expected_cost():
    logits, _ = lopsided(50, 3)
    rule = with_costs(3)
    scores, probability_logits = rule.apply(logits)
    assert probability_logits == pytest.approx(logits / 1.7 + rule.probability_offsets)
    p = softmax(probability_logits)
    expected = [[sum(row[i] * rule.costs[i, j] for i in range(3)) for j in range(3)] for row in p]
    assert (scores.argmax(axis=1) == np.argmin(expected, axis=1)).all()


@pytest.mark.parametrize(
    ("key", "value", "part"),
    [
        ("temperature", 0, "temperature: Input should be greater than 0"),
        ("temperature", float("inf"), "temperature: "),
        ("label_offsets", [], "label_offsets: "),
        ("label_offsets", ["1", 0.0], "label_offsets.0: "),
        ("probability_offsets", [0.0], "probability_offsets must have 2 numbers"),
        ("costs", [[0.0, 1.0]], "costs must have 2 rows of 2 numbers"),
        ("costs", [[0.0, -1.0], [1.0, 0.0]], "costs.0.1: "),
        ("costs", [[1.0, 1.0], [1.0, 0.0]], "costs must be 0 where the prediction is right"),
        ("floors", {"2": 0.5}, "floors must be of classes from 0 to 1"),
        ("floors", {"0": 1.5}, "floors.0: "),
        ("more", 1, "more: "),
    ],
)
def test_a_document_that_is_no_rule_is_refused_in_one_line(key, value, part):
    document = with_costs(2).as_document() | {key: value}
    with pytest.raises(ValueError, match=re.escape(part)) as refused:
        FittedRule.of_document(document)
    assert "\n" not in str(refused.value)
