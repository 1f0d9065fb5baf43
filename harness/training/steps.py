"""The compiled steps of a phase: transform a batch, ask the network, take the loss, update."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from harness.data.examples import Array
from harness.errors import TrialFailed
from harness.plan.losses import LossFunction
from harness.plan.plan import Phase
from harness.training.framework import tf


def constants(parameters: Mapping[str, Array]) -> dict[str, Any]:
    """Return the parameters of a loss or a transform as compiled steps take them."""
    return {name: tf.constant(np.asarray(v, np.float32)) for name, v in parameters.items()}


def scaled(inputs: Any) -> Any:
    """Bring `uint8` images to 0 .. 1; leave features as they are."""
    if inputs.dtype == tf.uint8:
        return tf.cast(inputs, tf.float32) / 255.0
    return tf.cast(inputs, tf.float32)


def compiled_steps(
    logits_of: Callable[[Any, bool], Any],
    variables: list[Any],
    optimizer: Any,
    phase: Phase,
    signature: list[Any],
) -> Any:
    """Return a compiled function that takes one step for each of `S` batches of `B`.

    It takes inputs `[S, B, ...]`, labels `[S, B]`, class weights `[C]`, learning rates `[S]`, seeds
    `[S, 2]`, and the parameters of the phase's loss and of its batch transform, as `signature`
    specifies; it returns the mean losses `[S]`. `logits_of` maps scaled inputs, and whether all
    layers are trained, to logits; `variables` are what the steps change.
    """
    loss, transform = phase.loss.function, phase.batch_transform.function
    everything = phase.trainable == "all"

    def step(batch: tuple[Any, Any, Any], class_weight: Any, parameters: tuple[Any, Any]) -> Any:
        inputs, labels, seed = batch
        of_loss, of_transform = parameters
        inputs, targets = transform(scaled(inputs), labels, seed, of_transform)
        with tf.GradientTape() as tape:
            logits = logits_of(inputs, everything)
            each = [
                share * tf.gather(class_weight, label) * _one_each(loss, label, logits, of_loss)
                for label, share in targets
            ]
            mean = tf.reduce_mean(tf.add_n(each))
        optimizer.apply(tape.gradient(mean, variables))
        return mean

    def steps(
        inputs: Any, labels: Any, class_weight: Any, rates: Any, seeds: Any, *parameters: Any
    ) -> Any:
        losses = tf.TensorArray(tf.float32, size=tf.shape(labels)[0])
        for number in tf.range(tf.shape(labels)[0]):
            optimizer.learning_rate.assign(rates[number])
            batch = inputs[number], labels[number], seeds[number]
            losses = losses.write(number, step(batch, class_weight, parameters))
        return losses.stack()

    return tf.function(steps, input_signature=signature)


def _one_each(loss: LossFunction, labels: Any, logits: Any, parameters: Any) -> Any:
    """Return a loss for each example, `[B]`; any other shape would be spread over them unseen."""
    losses = tf.convert_to_tensor(loss(labels, logits, parameters))
    if losses.shape.rank != 1:
        name = getattr(loss, "__name__", loss)
        raise TrialFailed(f"loss {name!r} gives shape {losses.shape}, not one number an example")
    return losses
