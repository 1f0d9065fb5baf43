"""The layers of a body: in order, and the last ones, which fine-tuning of the `top` trains."""

from collections.abc import Sequence
from typing import Any

from harness.errors import UserError


def top_of(body: Any, count: int | None) -> Sequence[Any]:
    """Return the last `count` layers that have something to train, or those of the last block.

    A block begins behind a layer where branches join or images are halved by pooling; the last one
    is what follows the last but one of these.

    Raises:
        UserError: there are not so many layers.

    """
    layers = in_order(body)
    trained = [layer for layer in layers if layer.trainable_variables]
    if count is None:
        joints = [number for number, layer in enumerate(layers) if _joins(layer)]
        start = joints[-2] if len(joints) > 1 else 0
        return [layer for layer in layers[start:] if layer.trainable_variables]
    if count > len(trained):
        raise UserError(
            f"model.top_layers is {count}, but the network has {len(trained)} layers that can be "
            "trained; take fewer, or model.train all"
        )
    return trained[-count:]


def _joins(layer: Any) -> bool:
    import keras

    kinds = (
        keras.layers.Add,
        keras.layers.Concatenate,
        keras.layers.MaxPooling2D,
        keras.layers.AveragePooling2D,
    )
    return isinstance(layer, kinds)


def in_order(model: Any) -> list[Any]:
    """Return the layers of a model in order, those of models inside it in their place."""
    import keras

    return [
        inner
        for layer in model.layers
        for inner in (in_order(layer) if isinstance(layer, keras.Model) else [layer])
    ]
