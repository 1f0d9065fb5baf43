"""What a stranger's loss and batch transform may do inside the compiled step."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from harness.config.experiment import Experiment
from harness.config.model import Model
from harness.data import prepare
from harness.errors import TrialFailed
from harness.plan.losses import CROSS_ENTROPY, Loss, LossFunction, cross_entropy
from harness.plan.plan import Phase, base_plan
from harness.plan.transforms import BatchTransform
from harness.training.budget import epoch_examples
from harness.training.compiled import CompiledNetwork, Recipe
from harness.training.loop import train

SETTINGS = Experiment.model_validate({"train": {"epochs": 1, "batch_size": 64}})


def branching(labels: Any, logits: Any, parameters: Mapping[str, Any]) -> Any:
    """Return the cross-entropy, doubled for a batch that has an example of class 0."""
    import tensorflow as tf

    losses = cross_entropy(labels, logits, parameters)
    if tf.reduce_any(labels == 0):
        losses *= 2.0
    return losses


def flipping(
    inputs: Any, labels: Any, seed: Any, parameters: Mapping[str, Any]
) -> tuple[Any, list[tuple[Any, Any]]]:
    """Turn a batch that has an example of class 0 upside down; its shares are NumPy's."""
    import tensorflow as tf

    if tf.reduce_any(labels == 0):
        inputs = tf.reverse(inputs, [1])
    return inputs, [(labels, np.float64(0.25)), (labels, np.float64(0.75))]


def without_a_seed(labels: Any, logits: Any, parameters: Mapping[str, Any]) -> Any:
    import tensorflow as tf

    return cross_entropy(labels, logits, parameters) * tf.random.uniform([])


def of_nothing(labels: Any, logits: Any, parameters: Mapping[str, Any]) -> Any:
    import tensorflow as tf

    return tf.cast(labels, tf.float32)


def loss_of(phase: Phase, labels: list[int]) -> float:
    """Return the loss of a first step on a batch of these labels."""
    splits = prepare(SETTINGS, 0)
    model = Model(name="mlp")
    network = CompiledNetwork(Recipe.of(model, SETTINGS.train, splits.train))
    network.reset(0)
    rows = [int(np.flatnonzero(splits.train.labels == label)[0]) for label in labels]
    batch = splits.train.gather(np.array(rows)), np.array(labels, np.int32)
    seeds = np.zeros((1, 2), np.int32)
    return float(network.run(phase, batch, 64, np.ones(10), np.array([0.01]), seeds)[0])


@pytest.mark.parametrize(("labels", "factor"), [([1, 2, 3], 1.0), ([0, 1, 2], 2.0)])
def test_a_loss_may_branch_on_what_is_in_the_batch(labels: list[int], factor: float) -> None:
    plain = loss_of(Phase(loss=CROSS_ENTROPY), labels)
    assert loss_of(Phase(loss=Loss(branching)), labels) == pytest.approx(factor * plain)


@pytest.mark.parametrize(("labels", "turned"), [([1, 2, 3], False), ([0, 1, 2], True)])
def test_a_batch_transform_may_branch_and_give_shares_of_any_precision(
    labels: list[int], turned: bool
) -> None:
    plain = loss_of(Phase(), labels)
    changed = loss_of(Phase(batch_transform=BatchTransform(flipping)), labels)
    assert (changed == pytest.approx(plain)) is not turned


@pytest.mark.parametrize(
    ("loss", "line"),
    [
        (without_a_seed, "draws without a seed"),
        (of_nothing, "its loss doesn't depend on the weights that are trained"),
    ],
)
def test_a_loss_that_can_not_be_trained_with_fails_its_trial(loss: LossFunction, line: str) -> None:
    splits = prepare(SETTINGS, 0)
    plan = replace(base_plan(splits.train, SETTINGS), phases=(Phase(loss=Loss(loss)),))
    network = CompiledNetwork(Recipe.of(Model(name="mlp"), SETTINGS.train, splits.train))
    sizes = epoch_examples(SETTINGS.train, len(splits.train))
    with pytest.raises(TrialFailed, match=line):
        train(network, plan, SETTINGS.train, sizes, 0, [])
