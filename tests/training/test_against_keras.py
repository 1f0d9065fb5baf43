"""A network with weights is trained as Keras trains the same model on the same batches."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from in_order import InOrder

from harness.config.experiment import Experiment
from harness.data import prepare
from harness.data.examples import Array, Examples
from harness.data.split import Splits
from harness.features.space import Space
from harness.networks.build import Network
from harness.networks.build import network as built
from harness.plan.plan import Plan, base_plan
from harness.training.budget import epoch_examples
from harness.training.compiled import CompiledNetwork, Recipe
from harness.training.loop import EpochEnd, train

BATCH, RATE, EPOCHS = 128, 0.05, 3
BODY = """
from keras import Input, Model, layers


def body(input_shape, n_classes):
    inputs = hidden = Input(input_shape)
    for filters in (8, 12):
        hidden = layers.Conv2D(filters, 3, use_bias=False)(hidden)
        hidden = layers.ReLU()(layers.BatchNormalization()(hidden))
    return Model(inputs, layers.Dense(16, activation="relu")(layers.Flatten()(hidden)))
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the code of a body and its weights, statistics of the batches among them."""
    import keras

    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "tiny.py").write_text(BODY)
    names: dict[str, Any] = {}
    exec(BODY, names)
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    body = names["body"]((8, 8, 1), 10)
    body.set_weights(
        [rng.uniform(0.5, 1.5, w.shape) if w.ndim == 1 else w for w in body.get_weights()]
    )
    body.save_weights(tmp_path / "tiny.weights.h5")
    return tmp_path


def experiment(place: Path, **model: Any) -> Experiment:
    weights = str(place / "tiny.weights.h5")
    return Experiment.model_validate(
        {
            "imbalance": {"kind": "long_tail", "ratio": 10},
            "model": {"name": "tiny:body", "weights": weights, "network_from": place} | model,
            "train": {
                "epochs": EPOCHS,
                "batch_size": BATCH,
                "optimizer": "sgd",
                "learning_rate": RATE,
            },
        }
    )


def trained(
    settings: Experiment, train_on: Examples
) -> tuple[CompiledNetwork, list[Array], list[float]]:
    """Train on examples in their order; return the network, how it began and each epoch's loss."""
    plan: Plan = base_plan(train_on, settings).in_every_phase(sampler=InOrder())
    network = CompiledNetwork(Recipe.of(settings.model, settings.train, train_on))
    network.reset(0)
    start, losses = network.weights(), list[float]()

    def watch(end: EpochEnd) -> bool:
        losses.append(end.train_loss)
        return False

    sizes = epoch_examples(settings.train, len(train_on))
    train(network, plan, settings.train, sizes, 0, [watch])
    return network, start, losses


def pixels(examples: Examples) -> Array:
    return np.asarray(examples.gather(np.arange(len(examples))), np.float32) / 255


def keras_network(settings: Experiment) -> Network:
    return built(settings.model, "linear", (8, 8, 1), 10)


def cross_entropy() -> Any:
    import keras

    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def test_a_frozen_head_is_trained_as_keras_own_fit_does_on_the_whole_network(place: Path) -> None:
    import keras

    settings = experiment(place)
    assert settings.model.frozen
    splits = prepare(settings, 0)
    space = Space.of(settings.model, splits.train)
    network, start, losses = trained(settings, space.features(splits.train))

    theirs = keras_network(settings)
    assert theirs.body is not None
    theirs.body.trainable = False
    theirs.head[-1].set_weights(start)
    theirs.model.compile(
        keras.optimizers.SGD(RATE, momentum=0.9), cross_entropy(), metrics=["accuracy"]
    )
    fitted = theirs.model.fit(
        pixels(splits.train),
        splits.train.labels,
        batch_size=BATCH,
        epochs=EPOCHS,
        shuffle=False,
        verbose=0,
    )
    np.testing.assert_allclose(losses, fitted.history["loss"], rtol=1e-4)
    assert losses[-1] < losses[0]
    for ours, keras_own in zip(network.weights(), theirs.head[-1].get_weights(), strict=True):
        np.testing.assert_allclose(ours, keras_own, rtol=1e-3, atol=1e-5)

    logits = network.predict(space.features(splits.validation))
    _, accuracy = theirs.model.evaluate(
        pixels(splits.validation), splits.validation.labels, verbose=0
    )
    assert np.mean(logits.argmax(axis=1) == splits.validation.labels) == pytest.approx(accuracy)


def tuned_by_keras(
    theirs: Network, splits: Splits, groups: Sequence[tuple[list[Any], float]], epochs: int
) -> list[float]:
    """Train groups of variables at rates of their own, in inference mode; return the losses."""
    import keras
    import tensorflow as tf

    optimizers = [keras.optimizers.SGD(rate, momentum=0.9) for _, rate in groups]
    loss_of, losses = cross_entropy(), list[float]()
    images, labels = pixels(splits.train), splits.train.labels
    for _ in range(epochs):
        total = 0.0
        for first in range(0, len(labels), BATCH):
            batch = slice(first, first + BATCH)
            with tf.GradientTape() as tape:
                loss = loss_of(labels[batch], theirs.model(images[batch], training=False))
            gradients = tape.gradient(loss, [variables for variables, _ in groups])
            for optimizer, gradient, (variables, _) in zip(
                optimizers, gradients, groups, strict=True
            ):
                optimizer.apply(gradient, variables)
            total += float(loss) * len(labels[batch])
        losses.append(total / len(labels))
    return losses


@pytest.mark.parametrize(("part", "rate"), [("all", 0.1), ("all", 1.0), ("top", 0.3)])
def test_fine_tuning_is_what_two_optimizers_of_keras_do(
    part: str, rate: float, place: Path
) -> None:
    top = {"top_layers": 2} if part == "top" else {}
    settings = experiment(place, train=part, backbone_rate=rate, **top)
    splits = prepare(settings, 0)
    network, start, losses = trained(settings, splits.train)

    theirs = keras_network(settings)
    assert theirs.body is not None
    theirs.model.set_weights(start)
    head = theirs.head[-1].trainable_variables
    layers = theirs.body.layers
    below = theirs.body.trainable_variables
    if part == "top":
        below = [v for layer in (layers[-1], layers[-4]) for v in layer.trainable_variables]
    expected = tuned_by_keras(theirs, splits, [(head, RATE)], 1)
    expected += tuned_by_keras(theirs, splits, [(head, RATE), (below, rate * RATE)], EPOCHS - 1)
    np.testing.assert_allclose(losses, expected, rtol=1e-4)

    moved = {id(variable) for variable in (*head, *below)}
    after = zip(theirs.model.variables, start, network.weights(), strict=True)
    for variable, before, ours in after:
        np.testing.assert_allclose(ours, variable.numpy(), rtol=1e-3, atol=1e-4)
        # Statistics of the batches, and what lies below the top, are as they came.
        assert np.array_equal(ours, before) != (id(variable) in moved)
