"""What a plan may ask of the last layer and of a batch: each against a reference of its own."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.config.experiment import Experiment
from harness.config.model import Model
from harness.data import prepare
from harness.data.examples import Array
from harness.data.split import Splits
from harness.errors import UserError
from harness.plan.head import Head
from harness.plan.losses import Loss, cross_entropy
from harness.plan.plan import ClassWeights, Phase, Plan, base_plan
from harness.plan.transforms import BatchTransform, HeadTransform
from harness.scoring.metrics import softmax
from harness.strategy.registry import resolve
from harness.training.budget import epoch_examples
from harness.training.compiled import CompiledNetwork, Recipe, compiled_network
from harness.training.loop import EpochEnd, train
from harness.trial.finishing import finish
from harness.trial.validation import Validation

SETTINGS = Experiment.model_validate(
    {
        "imbalance": {"kind": "long_tail", "ratio": 50},
        "model": {"name": "mlp"},
        "train": {"epochs": 4, "batch_size": 64, "optimizer": "sgd", "learning_rate": 0.05},
    }
)


@pytest.fixture(scope="module")
def splits() -> Splits:
    return prepare(SETTINGS, 0)


def plan_of(splits: Splits, *phases: Phase, **fields: Any) -> Plan:
    return replace(base_plan(splits.train, SETTINGS), phases=phases or (Phase(),), **fields)


def network_for(plan: Plan) -> CompiledNetwork:
    return compiled_network(Recipe.of(Model(name="mlp"), SETTINGS.train, plan.train))


def trained_by(splits: Splits, plan: Plan) -> tuple[CompiledNetwork, list[list[Array]]]:
    """Train, and return the network with its weights after each epoch."""
    network = network_for(plan)
    after: list[list[Array]] = []

    def watch(end: EpochEnd) -> bool:
        after.append(network.weights())
        return False

    sizes = epoch_examples(SETTINGS.train, len(splits.train))
    train(network, plan, SETTINGS.train, sizes, 0, [watch])
    return network, after


def same(first: list[Array], second: list[Array]) -> list[bool]:
    return [np.array_equal(a, b) for a, b in zip(first, second, strict=True)]


def test_a_fresh_head_begins_anew_and_only_the_head_is_trained(splits: Splits) -> None:
    phases = Phase(share=3.0), Phase(trainable="head", head="fresh")
    network, after = trained_by(splits, plan_of(splits, *phases))
    assert same(after[2], after[3]) == [True] * 4 + [False] * 2

    network.restore(after[2])
    network.begin(phases[1])
    begun = network.weights()
    network.reset(0)
    assert same(begun, network.weights()) == [False] * 4 + [True] * 2


def test_a_kept_head_goes_on_where_it_was(splits: Splits) -> None:
    network, after = trained_by(splits, plan_of(splits))
    network.restore(after[2])
    network.begin(Phase(trainable="head"))
    assert all(same(after[2], network.weights()))


def test_the_scale_of_the_head_multiplies_its_columns_and_changes_nothing_else(
    splits: Splits,
) -> None:
    phases = Phase(share=3.0), Phase(trainable="head_scale")
    network, after = trained_by(splits, plan_of(splits, *phases))
    assert same(after[2], after[3]) == [True] * 4 + [False] * 2
    scale = after[3][5] / np.where(after[2][5] == 0, 1, after[2][5])
    assert np.ptp(scale) > 1e-3
    np.testing.assert_allclose(after[3][4], after[2][4] * scale, rtol=1e-5)

    # What was read in the middle of the phase gives the logits that were seen there.
    network.restore(after[-1])
    logits = network.predict(splits.validation)
    network.restore(after[2])
    np.testing.assert_allclose(
        logits, network.predict(splits.validation) * scale, rtol=1e-4, atol=1e-5
    )


def test_a_step_of_the_scale_is_gradient_descent_on_it(splits: Splits) -> None:
    plan = plan_of(splits)
    network = network_for(plan)
    network.reset(0)
    rows = np.arange(64)
    inputs, labels = splits.train.gather(rows), splits.train.labels[rows]
    outputs = network.predict(splits.train.take(rows)).astype(np.float64)
    slope = softmax(outputs)
    slope[rows, labels] -= 1
    gradient = (slope * outputs).mean(axis=0)

    phase = Phase(trainable="head_scale")
    network.begin(phase)
    batch = inputs, labels.astype(np.int32)
    seeds = np.zeros((1, 2), np.int32)
    network.run(phase, batch, 64, np.ones(10), np.array([0.5]), seeds)
    expected = outputs * (1 - 0.5 * gradient)
    np.testing.assert_allclose(
        network.predict(splits.train.take(rows)), expected, rtol=1e-4, atol=1e-5
    )


def test_the_initial_bias_is_what_the_logits_of_no_signal_are(splits: Splits) -> None:
    prior = splits.train.counts / len(splits.train)
    plan = plan_of(splits, initial_bias=np.log(prior))
    network = network_for(plan)
    network.reset(0, plan.initial_bias)
    np.testing.assert_allclose(network.last_layer().read()[1], np.log(prior), rtol=1e-6)
    network.begin(Phase(trainable="head", head="fresh"))
    np.testing.assert_allclose(network.last_layer().read()[1], np.log(prior), rtol=1e-6)
    network.reset(0)
    assert not network.last_layer().read()[1].any()


def test_the_initial_bias_is_of_logits_whatever_their_scale(splits: Splits) -> None:
    prior = splits.train.counts / len(splits.train)
    head = Head(scale=10.0)
    plan = plan_of(splits, head=head, initial_bias=np.log(prior), learning_rate=1e-12)
    _, after = trained_by(splits, plan)
    np.testing.assert_allclose(after[-1][-1], np.log(prior) / 10.0, rtol=1e-5)


def test_of_the_head_transforms_the_best_on_validation_is_applied_to_both_weights(
    splits: Splits,
) -> None:
    def times(factor: float) -> HeadTransform:
        return HeadTransform(f"x{factor}", lambda kernel, bias: (kernel * factor, bias * factor))

    plan = plan_of(splits, head_transforms=tuple(times(f) for f in (1.0, 3.0, 2.0)))
    network = network_for(plan)
    network.reset(1)
    best = network.weights()
    network.reset(2)
    last = network.weights()
    aim = 2.0 * _spread(network, best, splits)

    class ByTheSpread(Validation):
        def score(self, logits: Array, phase: Phase, metric: str = "") -> float:
            return -abs(float(np.std(logits)) - aim)

    validation = ByTheSpread(network, plan, splits.validation, np.ones(10), "balanced_accuracy")
    finished = finish(validation, plan.phases[0], best, last)
    assert finished.head_transform == "x2.0"
    for before, after in ((best, finished.best), (last, finished.last)):
        assert same(before[:4], after[:4]) == [True] * 4
        np.testing.assert_allclose(after[4], before[4] * 2.0)


def _spread(network: CompiledNetwork, weights: list[Array], splits: Splits) -> float:
    network.restore(weights)
    return float(np.std(network.predict(splits.validation)))


def halves(
    inputs: Any, labels: Any, seed: Any, parameters: Mapping[str, Any]
) -> tuple[Any, tuple[tuple[Any, Any], ...]]:
    """Mix each example with the one before it, whose label gets a quarter."""
    import tensorflow as tf

    mixed = 0.75 * inputs + 0.25 * tf.roll(inputs, 1, axis=0)
    return mixed, ((labels, 0.75), (tf.roll(labels, 1, axis=0), 0.25))


def test_the_loss_of_mixed_examples_is_that_of_soft_labels_under_class_weights(
    splits: Splits,
) -> None:
    weights = np.linspace(0.5, 2.0, 10)
    phase = Phase(
        loss=Loss(cross_entropy),
        class_weight=ClassWeights(weights, normalize=False),
        batch_transform=BatchTransform(halves),
    )
    plan = plan_of(splits, phase)
    network = network_for(plan)
    network.reset(0)
    rows = np.arange(32)
    inputs, labels = splits.train.gather(rows), splits.train.labels[rows]
    mixed = 0.75 * inputs / 255 + 0.25 * np.roll(inputs, 1, axis=0) / 255
    logits = network.model(mixed.astype(np.float32)).numpy().astype(np.float64)
    soft = 0.75 * np.eye(10)[labels] + 0.25 * np.eye(10)[np.roll(labels, 1)]
    expected = -(soft * weights * np.log(softmax(logits))).sum(axis=1).mean()

    network.begin(phase)
    batch = inputs, labels.astype(np.int32)
    losses = network.run(phase, batch, 32, weights, np.array([0.01]), np.zeros((1, 2), np.int32))
    assert float(losses[0]) == pytest.approx(expected, rel=1e-5)


def test_a_network_that_ends_otherwise_is_refused_where_the_head_is_treated(
    splits: Splits, tmp_path: Path
) -> None:
    (tmp_path / "nets.py").write_text(
        "from keras import Input, Model, layers\n"
        "def convolved(shape, n_classes):\n"
        "    inputs = Input(shape)\n"
        "    outputs = layers.GlobalAveragePooling2D()(layers.Conv2D(n_classes, 3)(inputs))\n"
        "    return Model(inputs, outputs)\n"
    )
    model = Model(name="convolved", network_from=tmp_path / "nets.py")
    plan = plan_of(splits, initial_bias=np.zeros(10))
    network = CompiledNetwork(Recipe.of(model, SETTINGS.train, plan.train))
    network.check(plan_of(splits))
    with pytest.raises(UserError, match=r"'convolved' ends with the layer 'conv2d.*Dense"):
        network.check(plan)


@pytest.mark.parametrize("by", ["model.head", "the plan"])
@pytest.mark.parametrize(
    "treatment",
    [
        {"initial_bias": np.zeros(10)},
        {"head_transforms": (HeadTransform("same", lambda kernel, bias: (kernel, bias)),)},
        {"phases": (Phase(trainable="head_scale"),)},
    ],
    ids=lambda treatment: next(iter(treatment)),
)
def test_of_a_cosine_head_nothing_can_be_treated(
    splits: Splits, treatment: dict[str, Any], by: str
) -> None:
    plan = replace(plan_of(splits), **treatment)
    if by == "the plan":
        recipe = Recipe.of(Model(name="mlp"), SETTINGS.train, plan.train, Head("cosine"))
    else:
        recipe = Recipe.of(Model(name="mlp", head="cosine"), SETTINGS.train, plan.train)
    network = CompiledNetwork(recipe)
    network.check(plan_of(splits))
    with pytest.raises(UserError, match=r"cosine head .*; take model\.head linear or mlp"):
        network.check(plan)


@pytest.mark.parametrize("head", ["linear", "cosine", "mlp"])
def test_a_classifier_is_retrained_whatever_its_head(splits: Splits, head: str) -> None:
    model = Model(name="mlp", head=head)
    start = plan_of(splits, Phase())
    plan = resolve("classifier_retraining", {}).plan(start, np.random.default_rng(0))
    network = CompiledNetwork(Recipe.of(model, SETTINGS.train, plan.train))
    network.check(plan)
    first, second = plan.phases
    network.reset(0)
    initial = [variable.numpy() for variable in network.model.variables]
    rows = np.arange(32)
    batch = splits.train.gather(rows), splits.train.labels[rows].astype(np.int32)
    for phase in (first, second):
        network.begin(phase)
        before = [variable.numpy() for variable in network.model.variables]
        network.run(phase, batch, 32, np.ones(10), np.array([0.1]), np.zeros((1, 2), np.int32))
    after = [variable.numpy() for variable in network.model.variables]
    n_head = {"linear": 2, "cosine": 1, "mlp": 4}[head]
    for value, again in zip(initial[-n_head:], before[-n_head:], strict=True):
        np.testing.assert_array_equal(value, again)
    for kept, still in zip(before[:-n_head], after[:-n_head], strict=True):
        np.testing.assert_array_equal(kept, still)
    assert (before[-n_head] != after[-n_head]).any()
