"""A comparison under the decision that the job asks for."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from made_up import trial

from harness.comparison.contestant import Contestant
from harness.comparison.document import results
from harness.comparison.moved import moved
from harness.comparison.records import RecordedTrial
from harness.comparison.remarks import of_decision
from harness.comparison.summary import Comparison, summarise
from harness.config.experiment import Evaluation
from harness.config.load import load
from harness.scoring.job import Job

FLOOR = "evaluation.decision={recall_floor: {few: 0.9}}"
SHOWN = "evaluation.decision={recall_floor: {few: 0.9}, confidence: null}"
COSTS = "evaluation.decision={costs: {few: {many: 20}}}"


def asked(*overrides: str) -> Evaluation:
    return load(None, overrides).evaluation


def under(evaluation: Evaluation, found: RecordedTrial) -> RecordedTrial:
    """The trial as it is decided by an evaluation."""
    decided = replace(found, evaluation=evaluation)
    vars(decided)["plan"] = found.plan | {"target_prior": {"many": 0.5, "few": 0.5}}
    job = Job.of(evaluation, found.predictions.class_names)
    prior = decided.target_prior
    vars(decided)["predictions"] = found.predictions.decided_by(job, prior)
    return decided


def trials(evaluation: Evaluation, seeds: int = 3) -> dict[str, dict[int, RecordedTrial]]:
    return {
        name: {seed: under(evaluation, trial(name, seed, gain)) for seed in range(seeds)}
        for name, gain in (("none", 0.0), ("learner", 0.6))
    }


def compared(evaluation: Evaluation) -> Comparison:
    return summarise(trials(evaluation), "none", evaluation.metric, 0.01)


@pytest.mark.parametrize(
    ("override", "rule"),
    [
        ("evaluation.decision=argmax", "argmax"),
        ("evaluation.decision=tuned_threshold", "tuned_threshold"),
        (FLOOR, "recall_floor"),
        (COSTS, "costs"),
    ],
)
def test_every_strategy_is_decided_by_the_rule_that_is_asked_for(override: str, rule: str) -> None:
    for found in trials(asked(override)).values():
        assert set(Contestant.under(found).rules.values()) == {rule}


def test_without_a_decision_each_strategy_has_its_own_rule() -> None:
    assert set(Contestant.under(trials(asked())["none"]).rules.values()) == {"argmax"}


def test_both_ways_to_write_costs_decide_alike() -> None:
    written = asked("evaluation.decision=costs", "evaluation.costs={few: {many: 20}}")
    one, other = (
        under(each, trial("none", 0)).predictions.test("costs").label
        for each in (asked(COSTS), written)
    )
    assert (one == other).all()
    assert written.job == asked(COSTS).job


def test_a_floor_is_kept_on_validation_and_dear_misses_raise_recall() -> None:
    plain, floor, costs = (
        compared(asked(*each)).base.by_class.recall.mean[1] for each in ((), (FLOOR,), (COSTS,))
    )
    assert plain < 0.5
    assert floor > 0.88
    assert costs > 0.9


def test_the_verdict_is_that_under_the_decision() -> None:
    row = results(compared(asked(FLOOR)))["strategies"][1]
    found = trials(asked(FLOOR))
    sides = {name: Contestant.under(each) for name, each in found.items()}
    expected = np.mean(
        [
            sides["learner"].score(seed, "balanced_accuracy")
            - sides["none"].score(seed, "balanced_accuracy")
            for seed in range(3)
        ]
    )
    assert row["difference"] == pytest.approx(expected)
    assert row["verdict"] == "better"


def test_floors_and_costs_move_the_threshold_of_plain_training_as_well() -> None:
    for override in (FLOOR, COSTS):
        evaluation = asked(override)
        found = trials(evaluation)["none"]
        assert set(moved(found, "balanced_accuracy").rules.values()) == {evaluation.rule}
        row = results(compared(evaluation))["strategies"][1]
        assert row["against_moved"]["difference"] == row["difference"]


@pytest.mark.parametrize(
    "metric",
    ["expected_cost", "precision_at_recall:0.9", "roc_auc:max_fpr:0.2", "roc_auc:min_tpr:0.8"],
)
def test_every_metric_of_a_job_can_decide(metric: str) -> None:
    line = results(compared(asked(COSTS, f"evaluation.metric={metric}")))["strategies"][1]
    low, high = line["interval"]
    assert low < line["difference"] < high
    assert (line["difference"] < 0) == (metric == "expected_cost")
    assert line["verdict"] in ("better", "undecided")


def test_the_expected_cost_is_by_the_costs_that_are_asked_for() -> None:
    evaluation = asked(COSTS, "evaluation.metric=expected_cost")
    found = trials(evaluation)["none"][0]
    predicted = found.predictions.test("costs").label.argmax(axis=1)
    labels = found.predictions.test_labels
    paid = 20 * ((labels == 1) & (predicted == 0)) + ((labels == 0) & (predicted == 1))
    score = Contestant.under({0: found}).score(0, "expected_cost")
    assert score == pytest.approx(paid.mean())


class Split:
    """Stands for the first seed's data."""

    def __init__(self, validation: tuple[int, int]) -> None:
        self.train = type("Train", (), {"class_names": ("many", "few")})
        groups: Mapping[str, object] = {"counts": np.array(validation), "n_groups": None}
        self.validation = type("Validation", (), groups)


def test_what_validation_is_too_small_to_promise_is_remarked() -> None:
    job = Job.of(asked(FLOOR), ("many", "few"))
    (line,) = of_decision({}, job, Split((100, 9)))  # type: ignore[arg-type]
    assert "9 validation examples of 'few'" in line
    assert "29 are needed" in line
    assert not of_decision({}, job, Split((100, 29)))  # type: ignore[arg-type]
    shown = Job.of(asked(SHOWN), ("many", "few"))
    assert not of_decision({}, shown, Split((100, 9)))  # type: ignore[arg-type]


def test_floors_that_exclude_each_other_are_remarked_with_where() -> None:
    evaluation = asked("evaluation.decision={recall_floor: {few: 0.99, many: 0.99}}")
    found, job = trials(evaluation), Job.of(evaluation, ("many", "few"))
    lines = of_decision(found, job, Split((500, 500)))  # type: ignore[arg-type]
    assert any(
        "recall of 'many' can't be kept" in line and "none (seed 0)" in line for line in lines
    )
