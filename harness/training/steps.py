"""The compiled steps of a phase: transform a batch, ask the network, take the loss, update."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from harness.data.examples import Array
from harness.errors import TrialFailed
from harness.plan.losses import LossFunction
from harness.plan.plan import Phase
from harness.plan.transforms import CHANCE, BatchFunction, Targets
from harness.training.framework import tf
from harness.training.update import Update

NO_GRADIENT = (
    "its loss doesn't depend on the weights that are trained: it must be computed from the logits, "
    "by operations that have a gradient"
)
AUGMENTED, DRAWN = 0x5EED, 0xD1CE  # so that each draws numbers of its own


def constants(parameters: Mapping[str, Array]) -> dict[str, Any]:
    """Return the parameters of a loss or a transform as compiled steps take them."""
    return {name: tf.constant(np.asarray(v, np.float32)) for name, v in parameters.items()}


def scaled(inputs: Any) -> Any:
    """Bring `uint8` images to 0 .. 1; leave features as they are."""
    if inputs.dtype == tf.uint8:
        return tf.cast(inputs, tf.float32) / 255.0
    return tf.cast(inputs, tf.float32)


def compiled_steps(
    logits_of: Callable[[Any], Any],
    updates: Sequence[Update],
    phase: Phase,
    signature: list[Any],
) -> Any:
    """Return a compiled function that takes the steps of a chunk of batches.

    It takes inputs `[N, ...]` and labels `[N]`, which it cuts into batches of the size that follows
    (the last one may be smaller), class weights `[C]`, for each of the `S` batches a learning rate
    `[S]` and a seed `[S, 2]`, and the parameters of the phase's loss, batch transform and
    augmentation, as `signature` specifies; it returns the mean losses `[S]`. `logits_of` maps
    scaled inputs to logits; `updates` are what the steps change.
    """
    loss = _loss(phase.loss.function)
    transform = _batch_function(phase.batch_transform.function)
    augmentation = _batch_function(phase.augmentation.function)
    variables = [variable for update in updates for variable in update.variables]

    def step(
        batch: tuple[Any, Any, Any], class_weight: Any, rate: Any, parameters: tuple[Any, ...]
    ) -> Any:
        inputs, labels, seed = batch
        of_loss, of_transform, of_augmentation = parameters
        augmented, _ = transformed(
            augmentation, scaled(inputs), labels, seed + AUGMENTED, of_augmentation
        )
        changed, targets = transformed(transform, augmented, labels, seed, of_transform)
        with tf.GradientTape() as tape:
            logits = logits_of(changed)
            each = [
                share * tf.gather(class_weight, label) * loss(label, logits, of_loss)
                for label, share in targets
            ]
            mean = tf.reduce_mean(tf.add_n(each))
        gradients = tape.gradient(mean, variables)
        if all(gradient is None for gradient in gradients):
            raise TrialFailed(NO_GRADIENT)
        following = iter(gradients)
        for update in updates:
            update.step([next(following) for _ in update.variables], rate)
        return mean

    def steps(
        inputs: Any,
        labels: Any,
        size: Any,
        class_weight: Any,
        rates: Any,
        seeds: Any,
        *parameters: Any,
    ) -> Any:
        count = tf.shape(rates)[0]

        def advance(number: Any, losses: Any) -> tuple[Any, Any]:
            start, stop = number * size, (number + 1) * size
            batch = inputs[start:stop], labels[start:stop], seeds[number]
            mean = step(batch, class_weight, rates[number], parameters)
            return number + 1, losses.write(number, mean)

        begin = tf.constant(0), tf.TensorArray(tf.float32, size=count)
        _, losses = tf.while_loop(lambda number, _: number < count, advance, begin)
        return losses.stack()

    return tf.function(steps, signature, autograph=False).get_concrete_function()


def transformed(
    function: BatchFunction, inputs: Any, labels: Any, seed: Any, parameters: Mapping[str, Any]
) -> tuple[Any, Targets]:
    """Return a batch of scaled inputs `[B, ...]` as a transform makes it, and its targets.

    `parameters` are a transform's `inputs`; with a chance among them, others are left as they are.
    """
    changed, targets = function(inputs, labels, seed, parameters)
    if CHANCE not in parameters:
        return changed, targets
    drawn = tf.random.stateless_uniform(tf.shape(labels), seed + DRAWN)
    chosen = drawn < tf.gather(parameters[CHANCE], labels)
    across = tf.concat([tf.shape(labels), tf.ones(tf.rank(inputs) - 1, tf.int32)], axis=0)
    return tf.where(tf.reshape(chosen, across), changed, inputs), targets


def _loss(function: LossFunction) -> LossFunction:
    """Return a loss as steps call it; its shape is checked: another one would be spread unseen."""
    loss = function if _is_own(function) else tf.function(function)

    def one_each(labels: Any, logits: Any, parameters: Any) -> Any:
        losses = tf.convert_to_tensor(loss(labels, logits, parameters))
        if losses.shape.rank != 1:
            name = getattr(function, "__name__", function)
            raise TrialFailed(
                f"loss {name!r} gives shape {losses.shape}, not one number an example"
            )
        return losses

    return one_each


def _batch_function(function: BatchFunction) -> BatchFunction:
    """Return a change of batches as steps call it."""
    if _is_own(function):
        return function

    def changed(inputs: Any, labels: Any, seed: Any, parameters: Any) -> tuple[Any, Targets]:
        after, targets = function(inputs, labels, seed, parameters)
        return after, [(label, tf.cast(share, tf.float32)) for label, share in targets]

    return tf.function(changed)  # type: ignore[no-any-return]


def _is_own(function: Callable[..., Any]) -> bool:
    """Say if a function is the project's own, none of which branches on tensors in plain Python.

    A stranger's may. AutoGraph makes that possible, and takes half a second of a process to do so
    for all that is called.
    """
    return str(function.__module__).partition(".")[0] in ("harness", "strategies")
