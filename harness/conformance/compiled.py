"""A loss as the training loop meets it: inside a compiled step, with its gradient."""

from functools import lru_cache
from typing import Any

import numpy as np

from harness.conformance.law import Broken
from harness.conformance.subject import in_one_line
from harness.data.examples import Array, Integers
from harness.plan.losses import Loss, LossFunction

Shapes = tuple[tuple[str, tuple[int, ...]], ...]


def graded(loss: Loss, labels: Integers, logits: Array) -> tuple[Array, Array]:
    """Return the losses as they come, `[B]`, and the gradient of their sum, `[B, C]`.

    Compiled once for a function and its parameters' shapes, as in training. Raises Broken where
    the function can't be compiled, called or differentiated.
    """
    parameters = {name: np.asarray(value, np.float32) for name, value in loss.parameters.items()}
    shapes = tuple(sorted((name, value.shape) for name, value in parameters.items()))
    from harness.training.framework import tf

    try:
        step = _compiled(loss.function, int(logits.shape[1]), shapes)
        values, slope = step(
            tf.constant(labels, tf.int32),
            tf.constant(logits, tf.float32),
            {name: tf.constant(value) for name, value in parameters.items()},
        )
    except Exception as error:  # a stranger's loss may fail in any way
        raise Broken(
            f"the loss {_name(loss.function)} fails inside a compiled step with "
            f"{in_one_line(error)}; use operations of keras.ops on labels [B], logits [B, C] and "
            "parameters, and nothing that needs their values in Python"
        ) from error
    return values.numpy(), slope.numpy()


@lru_cache(maxsize=64)
def _compiled(function: LossFunction, n_classes: int, shapes: Shapes) -> Any:
    from harness.training.framework import tf

    def step(labels: Any, logits: Any, parameters: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(logits)
            values = function(labels, logits, parameters)
            total = tf.reduce_sum(values)
        return values, tape.gradient(total, logits, unconnected_gradients="zero")

    signature = [
        tf.TensorSpec([None], tf.int32),
        tf.TensorSpec([None, n_classes], tf.float32),
        {name: tf.TensorSpec(shape, tf.float32) for name, shape in shapes},
    ]
    return tf.function(step, input_signature=signature)


def _name(function: Any) -> str:
    return getattr(function, "__qualname__", repr(function))
