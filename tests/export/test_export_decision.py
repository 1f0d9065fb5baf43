"""Which decision an export makes: the one asked for, the job's, or else what validation picks."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from made import compared, experiment, exported, recorded

from harness.comparison.contestant import Contestant
from harness.config.experiment import Evaluation
from harness.errors import UserError
from harness.export.decision import most_picked, under

FLOOR = "{recall_floor: {9: 0.8}, confidence: null}"


@pytest.fixture(autouse=True)
def without_mlflow_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.export.export.is_read_only", lambda uri: True)


def card(folder: Path) -> str:
    return (folder / "README.md").read_text("utf-8")


def test_what_the_comparison_asks_for_is_exported_and_nothing_else(record: Path) -> None:
    settings = experiment(evaluation={"decision": "argmax"})
    compared(settings, ("none", "label_smoothing"), seeds=2)
    document = exported(settings.name, record / "model")
    assert document["rule"]["name"] == document["verdict"]["exported_rule"] == "argmax"
    assert "under the decision that the comparison asks for, argmax" in document["reason"]
    assert document["verdict"]["exported_mean"] == pytest.approx(document["verdict"]["mean"])

    document = exported(settings.name, record / "floor", decision=FLOOR, ensemble=True)
    assert document["rule"]["name"] == document["verdict"]["exported_rule"] == "recall_floor"
    assert document["decision"]["recall_floor"] == {"9": 0.8}
    assert document["decision"]["source"] == "as asked"
    text = card(record / "floor")
    assert "under the exported rule (recall floor), and " in text
    assert "that the ensemble does is not verified" in text
    assert "It keeps" not in text


def test_a_run_is_decided_as_recorded_or_as_asked(record: Path) -> None:
    settings = experiment(
        evaluation={
            "decision": {"recall_floor": {"9": 0.8}},
            "metric": {"precision_at_recall": 0.8},
            "costs": {"9": {"1": 5}},
        }
    )
    run_id = recorded(settings)
    document = exported(run_id, record / "model", refit=True)
    assert "under recall floor, as recorded with the run" in document["reason"]
    assert document["metrics"].keys() >= {"precision_at_recall:0.8", "expected_cost"}
    (remark,) = [line for line in document["remarks"] if "can't promise" in line]
    text = card(record / "model")
    assert remark in text
    assert "not promised" in text
    assert "has trained on these validation examples since" in text
    assert "| precision at a recall of 0.8 |" in text

    document = exported(run_id, record / "asked", decision="{costs: {9: {1: 50}}}")
    assert "under costs, as asked" in document["reason"]
    assert document["decision"]["costs"] == {"9": {"1": 50.0}}
    assert document["rule"]["costs"][9][1] == 50
    assert "moves probabilities to the target" in card(record / "asked")
    json.dumps(document)


def test_no_decision_leaves_the_strategy_its_rule() -> None:
    assert under(Evaluation(decision="costs"), "null").rule is None
    assert under(Evaluation(decision="costs"), None).rule == "costs"


def test_costs_that_are_asked_for_stand_for_those_of_the_evaluation() -> None:
    before = Evaluation.model_validate({"costs": {"a": {"b": 2}}})
    assert under(before, "{costs: {a: {b: 9}}}").error_costs == {"a": {"b": 9}}
    assert under(before, "costs").error_costs == {"a": {"b": 2}}


@pytest.mark.parametrize("text", ["", "argmx", "{recall_floor: {a: 2}}", "{floor: 1}", "[", "3"])
def test_what_is_no_decision_is_one_line(text: str) -> None:
    with pytest.raises(UserError, match="--decision") as caught:
        under(Evaluation(), text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("rules", "most"),
    [
        ({0: "tuned_threshold", 1: "tuned_threshold", 2: "argmax"}, "tuned_threshold"),
        ({0: "tuned_threshold", 1: "prior_corrected"}, "prior_corrected"),
        ({0: "prior_corrected", 1: "argmax"}, "argmax"),
        ({0: "costs", 1: "costs"}, "costs"),
    ],
)
def test_the_rule_of_most_seeds_is_that_of_all(rules: Mapping[int, str], most: str) -> None:
    assert most_picked(Contestant({}, rules)) == most
