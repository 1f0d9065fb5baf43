"""The layers of a body: in order, and the last ones, which fine-tuning of the `top` trains."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from harness.errors import UserError

JOINTS = ("Add", "Concatenate")
POOLS = ("MaxPooling2D", "AveragePooling2D")
LEAST = 0.1


def top_of(body: Any, count: int | None) -> Sequence[Any]:
    """Return the last `count` layers that have something to train, or those of the last block.

    A block begins behind a place where branches join or images are halved by pooling. The last one
    is what follows the last of these behind which a tenth of all parameters lie; where there is no
    such place, it is the last quarter of the layers.

    Raises:
        UserError: there are not so many layers.

    """
    trained = [layer for layer in in_order(body) if layer.trainable_variables]
    if count is None:
        return _last_block(_operations(body)) or trained[-max(1, len(trained) // 4) :]
    if count > len(trained):
        raise UserError(
            f"model.top_layers is {count}, but the network has {len(trained)} layers that can be "
            "trained; take fewer, or model.train all"
        )
    return trained[-count:]


def _last_block(operations: Sequence[Any]) -> list[Any]:
    """Return the layers of the last block, or none where nothing tells where it begins."""
    block, size = list[Any](), 0
    least = LEAST * sum(map(_size, operations))
    for each in reversed(operations):
        if size >= least and _is_joint(each):
            return block[::-1]
        if _size(each):
            block.append(each)
            size += _size(each)
    return []


def _is_joint(operation: Any) -> bool:
    kind = type(operation).__name__
    return kind in POOLS or (kind in JOINTS and isinstance(operation.input, list))


def _size(operation: Any) -> int:
    """Return how many numbers are trained in it."""
    trained = getattr(operation, "trainable_variables", ())
    return sum(int(np.prod(variable.shape)) for variable in trained)


def in_order(model: Any) -> list[Any]:
    """Return the layers of a model in order, those of models inside it in their place."""
    import keras

    return [each for each in _operations(model) if isinstance(each, keras.layers.Layer)]


def _operations(model: Any) -> list[Any]:
    """Return the layers in order, with what is no layer, such as the plain sum of two branches."""
    import keras

    return [
        inner
        for each in getattr(model, "operations", model.layers)
        for inner in (_operations(each) if isinstance(each, keras.Model) else [each])
    ]
