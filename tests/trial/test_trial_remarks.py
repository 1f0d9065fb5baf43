from functools import cache

import numpy as np
import pytest

from harness.config.experiment import Train
from harness.config.load import load
from harness.data import prepare
from harness.plan.losses import Loss, cross_entropy
from harness.plan.plan import Plan, base_plan
from harness.plan.prior import effective_prior
from harness.strategy.base import Strategy
from harness.strategy.registry import resolve
from harness.strategy.stack import Stack
from harness.trial.remarks import remarks
from harness.trial.trial import Trial
from strategies.focal import FocalLoss


def remarked(stack: Stack) -> list[str]:
    experiment = load(None, ["data.classes=[0, 1]", "imbalance.ratio=2"])
    splits = prepare(experiment, 0)
    plan = stack.plan(base_plan(splits.train, experiment), np.random.default_rng(0))
    return list(remarks(Trial(experiment, stack, 0, splits), plan, effective_prior(plan), 20))


def lines(spec: str, optimizer: str = "adam", **parameters: object) -> str:
    experiment = load(None, ["data.classes=[0, 1]", "imbalance.ratio=2"])
    train = Train(optimizer=optimizer)
    experiment = experiment.model_copy(update={"train": train})
    splits = prepare(experiment, 0)
    stack = resolve(spec, parameters)
    plan = stack.plan(base_plan(splits.train, experiment), np.random.default_rng(0))
    trial = Trial(experiment, stack, 0, splits)
    return "\n".join(remarks(trial, plan, effective_prior(plan), 20))


@pytest.mark.parametrize(
    ("optimizer", "effect"),
    [("sgd", "as with train.learning_rate 2 instead of 0.001"), ("adam", "adam divides that out")],
)
def test_weights_of_thousands_tell_what_they_do_to_the_step(optimizer, effect):
    found = lines("class_weight", optimizer, weights={"0": 2000, "1": 2000}, normalize=False)
    assert "average 2e+03" in found
    assert effect in found


@pytest.mark.parametrize("normalize", [True, False])
def test_ordinary_weights_need_no_remark(normalize):
    scale = 2000 if normalize else 2
    found = lines("class_weight", weights={"0": scale, "1": scale}, normalize=normalize)
    assert "average" not in found


class MakesItsLoss(Strategy):
    """Has another loss function in each plan, or, if told to keep it, always the same."""

    kept: bool = False

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        make = one_loss if self.kept else another_loss
        return base.in_every_phase(loss=Loss(make()))


def another_loss():
    return lambda labels, logits, parameters: 2 * cross_entropy(labels, logits, parameters)


one_loss = cache(another_loss)


def test_a_function_that_each_plan_makes_anew_is_said_with_its_strategy_and_the_mend():
    found = [line for line in remarked(Stack((("mine", MakesItsLoss()),))) if "anew" in line]
    assert len(found) == 1
    assert found[0].startswith("strategy 'mine' makes another_loss.<locals>.<lambda> anew in each")
    assert "at the top of a module" in found[0]


@pytest.mark.parametrize("strategy", [MakesItsLoss(kept=True), FocalLoss()])
def test_a_function_that_stays_the_same_needs_no_remark(strategy):
    assert not [line for line in remarked(Stack((("mine", strategy),))) if "anew" in line]
