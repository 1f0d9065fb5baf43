"""A batch transform as the training loop meets it: inside a compiled step."""

from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from harness.conformance.law import Broken
from harness.conformance.subject import in_one_line
from harness.data.examples import Array, Examples, Integers
from harness.features.space import images_of
from harness.plan.transforms import BatchFunction, BatchTransform

Shapes = tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(frozen=True, eq=False)
class Made:
    """What became of a batch: inputs, and `T` labels and shares an example, `[T, B]`."""

    inputs: Array
    labels: Array
    shares: Array

    def mass(self, n_classes: int) -> Array:
        """Return the share that each example gives to each class, `[B, C]`."""
        return np.asarray((np.eye(n_classes)[self.labels] * self.shares[..., None]).sum(axis=0))


def scaled(examples: Examples, positions: Integers, transform: BatchTransform) -> Array:
    """Return inputs as a transform gets them: images in 0 .. 1, float32.

    One of images gets images where the examples are features of some.
    """
    images = images_of(examples.inputs) if transform.of_images else None
    inputs = (examples.inputs if images is None else images)[positions]
    return np.asarray(inputs / 255.0 if inputs.dtype == np.uint8 else inputs, np.float32)


def transformed(transform: BatchTransform, inputs: Array, labels: Integers, seed: int) -> Made:
    """Return what a transform makes of inputs `[B, ...]` and labels `[B]` under a seed.

    Raises Broken where the function can't be compiled or called, or returns something else.
    """
    from harness.training.framework import tf

    parameters = {name: np.asarray(value, np.float32) for name, value in transform.inputs.items()}
    shapes = tuple(sorted((name, value.shape) for name, value in parameters.items()))
    try:
        step = _compiled(transform.function, inputs.shape[1:], shapes)
        made, targets = step(
            tf.constant(inputs, tf.float32),
            tf.constant(labels, tf.int32),
            tf.constant([seed, 7], tf.int32),
            {name: tf.constant(value) for name, value in parameters.items()},
        )
    except Exception as error:  # a stranger's transform may fail in any way
        raise Broken(
            f"the batch transform {_name(transform)} fails inside a compiled step on {len(labels)} "
            f"examples with {in_one_line(error)}; use TensorFlow's operations on inputs [B, …] and "
            "labels [B], for any B, and return the inputs and pairs of labels and shares"
        ) from error
    pairs = [(each.numpy(), np.asarray(share.numpy(), np.float64)) for each, share in targets]
    for each, share in pairs:
        if each.shape != labels.shape or share.shape not in ((), labels.shape):
            raise Broken(
                f"the batch transform {_name(transform)} returns labels {list(each.shape)} with "
                f"shares {list(share.shape)} for {len(labels)} examples; give one of each an "
                "example, [B]"
            )
    spread = [np.broadcast_to(share, labels.shape) for _, share in pairs]
    return Made(made.numpy(), np.array([each for each, _ in pairs]), np.array(spread))


@lru_cache(maxsize=64)
def _compiled(function: BatchFunction, shape: tuple[int, ...], shapes: Shapes) -> Any:
    from harness.training.framework import tf
    from harness.training.steps import transformed as in_step

    def step(inputs: Any, labels: Any, seed: Any, parameters: Any) -> Any:
        made, targets = in_step(function, inputs, labels, seed, parameters)
        return made, [(each, tf.convert_to_tensor(share)) for each, share in targets]

    signature = [
        tf.TensorSpec([None, *shape], tf.float32),
        tf.TensorSpec([None], tf.int32),
        tf.TensorSpec([2], tf.int32),
        {name: tf.TensorSpec(shape, tf.float32) for name, shape in shapes},
    ]
    # A seed that a trial of this process has left is what unseeded operations would take. Setting
    # one makes TensorFlow forget what it has compiled, so it's done only where there is one.
    with suppress(RuntimeError):  # determinism is asked for, and there is none
        tf.compat.v1.random.get_seed(None)
        tf.random.set_seed(None)
    return tf.function(step, input_signature=signature).get_concrete_function()


def _name(transform: BatchTransform) -> str:
    return getattr(transform.function, "__qualname__", repr(transform.function))
