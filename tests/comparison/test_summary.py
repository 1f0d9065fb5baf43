"""Verdicts from recorded trials, with predictions that are made to order."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from harness.comparison.document import results
from harness.comparison.records import Predictions, RecordedTrial
from harness.comparison.summary import Comparison, summarise
from harness.scoring.decision import fit
from harness.tracking.store import RecordedRun

N, SHARE = 2_000, np.array([0.9, 0.1])


def trial(strategy: str, seed: int, gain: float = 0.0, shift: float = 0.0) -> RecordedTrial:
    """A trial whose logits are right by odds of `1 + gain`, then moved by `shift` to class 1.

    Its training prior is 9 : 1, which its logits reflect; all trials of a seed share their noise.
    """
    rng = np.random.default_rng(seed)
    labels = np.repeat([0, 1], N // 2)
    ids = rng.integers(0, 2**63, N).astype(np.uint64)
    own = np.random.default_rng([seed, *strategy.encode()])
    evidence = (1 + gain) * (2 * labels - 1) + 2 * rng.normal(size=N) + 0.2 * own.normal(size=N)
    odds = evidence + np.log(SHARE[1] / SHARE[0]) + shift
    prior = SHARE * np.exp([0.0, shift])
    prior /= prior.sum()
    logits = np.stack([np.zeros(N), odds], axis=1).astype(np.float32)
    half = rng.permutation(N)[:400]
    rules = {
        name: fit(name, logits[half], labels[half], prior, np.full(2, 0.5), "balanced_accuracy")
        for name in ("argmax", "prior_corrected", "tuned_threshold")
    }
    metrics = {
        "validation/balanced_accuracy": 0.9,
        "cost/examples_seen": 1000.0,
        "cost/steps": 10.0,
        "cost/train_seconds": 1.0,
    }
    tags = {"strategy": strategy, "seed": str(seed)}
    found = RecordedTrial(None, RecordedRun(f"{strategy}{seed}", "FINISHED", metrics, {}, tags))  # type: ignore[arg-type]
    vars(found)["plan"] = {
        "class_counts_before": [900, 100],
        "effective_prior": {"precision": "exact"},
        "plan": {"decision": "argmax"},
        "class_names": ["many", "few"],
    }
    vars(found)["predictions"] = Predictions(
        ("many", "few"), logits[half], labels[half], logits, labels, ids, rules
    )
    return found


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
    corrected = found["under"]["prior_corrected"]
    assert corrected["difference"] == pytest.approx(0, abs=0.01)


def test_what_learns_more_is_better_and_not_labelled() -> None:
    found = row(compared(learner={"gain": 1.5}), "learner")
    assert (found["verdict"], found["threshold_only"]) == ("better", False)
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
