"""Networks that are trained from scratch: input shape -> a Keras model of features."""

from collections.abc import Callable
from typing import Any

Shape = tuple[int, ...]
Body = Callable[[Shape], Any]


def small_cnn(input_shape: Shape) -> Any:
    """Two convolutions of 16 and 32 filters, each pooled, and one hidden layer of 64."""
    from keras import Input, Model, layers

    inputs = hidden = Input(input_shape)
    for filters in (16, 32):
        hidden = layers.Conv2D(filters, 3, padding="same", activation="relu")(hidden)
        hidden = layers.MaxPooling2D()(hidden)
    return Model(inputs, layers.Dense(64, activation="relu")(layers.Flatten()(hidden)))


def lenet5(input_shape: Shape) -> Any:
    """LeNet-5 (LeCun et al. 1998) with ReLU and max pooling."""
    from keras import Input, Model, layers

    inputs = hidden = Input(input_shape)
    for filters in (6, 16):
        hidden = layers.Conv2D(filters, 5, padding="same", activation="relu")(hidden)
        hidden = layers.MaxPooling2D()(hidden)
    hidden = layers.Flatten()(hidden)
    for units in (120, 84):
        hidden = layers.Dense(units, activation="relu")(hidden)
    return Model(inputs, hidden)


def resnet32(input_shape: Shape) -> Any:
    """ResNet-32 in its CIFAR form, identity shortcuts padded with zeros (He et al. 2016, 4.2)."""
    from keras import Input, Model, layers

    inputs = Input(input_shape)
    hidden = _normalised(inputs, 16, 1)
    for filters in (16, 32, 64):
        for block in range(5):
            stride = 2 if block == 0 and filters > 16 else 1
            hidden = _residual(hidden, filters, stride)
    return Model(inputs, layers.GlobalAveragePooling2D()(hidden))


def mlp(input_shape: Shape) -> Any:
    """Two hidden layers of 128, for feature vectors and for flattened images."""
    from keras import Input, Model, layers

    inputs = Input(input_shape)
    hidden = layers.Flatten()(inputs)
    for _ in range(2):
        hidden = layers.Dense(128, activation="relu")(hidden)
    return Model(inputs, hidden)


FROM_SCRATCH: dict[str, Body] = {body.__name__: body for body in (small_cnn, lenet5, resnet32, mlp)}


def _normalised(inputs: Any, filters: int, stride: int, activation: bool = True) -> Any:
    from keras import layers

    hidden = layers.Conv2D(
        filters, 3, stride, padding="same", use_bias=False, kernel_initializer="he_normal"
    )(inputs)
    hidden = layers.BatchNormalization()(hidden)
    return layers.ReLU()(hidden) if activation else hidden


def _residual(inputs: Any, filters: int, stride: int) -> Any:
    from keras import layers, ops

    hidden = _normalised(_normalised(inputs, filters, stride), filters, 1, activation=False)
    shortcut = inputs
    if stride > 1:
        missing = filters - inputs.shape[-1]
        shortcut = ops.pad(
            layers.AveragePooling2D(1, stride, padding="same")(inputs),
            ((0, 0), (0, 0), (0, 0), (missing // 2, missing - missing // 2)),
        )
    return layers.ReLU()(layers.Add()([hidden, shortcut]))
