from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from harness.config.experiment import Experiment
from harness.data.examples import Examples
from harness.plan.plan import ClassWeights, Plan, base_plan
from harness.plan.prior import effective_prior, overshoots
from harness.plan.samplers import Rotating
from harness.strategy.registry import resolve

COUNTS = (80, 15, 5)


def base(*counts: int) -> Plan:
    labels = np.repeat(np.arange(len(counts)), counts).astype(np.int64)
    train = Examples(np.zeros((len(labels), 2), np.float32), labels, ("ant", "bee", "cat"))
    return base_plan(train, Experiment())


def planned(spec: str, *counts: int, **parameters: Any) -> Plan:
    return resolve(spec, parameters).plan(base(*counts or COUNTS), np.random.default_rng(0))


@pytest.mark.parametrize(
    ("spec", "parameters", "ratios"),
    [
        ("none", {}, COUNTS),
        ("balanced_class_weight", {}, (1, 1, 1)),
        ("balanced_class_weight", {"power": 0.0}, COUNTS),
        ("class_weight", {"weights": {"ant": 1, "bee": 2, "cat": 8}}, (80, 30, 40)),
        ("undersampling", {}, (1, 1, 1)),
        ("rotating_undersampling", {"ratio": 2.0}, (10, 10, 5)),
        ("undersampling+balanced_class_weight", {}, (1 / 80, 1 / 15, 1 / 5)),
        ("focal_loss", {"gamma": 0.0}, COUNTS),
        ("focal_loss", {"gamma": 0.0, "alpha": "balanced"}, (1, 1, 1)),
    ],
)
def test_the_prior_is_visits_times_weights_times_the_losss_factor(
    spec: str, parameters: dict[str, Any], ratios: tuple[float, ...]
) -> None:
    prior = effective_prior(planned(spec, **parameters))
    np.testing.assert_allclose(prior.values, np.array(ratios) / sum(ratios))
    assert prior.exact


@pytest.mark.parametrize("normalize", [True, False])
def test_the_scale_of_weights_does_not_change_the_prior(normalize: bool) -> None:
    weights = ClassWeights(np.array([10.0, 20.0, 80.0]), normalize)
    prior = effective_prior(base(*COUNTS).in_every_phase(class_weight=weights))
    np.testing.assert_allclose(prior.values, np.array([80, 30, 40]) / 150)


def test_focal_loss_leaves_the_prior_approximate() -> None:
    assert not effective_prior(planned("focal_loss")).exact


def test_a_scaled_head_leaves_the_prior_approximate_for_it_has_no_shift_of_its_own() -> None:
    assert not effective_prior(planned("learnable_weight_scaling")).exact
    assert effective_prior(planned("classifier_retraining")).exact


def test_only_the_last_phase_and_the_last_weights_count() -> None:
    first = base(*COUNTS).phases[0]
    rows = ClassWeights(np.array([[1.0, 1.0, 1.0], [1.0, 1.0, 2.0]]))
    last = replace(first, sampler=Rotating(), class_weight=rows)
    prior = effective_prior(replace(base(*COUNTS), phases=(first, last)))
    np.testing.assert_allclose(prior.values, [0.25, 0.25, 0.5])
    assert not prior.exact


def warning(plan: Plan) -> str | None:
    return overshoots(plan, effective_prior(plan))


def test_undersampling_with_balanced_weights_is_told_to_correct_twice() -> None:
    said = warning(planned("undersampling+balanced_class_weight"))
    assert said is not None
    assert "\n" not in said
    assert said.startswith(
        "corrects twice (visits, class weights): the logits will see 'cat' 16 times as often"
    )


@pytest.mark.parametrize(
    "spec", ["none", "undersampling", "rotating_undersampling", "balanced_class_weight"]
)
def test_a_single_correction_is_not_warned_about(spec: str) -> None:
    assert warning(planned(spec)) is None


def test_one_correction_that_goes_too_far_is_not_called_two() -> None:
    said = warning(planned("class_weight", weights={"ant": 1, "bee": 5, "cat": 100}))
    assert said is not None
    assert said.startswith("corrects too far (class weights): ")


def test_examples_that_were_made_are_a_correction_too() -> None:
    plan = planned("class_weight", 80, 80, 80, weights={"ant": 1, "bee": 1, "cat": 16})
    said = overshoots(plan, effective_prior(plan), np.array(COUNTS))
    assert said is not None
    assert said.startswith("corrects twice (examples, class weights): ")


def test_balanced_data_is_not_warned_about() -> None:
    assert warning(planned("undersampling+balanced_class_weight", 9, 9, 9)) is None
