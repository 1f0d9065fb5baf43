from dataclasses import replace
from typing import Any, Literal, cast

import numpy as np
import pytest
from pydantic import model_validator

from harness import Strategy
from harness.config.experiment import Experiment
from harness.data.examples import Examples
from harness.errors import TrialFailed, UserError
from harness.plan.losses import Loss, cross_entropy
from harness.plan.plan import Plan, base_plan
from harness.plan.samplers import Rotating
from harness.strategy.base import build
from harness.strategy.registry import resolve
from harness.strategy.stack import Stack, assign
from strategies.batch_size import BatchSizeScaling
from strategies.focal import FocalLoss, softmax_focal
from strategies.plain import Plain
from strategies.undersampling import RotatingUndersampling


class OtherLoss(Strategy):
    """Sets a loss, which is the one that is there."""

    gamma: float = 1.0

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        return base.in_every_phase(loss=Loss(cross_entropy))


class Ordered(Strategy):
    """Has two parameters that must agree."""

    low: float = 0.0
    high: float = 1.0

    @model_validator(mode="after")
    def _agree(self) -> "Ordered":
        if self.low > self.high:
            raise ValueError("low is above high")
        return self

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        return base


def base() -> Plan:
    labels = np.repeat([0, 1], [90, 10]).astype(np.int64)
    train = Examples(np.zeros((100, 2), np.float32), labels, ("ant", "bee"))
    return base_plan(train, Experiment())


def refusal(kind: type[Strategy], **parameters: Any) -> str:
    with pytest.raises(UserError) as caught:
        build("it", kind, parameters)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_build_makes_the_strategy_from_parameters_and_defaults() -> None:
    made = build("focal_loss", FocalLoss, {"gamma": 1})
    assert made == FocalLoss(gamma=1.0, alpha="none")


def test_build_suggests_the_parameter_that_was_meant() -> None:
    assert "did you mean 'gamma'?" in refusal(FocalLoss, gama=1.0)


def test_build_says_that_there_are_no_parameters() -> None:
    assert refusal(Plain, gamma=1.0) == "strategy 'it' has no parameters, but got 'gamma'"


@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf"), "2", True, None])
def test_build_refuses_a_value_out_of_range_or_of_another_type(value: object) -> None:
    said = refusal(FocalLoss, gamma=value)
    assert said.startswith("strategy 'it': parameter 'gamma'")
    assert repr(value) in said


def test_build_refuses_parameters_that_contradict_each_other() -> None:
    assert refusal(Ordered, low=2.0).startswith("strategy 'it': ")
    assert "low is above high" in refusal(Ordered, low=2.0)


def test_assign_gives_each_parameter_to_the_only_part_that_has_it() -> None:
    kinds: list[tuple[str, type[Strategy]]] = [
        ("rotating", RotatingUndersampling),
        ("focal", FocalLoss),
    ]
    stack = assign({"gamma": 0.5, "ratio": 2.0}, kinds)
    assert stack.name == "rotating+focal"
    assert stack.parameters == {
        "rotating.ratio": 2.0,
        "focal.gamma": 0.5,
        "focal.alpha": "none",
    }
    assert assign(stack.parameters, kinds) == stack


def test_a_single_strategys_parameters_have_no_prefix() -> None:
    assert assign({"focal.gamma": 0.5}, [("focal", FocalLoss)]).parameters == {
        "gamma": 0.5,
        "alpha": "none",
    }


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("gamma", "parameter 'gamma' is ambiguous: say focal.gamma or other.gamma"),
        ("focla.gamma", "did you mean 'focal'?"),
        ("focal.gama", "did you mean 'gamma'?"),
        ("nothing", "unknown parameter of strategy 'focal': 'nothing'"),
    ],
)
def test_assign_refuses_a_parameter_that_it_cannot_place(key: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        assign({key: 1.0}, [("focal", FocalLoss), ("other", OtherLoss)])
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_stack_applies_its_parts_in_turn() -> None:
    stack = assign(
        {"learning_rate_rule": "linear"},
        [
            ("rotating", RotatingUndersampling),
            ("focal", FocalLoss),
            ("batch", BatchSizeScaling),
        ],
    )
    after = stack.plan(base(), np.random.default_rng(0))
    assert isinstance(after.phases[0].sampler, Rotating)
    assert after.phases[0].loss.function is softmax_focal
    assert after.train.counts.tolist() == [90, 10]


@pytest.mark.parametrize("reverse", [False, True])
def test_two_strategies_that_set_the_loss_are_refused(reverse: bool) -> None:
    parts = (("focal_loss", FocalLoss()), ("other_loss", OtherLoss()))
    first, second = parts[::-1] if reverse else parts
    with pytest.raises(UserError) as caught:
        Stack((first, second)).plan(base(), np.random.default_rng(0))
    assert str(caught.value) == (
        f"strategies {first[0]!r} and {second[0]!r} can't be stacked: "
        "both set phases[0].loss; use one of them"
    )


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ("undersampling+rotating_undersampling", "phases[0].sampler"),
        ("balanced_class_weight+class_weight", "phases[0].class_weight"),
    ],
)
def test_built_in_strategies_of_one_family_are_refused(spec: str, field: str) -> None:
    weights = {"weights": {"ant": 1, "bee": 2}} if "+class_weight" in spec else {}
    with pytest.raises(UserError, match="can't be stacked") as caught:
        resolve(spec, weights).plan(base(), np.random.default_rng(0))
    assert field in str(caught.value)


class Shortened(Strategy):
    """Keeps every second training example."""

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        return replace(base, train=base.train.take(np.arange(0, len(base.train), 2)))


def test_other_examples_come_before_what_looks_at_the_examples() -> None:
    rotating, shortened = ("rotating", RotatingUndersampling()), ("shortened", Shortened())
    generator = np.random.default_rng(0)
    assert len(Stack((shortened, rotating)).plan(base(), generator).train) == 50
    with pytest.raises(UserError, match=r"write shortened\+rotating$"):
        Stack((rotating, shortened)).plan(base(), generator)


def test_a_parameter_is_given_once() -> None:
    given = {"gamma": 1.0, "focal_loss.gamma": 2.0}
    with pytest.raises(UserError, match="'gamma' is given twice"):
        assign(given, [("focal_loss", FocalLoss), ("none", Plain)])


class Careless(Strategy):
    """Divides by nothing."""

    plan_of: Literal["none", "zero"] = "zero"

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        """Fail."""
        return cast(Plan, None if self.plan_of == "none" else 1 / 0)


def test_a_strategy_that_breaks_down_fails_its_trial_and_says_in_which_line() -> None:
    with pytest.raises(
        TrialFailed,
        match=r"'careless' broke down in plan\(\): ZeroDivisionError: .* \(test_stack.py, line",
    ):
        Stack((("careless", Careless()),)).plan(base(), np.random.default_rng(0))


def test_a_strategy_that_returns_no_plan_fails_its_trial() -> None:
    with pytest.raises(TrialFailed, match=r"plan\(\) must return a harness.Plan, not None"):
        careless = Careless(plan_of="none")
        Stack((("careless", careless),)).plan(base(), np.random.default_rng(0))
