"""Verdicts from recorded trials, with predictions that are made to order."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from made_up import decided, trial
from scipy.stats import ttest_1samp

from harness.comparison.document import results
from harness.comparison.looks import NEW, Family
from harness.comparison.records import RecordedTrial
from harness.comparison.summary import Comparison, summarise
from harness.comparison.summary import score as score_under


def compared(
    metric: str = "balanced_accuracy", seeds: int = 5, **strategies: Mapping[str, float]
) -> Comparison:
    trials = {
        name: {seed: trial(name, seed, **how) for seed in range(seeds)}
        for name, how in {"none": {}, **strategies}.items()
    }
    return summarise(trials, "none", metric, 0.01)


def row(comparison: Comparison, name: str) -> dict[str, Any]:
    (found,) = [each for each in results(comparison)["strategies"] if each["strategy"] == name]
    return dict(found)


def test_what_only_moves_the_threshold_is_better_and_labelled() -> None:
    found = row(compared(mover={"shift": 2.0}), "mover")
    assert (found["verdict"], found["threshold_only"]) == ("better", True)
    assert found["learning"] == "threshold_only"
    corrected = found["under"]["prior_corrected"]
    assert corrected["difference"] == pytest.approx(0, abs=0.01)


def test_what_learns_more_is_better_and_not_labelled() -> None:
    found = row(compared(learner={"gain": 1.5}), "learner")
    assert (found["verdict"], found["threshold_only"]) == ("better", False)
    assert found["learning"] == "learned"
    assert found["under"]["prior_corrected"]["difference"] > 0.05


def test_what_does_neither_is_not_told_apart() -> None:
    assert row(compared(same={}), "same")["verdict"] in {"equivalent", "undecided"}


def test_where_lower_is_better_a_negative_difference_is_the_better_one() -> None:
    found = row(compared("log_loss", learner={"gain": 1.5}), "learner")
    assert found["difference"] < 0
    assert found["verdict"] == "better"


def test_the_baseline_has_a_row_of_its_own_without_any_difference() -> None:
    base = row(compared(mover={"shift": 1.0}), "none")
    assert (base["difference"], base["interval"], base["verdict"]) == (
        0.0,
        [0.0, 0.0],
        "equivalent",
    )


def test_only_seeds_that_both_have_finished_are_paired() -> None:
    trials = {
        "none": {seed: trial("none", seed) for seed in range(5)},
        "learner": {seed: trial("learner", seed, gain=1.5) for seed in (1, 2, 3, 9)},
    }
    found = row(summarise(trials, "none", "balanced_accuracy", 0.01), "learner")
    assert found["paired_seeds"] == 3


def test_differing_budgets_are_told() -> None:
    trials = {name: {s: trial(name, s) for s in range(3)} for name in ("none", "longer")}
    for each in trials["longer"].values():
        each.run.metrics["cost/examples_seen"] = 1500.0
    comparison = summarise(trials, "none", "balanced_accuracy", 0.01)
    assert [line.strategy for line in comparison.other_budgets] == ["longer"]
    assert row(comparison, "longer")["relative_cost"]["examples_seen"] == 1.5


def test_a_strategy_without_a_trial_has_no_line_and_one_without_a_pair_no_verdict() -> None:
    trials = {
        "none": {seed: trial("none", seed) for seed in range(3)},
        "gone": {},
        "apart": {9: trial("apart", 9)},
    }
    comparison = summarise(trials, "none", "balanced_accuracy", 0.01)
    assert comparison.strategies == ("none", "gone", "apart")
    assert [line.strategy for line in comparison.lines] == ["none", "apart"]
    assert comparison.judged == ()


LABELS = np.repeat([0, 1, 2, 3], [60, 60, 60, 1])


def flipped(seed: int, share: float, tiny_right: bool) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Predictions that are wrong in a share of the large classes, right or not in the tiny one."""
    wrong = np.random.default_rng([seed, int(1000 * share)]).random(len(LABELS)) < share
    wrong[-1] = not tiny_right
    return np.where(wrong, (LABELS + 1) % 4, LABELS)


def with_tiny_class(gain: float, tiny: bool) -> Comparison:
    trials = {
        "none": {s: decided("none", s, LABELS, flipped(s, 0.4, False)) for s in range(8)},
        "a": {s: decided("a", s, LABELS, flipped(s, 0.4 - gain, tiny)) for s in range(8)},
    }
    return summarise(trials, "none", "balanced_accuracy", 0.01)


def test_no_gain_hangs_on_a_class_of_one_test_image() -> None:
    """Right in all seeds, where the baseline is wrong in all: 25 points, and nothing else."""
    comparison = with_tiny_class(gain=0.0, tiny=True)
    found = row(comparison, "a")
    assert found["difference"] > 0.2
    assert found["verdict"] == "undecided"
    assert found["fragile_classes"] == ["class 3"]
    assert abs(found["elsewhere"]["difference"]) < 0.05
    assert results(comparison)["fragile_classes"] == ["class 3"]


def test_what_the_other_classes_gain_is_told_beside_it() -> None:
    found = row(with_tiny_class(gain=0.35, tiny=False), "a")
    low, high = found["elsewhere"]["interval"]
    assert 0 < low < 0.35 < high
    assert found["elsewhere"]["difference"] == pytest.approx(4 / 3 * found["difference"])


