"""What a network is worth on validation, as an evaluation asks: the goal of a search."""

import numpy as np
import pytest

from harness.config.experiment import Evaluation
from harness.config.load import load
from harness.data.examples import Examples
from harness.plan.plan import Phase, Plan
from harness.scoring.metrics import one
from harness.trial.validation import Validation


def scene() -> tuple[Validation, np.ndarray]:
    """Validation of 200 to 40, and logits that call nearly all of them the first class."""
    rng, labels = np.random.default_rng(0), np.repeat([0, 1], [200, 40])
    examples = Examples(np.zeros((240, 1), np.float32), labels, ("fine", "defect"))
    logits = np.stack([np.zeros(240), rng.normal(size=240) + 2 * labels - 3], axis=1)
    plan = Plan(train=examples, phases=(Phase(),), batch_size=8, learning_rate=0.1)
    validation = Validation(None, plan, examples, np.full(2, 0.5), "balanced_accuracy")  # type: ignore[arg-type]
    return validation, logits.astype(np.float32)


def asked(*overrides: str) -> Evaluation:
    return load(None, overrides).evaluation


def test_without_a_decision_it_is_the_plans_own_rule() -> None:
    validation, logits = scene()
    expected = one("f1_macro", validation.examples.labels, logits, 1)
    assert validation.judged(logits, Phase(), asked("evaluation.metric=f1_macro")) == expected


def test_under_a_floor_it_is_the_score_at_that_recall() -> None:
    validation, logits = scene()
    floor = "evaluation.decision={recall_floor: {defect: 0.9}, confidence: null}"
    plain = validation.judged(logits, Phase(), asked())
    assert validation.judged(logits, Phase(), asked(floor)) > plain + 0.1


def test_under_costs_it_is_the_expected_cost_by_them() -> None:
    validation, logits = scene()
    words = ("evaluation.costs={defect: {fine: 30}}", "evaluation.metric=expected_cost")
    costs = np.array([[0.0, 1.0], [30.0, 0.0]])
    labels = validation.examples.labels
    plain = validation.judged(logits, Phase(), asked(*words))
    assert plain == pytest.approx(one("expected_cost", labels, logits, 1, costs))
    decided = validation.judged(logits, Phase(), asked(*words, "evaluation.decision=costs"))
    assert decided < plain
