"""The decision in a configuration: what is read is what was written."""

import pytest

from harness.config.experiment import Experiment
from harness.config.load import load, resolved
from harness.config.yaml_text import parse


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["evaluation.decision=tuned_threshold"],
        ["evaluation.decision={recall_floor: {01: 0.95, b: 0.5}}"],
        ["evaluation.decision={recall_floor: {a: 1}, confidence: null}"],
        ["evaluation.decision={costs: {a: {b: 50}}}"],
        ["evaluation.decision=costs", "evaluation.costs={a: {b: 50}, b: {a: 0}}"],
        ["evaluation.metric={precision_at_recall: 0.95}"],
        ["evaluation.metric={roc_auc: {max_fpr: 0.2}}"],
        ["evaluation.metric=roc_auc:min_tpr:0.8"],
    ],
)
def test_an_evaluation_is_read_again_as_it_was_resolved(overrides: list[str]) -> None:
    before = load(None, overrides)
    again = Experiment.model_validate(parse(resolved(before), "resolved"))
    assert again.evaluation == before.evaluation
    assert again.evaluation.job == before.evaluation.job


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("{precision_at_recall: 0.95}", "precision_at_recall:0.95"),
        ("{roc_auc: {max_fpr: 0.2}}", "roc_auc:max_fpr:0.2"),
        ("{roc_auc: {min_tpr: 0.8}}", "roc_auc:min_tpr:0.8"),
    ],
)
def test_a_metric_with_a_number_is_one_word(written: str, name: str) -> None:
    for value in (written, name):
        assert load(None, [f"evaluation.metric={value}"]).evaluation.metric == name


def test_what_costs_are_not_asked_for_is_no_part_of_the_job() -> None:
    assert load(None, ["evaluation.costs={a: {b: 5}}"]).evaluation.job == {}
    asked = load(None, ["evaluation.costs={a: {b: 5}}", "evaluation.metric=expected_cost"])
    assert asked.evaluation.job == {"costs": {"a": {"b": 5.0}}}
