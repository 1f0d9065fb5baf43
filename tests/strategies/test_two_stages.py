"""Second stages on balanced classes, tau-normalisation, and the initial bias."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from harness.config.experiment import Experiment
from harness.data.examples import Examples
from harness.errors import UserError
from harness.plan.plan import Phase, Plan, base_plan
from harness.plan.prior import effective_prior
from harness.strategy.registry import resolve
from strategies.two_stages import normalised

COUNTS = (80, 15, 5)


def base(*phases: Phase) -> Plan:
    labels = np.repeat(np.arange(3), COUNTS).astype(np.int64)
    train = Examples(np.zeros((100, 2), np.float32), labels, ("a", "b", "c"))
    return replace(base_plan(train, Experiment()), phases=phases or (Phase(),))


def planned(name: str, start: Plan | None = None, **parameters: Any) -> Plan:
    return resolve(name, parameters).plan(start or base(), np.random.default_rng(0))


@pytest.mark.parametrize(
    ("name", "trainable", "head"),
    [
        ("classifier_retraining", "head", "fresh"),
        ("learnable_weight_scaling", "head_scale", "keep"),
    ],
)
def test_the_second_stage_trains_the_classifier_alone_on_balanced_classes(
    name: str, trainable: str, head: str
) -> None:
    plan = planned(name, share=0.75)
    first, second = plan.phases
    assert (first.share, second.share) == pytest.approx((0.75, 0.25))
    assert (first.trainable, first.head, first.schedule) == ("all", "keep", "continue")
    assert (second.trainable, second.head, second.schedule) == (trainable, head, "restart")
    np.testing.assert_allclose(plan.visited(first), [0.8, 0.15, 0.05])
    np.testing.assert_allclose(plan.visited(second), [1 / 3] * 3)
    prior = effective_prior(plan)
    assert prior.exact == (trainable == "head")  # a scale alone has no shift
    np.testing.assert_allclose(prior.values, [1 / 3] * 3)


def test_the_head_is_renewed_once_though_the_second_stage_has_several_phases() -> None:
    plan = planned("classifier_retraining", base(Phase(share=9.0), Phase()), share=0.5)
    assert [phase.head for phase in plan.phases] == ["keep", "fresh", "keep"]
    assert [phase.schedule for phase in plan.phases] == ["continue", "restart", "continue"]
    assert [phase.trainable for phase in plan.phases] == ["all", "head", "head"]


def test_another_sampler_for_the_second_stage_is_refused() -> None:
    with pytest.raises(UserError, match=r"both set phases\[1\]\.sampler"):
        planned("oversampling+classifier_retraining")


def test_the_features_of_mixup_serve_a_retrained_classifier() -> None:
    plan = planned("mixup+classifier_retraining")
    assert [phase.batch_transform.name for phase in plan.phases] == [
        "strategies.mixing:blended"
    ] * 2


@pytest.mark.parametrize("tau", [0.3, 1.0, 1.5])
def test_tau_divides_by_the_norm_to_its_power_and_drops_the_bias(tau: float) -> None:
    rng = np.random.default_rng(0)
    kernel, bias = rng.normal(size=(7, 3)), rng.normal(size=3)
    after, nothing = normalised(kernel, bias, tau=tau)
    for column in range(3):
        norm = np.sqrt((kernel[:, column] ** 2).sum())
        np.testing.assert_allclose(after[:, column], kernel[:, column] / norm**tau)
    assert not nothing.any()
    if tau == 1.0:
        np.testing.assert_allclose(np.linalg.norm(after, axis=0), 1.0)


def test_a_class_without_weights_stays_finite_under_tau() -> None:
    after, _ = normalised(np.zeros((4, 2), np.float32), np.ones(2, np.float32), tau=1.0)
    assert not after.any()


def test_tau_zero_leaves_the_head_alone() -> None:
    assert planned("tau_normalisation", tau=0.0).head_transforms == ()
    kernel, bias = np.ones((2, 3)), np.ones(3)
    (first, *_) = planned("tau_normalisation").head_transforms
    assert first.name == "tau=0"
    assert first.function(kernel, bias) == (kernel, bias)


def test_without_tau_validation_chooses_among_eleven() -> None:
    names = [transform.name for transform in planned("tau_normalisation").head_transforms]
    assert names == ["tau=0", *(f"tau=0.{n}" for n in range(1, 10)), "tau=1"]
    (given,) = planned("tau_normalisation", tau=0.7).head_transforms
    assert given.name == "tau=0.7"
    assert not effective_prior(planned("tau_normalisation")).exact


def test_the_initial_bias_is_the_log_of_each_class_s_share() -> None:
    plan = planned("bias_initialisation")
    assert plan.initial_bias is not None
    np.testing.assert_allclose(np.exp(plan.initial_bias), [0.8, 0.15, 0.05])


def test_the_initial_bias_follows_the_sampler_that_was_set_before_it() -> None:
    plan = planned("rotating_undersampling+bias_initialisation")
    assert plan.initial_bias is not None
    np.testing.assert_allclose(np.exp(plan.initial_bias), [1 / 3] * 3)
