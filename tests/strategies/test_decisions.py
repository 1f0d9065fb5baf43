import numpy as np
import pytest

from harness.config.experiment import Experiment
from harness.data.examples import Examples
from harness.errors import UserError
from harness.plan.plan import Plan, base_plan, changed_fields
from harness.plan.prior import effective_prior
from harness.scoring import decision
from harness.scoring.metrics import softmax
from harness.strategy.registry import resolve

COUNTS = (80, 15, 5)


def base() -> Plan:
    labels = np.repeat([0, 1, 2], COUNTS).astype(np.int64)
    train = Examples(np.zeros((100, 2), np.float32), labels, ("ant", "bee", "cat"))
    return base_plan(train, Experiment())


def planned(spec: str, start: Plan) -> Plan:
    return resolve(spec, {}).plan(start, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("name", "rule"),
    [("threshold_moving", "tuned_threshold"), ("prior_correction", "prior_corrected")],
)
def test_only_the_decision_changes(name: str, rule: str) -> None:
    start = base()
    plan = planned(name, start)
    assert plan.decision == rule
    assert rule in decision.RULES
    assert changed_fields(start, plan) == {"decision"}


@pytest.mark.parametrize("spec", ["balanced_class_weight", "undersampling", "logit_adjustment"])
def test_prior_correction_undoes_a_known_shift_of_prior(spec: str) -> None:
    """Posteriors under the plan's prior become those under the target."""
    plan = planned(f"{spec}+prior_correction", base())
    likelihood = np.random.default_rng(5).dirichlet(np.ones(4), 3).T
    target = np.array([0.2, 0.3, 0.5])
    effective = effective_prior(plan).values
    logits = np.log(likelihood * effective)
    nothing = np.zeros(4, np.int64)
    rule = decision.fit(plan.decision, logits, nothing, effective, target, "balanced_accuracy")
    expected = likelihood * target / (likelihood * target).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(softmax(rule.apply(logits)[1]), expected, rtol=1e-9)


def test_two_decisions_are_refused() -> None:
    with pytest.raises(UserError, match="can't be stacked: both set decision"):
        planned("threshold_moving+prior_correction", base())
