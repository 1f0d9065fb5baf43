import numpy as np
import pytest

from harness.config.experiment import Train
from harness.config.load import load
from harness.data import prepare
from harness.plan.plan import base_plan
from harness.plan.prior import effective_prior
from harness.strategy.registry import resolve
from harness.trial.remarks import remarks
from harness.trial.trial import Trial


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