def test_one_test_image_never_makes_the_interval_narrow() -> None:
    found = row(with_tiny_class(gain=0.0, tiny=True), "a")
    low, high = found["interval"]
    assert low < 0 < high


def test_every_class_has_recall_precision_and_f1_with_intervals() -> None:
    by_class = row(with_tiny_class(gain=0.2, tiny=True), "a")["by_class"]
    assert list(by_class) == ["class 0", "class 1", "class 2", "class 3"]
    first, tiny = by_class["class 0"], by_class["class 3"]
    assert set(first) == {"recall", "precision", "f1", "test_examples"}
    assert (first["test_examples"], tiny["test_examples"]) == (60, 1)
    assert first["recall"]["mean"] == pytest.approx(0.8, abs=0.05)
    low, high = first["recall"]["interval"]
    assert 0.6 < low < first["recall"]["mean"] < high < 0.95
    low, high = tiny["recall"]["interval"]
    assert high - low > 0.9


def test_what_is_never_predicted_has_no_precision_and_what_has_groups_counts_them() -> None:
    groups = np.repeat(np.arange(60), 4)[: len(LABELS)]
    trials = {
        name: {s: decided(name, s, LABELS, np.zeros_like(LABELS), groups) for s in range(3)}
        for name in ("none", "a")
    }
    by_class = row(summarise(trials, "none", "balanced_accuracy", 0.01), "a")["by_class"]
    assert by_class["class 1"]["precision"] == {"mean": None, "interval": None}
    assert by_class["class 1"]["test_groups"] == 15
    json.dumps(by_class, allow_nan=False)


def test_two_that_call_everything_the_same_are_collapsed() -> None:
    trials = {
        name: {s: decided(name, s, LABELS, np.zeros_like(LABELS)) for s in range(3)}
        for name in ("none", "a")
    }
    found = row(summarise(trials, "none", "balanced_accuracy", 0.01), "a")
    assert found["verdict"] == "collapsed"


def test_examples_of_one_patient_widen_the_interval() -> None:
    labels = np.repeat([0, 1], 200)
    groups = np.repeat(np.arange(40), 10)
    patients = np.random.default_rng(1).random(40) < 0.3
    wrong = np.where(patients[groups], 1 - labels, labels)
    halves = {}
    for known in (None, groups):
        trials = {
            "none": {s: decided("none", s, labels, wrong, known) for s in range(5)},
            "a": {s: decided("a", s, labels, labels, known) for s in range(5)},
        }
        low, high = row(summarise(trials, "none", "balanced_accuracy", 0.01), "a")["interval"]
        halves[known is not None] = high - low
    assert halves[True] > 2.5 * halves[False]


def test_more_strategies_and_more_looks_widen_the_interval() -> None:
    trials = {name: {s: trial(name, s) for s in range(5)} for name in ("none", "a")}

    def width(family: Family) -> float:
        found = summarise(trials, "none", "balanced_accuracy", 0.01, family)
        low, high = row(found, "a")["interval"]
        return float(high - low)

    alone = width(Family((5,), ("a",)))
    assert width(Family((5,), ("a", "b", "c"))) > alone
    assert width(Family((3, 5), ("a",))) > alone
    assert width(NEW) == alone


def test_on_new_seeds_of_this_very_pool_it_is_the_paired_t_test() -> None:
    trials = {name: {s: trial(name, s) for s in range(5)} for name in ("none", "a")}
    found = summarise(trials, "none", "balanced_accuracy", 0.01, generalise="pool")
    differences = np.array([score(trials["a"][s]) - score(trials["none"][s]) for s in range(5)])
    low, high = ttest_1samp(differences, 0).confidence_interval(1 - 0.7 * 0.05)
    assert row(found, "a")["interval"] == pytest.approx([low, high])
    images = summarise(trials, "none", "balanced_accuracy", 0.01)
    assert row(images, "a")["interval"][1] > high


def score(found: RecordedTrial) -> float:
    return score_under(found, "balanced_accuracy", "own")


def test_the_advice_names_plain_training_with_a_moved_decision() -> None:
    """A strategy that only moves the threshold costs more than moving the threshold."""
    comparison = compared(mover={"shift": 2.0})
    text = results(comparison)["advice"]
    assert text.startswith("Train plainly and move the decision to the uniform prior: ")
    own, moved = (comparison.base.scores[rule].difference for rule in ("own", "prior_corrected"))
    assert f"{100 * moved:.1f} % balanced accuracy instead of {100 * own:.1f} %." in text


def test_the_advice_names_what_beats_plain_training_with_a_moved_decision() -> None:
    text = results(compared(learner={"gain": 2.0}))["advice"]
    assert text.startswith("Use learner: ")
    assert "harness compare learner --tune 30" in text


def test_where_nothing_is_shown_to_help_the_advice_is_plain_training() -> None:
    labels = np.repeat([0, 1], 100)
    trials = {
        name: {
            s: decided(
                name, s, labels, labels ^ (np.random.default_rng([s, len(name)]).random(200) < 0.3)
            )
            for s in range(4)
        }
        for name in ("none", "a")
    }
    text = results(summarise(trials, "none", "balanced_accuracy", 0.01))["advice"]
    assert text.startswith("Train plainly: ")
    assert "would decide on a" in text
