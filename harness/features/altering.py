"""Altering images one by one, each by draws of its own, inside one compiled function."""

from functools import lru_cache
from typing import Any

import numpy as np

from harness.data.examples import Array, Integers
from harness.plan.transforms import BatchTransform
from harness.training.framework import tf
from harness.training.steps import constants, scaled

Alteration = tuple[BatchTransform, ...]


def altered(alteration: Alteration, images: Array, labels: Integers, seeds: Array) -> Array:
    """Return images `[n, H, W, channels]`, scaled to 0 .. 1 and altered by seeds int32 `[n, 2]`."""
    parameters = tuple(constants(transform.parameters) for transform in alteration)
    functions = tuple(transform.function for transform in alteration)
    made: Array = _compiled(functions)(
        tf.constant(images), tf.constant(labels.astype(np.int32)), tf.constant(seeds), parameters
    ).numpy()
    return made


@lru_cache(maxsize=8)
def _compiled(functions: tuple[Any, ...]) -> Any:
    """Return what applies the functions to each image alone, as if it were a batch."""

    def one(arguments: tuple[Any, Any, Any], parameters: Any) -> Any:
        image, label, seed = arguments
        batch = image[None]
        for number, function in enumerate(functions):
            batch, _ = function(batch, label[None], seed + number, parameters[number])
        return batch[0]

    def each(images: Any, labels: Any, seeds: Any, parameters: Any) -> Any:
        return tf.map_fn(
            lambda arguments: one(arguments, parameters),
            (scaled(images), labels, seeds),
            fn_output_signature=tf.float32,
        )

    return tf.function(each)
