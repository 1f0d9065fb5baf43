from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from harness.config.experiment import Experiment
from harness.data.examples import Examples
from harness.errors import UserError
from harness.plan.plan import Phase, Plan, base_plan
from harness.plan.prior import effective_prior
from harness.plan.samplers import Rotating
from harness.strategy.registry import resolve
from strategies.ldam import margin_cross_entropy

COUNTS = (80, 15, 5)


def base(*phases: Phase) -> Plan:
    labels = np.repeat([0, 1, 2], COUNTS).astype(np.int64)
    train = Examples(np.zeros((100, 2), np.float32), labels, ("ant", "bee", "cat"))
    return replace(base_plan(train, Experiment()), phases=phases or (Phase(),))


def planned(
    spec: str = "deferred_reweighting", start: Plan | None = None, **parameters: Any
) -> Plan:
    strategy = resolve(spec, parameters)
    return strategy.plan(base() if start is None else start, np.random.default_rng(0))


def refusal(spec: str, **parameters: Any) -> str:
    with pytest.raises(UserError) as caught:
        planned(spec, **parameters)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("share", [0.5, 0.8])
def test_weights_come_in_the_last_part_of_the_budget(share: float) -> None:
    first, second = planned(share=share).phases
    assert (first.share, second.share) == pytest.approx((share, 1 - share))
    assert first.class_weight is None
    assert second.class_weight is not None
    assert first.loss is second.loss
    assert first.sampler is second.sampler


@pytest.mark.parametrize(
    ("weights", "other", "parameters"),
    [
        ("balanced", "balanced_class_weight", {}),
        ("effective_number", "class_balanced_weight", {"beta": 0.99}),
    ],
)
def test_the_weights_are_those_of_the_strategy_of_that_name(
    weights: str, other: str, parameters: dict[str, float]
) -> None:
    deferred = planned(weights=weights, **parameters)
    always = planned(other, **parameters)
    np.testing.assert_array_equal(
        deferred.class_weights(deferred.phases[1], 0), always.class_weights(always.phases[0], 0)
    )
    prior = effective_prior(deferred)
    np.testing.assert_array_equal(prior.values, effective_prior(always).values)
    assert prior.exact


def test_without_a_budget_before_the_weights_hold_from_the_start() -> None:
    (phase,) = planned(share=0.0).phases
    assert phase.class_weight is not None
    assert phase.share == 1


def test_what_came_before_stays_in_both_phases() -> None:
    plan = planned("rotating_undersampling+ldam+deferred_reweighting")
    assert len(plan.phases) == 2
    for phase in plan.phases:
        assert phase.loss.function is margin_cross_entropy
        assert isinstance(phase.sampler, Rotating)
    assert plan.phases[0].class_weight is None
    assert plan.phases[1].class_weight is not None


def test_what_comes_after_reaches_both_phases() -> None:
    plan = planned("deferred_reweighting+ldam")
    assert [phase.loss.function for phase in plan.phases] == [margin_cross_entropy] * 2
    assert plan.phases[1].class_weight is not None


@pytest.mark.parametrize("shares", [(1.0, 1.0), (3.0, 1.0), (0.2, 0.2)])
def test_phases_are_cut_where_the_share_of_the_budget_is_spent(shares: tuple[float, ...]) -> None:
    first, second = (Phase(share=share) for share in shares)
    plan = planned(start=base(first, second), share=0.75)
    total = sum(shares)
    deferred = [phase.share for phase in plan.phases if phase.class_weight is not None]
    assert sum(phase.share for phase in plan.phases) == pytest.approx(total)
    assert sum(deferred) == pytest.approx(total / 4)
    assert plan.phases[0] is first
    assert plan.phases[-1].sampler is second.sampler


def test_it_stacks_with_progressive_sampling_either_way() -> None:
    parts = ("deferred_reweighting", "balanced_sampling")
    for spec in ("+".join(parts), "+".join(reversed(parts))):
        plan = planned(spec, progressive=True)
        assert len(plan.phases) == 5
        weighted = [phase.class_weight is not None for phase in plan.phases]
        assert weighted == [False, False, False, False, True]


@pytest.mark.parametrize("other", ["balanced_class_weight", "class_balanced_weight"])
@pytest.mark.parametrize("reverse", [False, True])
def test_two_weightings_are_refused_by_name_and_field(other: str, reverse: bool) -> None:
    names = ["deferred_reweighting", other][:: -1 if reverse else 1]
    assert refusal("+".join(names)) == (
        f"strategies {names[0]!r} and {names[1]!r} can't be stacked: "
        "both set phases[1].class_weight; use one of them"
    )


def test_a_third_part_is_held_against_the_first_across_the_cut() -> None:
    said = refusal("ldam+deferred_reweighting+focal_loss")
    assert "'ldam' and 'focal_loss' can't be stacked: both set phases[0].loss" in said


@pytest.mark.parametrize(
    "parameters", [{"share": 1.0}, {"share": -0.1}, {"beta": 1.0}, {"weights": "ballanced"}]
)
def test_bad_parameters_are_refused(parameters: dict[str, Any]) -> None:
    assert next(iter(parameters)) in refusal("deferred_reweighting", **parameters)
