"""Networks by name: functions (input shape, number of classes) -> a Keras model of logits."""

import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import UserError, reason, unknown
from harness.strategy.source import Module, digest_of_source
from harness.training.network_code import NetworkCode, network_code

Shape = tuple[int, ...]
Network = Callable[[Shape, int], Any]
PROBED = 8


def small_cnn(input_shape: Shape, n_classes: int) -> Any:
    """Two convolutions of 16 and 32 filters, each pooled, and one hidden layer of 64."""
    from keras import Input, Model, layers

    inputs = hidden = Input(input_shape)
    for filters in (16, 32):
        hidden = layers.Conv2D(filters, 3, padding="same", activation="relu")(hidden)
        hidden = layers.MaxPooling2D()(hidden)
    hidden = layers.Dense(64, activation="relu")(layers.Flatten()(hidden))
    return Model(inputs, layers.Dense(n_classes)(hidden))


def lenet5(input_shape: Shape, n_classes: int) -> Any:
    """LeNet-5 (LeCun et al. 1998) with ReLU and max pooling."""
    from keras import Input, Model, layers

    inputs = hidden = Input(input_shape)
    for filters in (6, 16):
        hidden = layers.Conv2D(filters, 5, padding="same", activation="relu")(hidden)
        hidden = layers.MaxPooling2D()(hidden)
    hidden = layers.Flatten()(hidden)
    for units in (120, 84):
        hidden = layers.Dense(units, activation="relu")(hidden)
    return Model(inputs, layers.Dense(n_classes)(hidden))


def resnet32(input_shape: Shape, n_classes: int) -> Any:
    """ResNet-32 in its CIFAR form, identity shortcuts padded with zeros (He et al. 2016, 4.2)."""
    from keras import Input, Model, layers

    inputs = Input(input_shape)
    hidden = _normalised(inputs, 16, 1)
    for filters in (16, 32, 64):
        for block in range(5):
            stride = 2 if block == 0 and filters > 16 else 1
            hidden = _residual(hidden, filters, stride)
    return Model(inputs, layers.Dense(n_classes)(layers.GlobalAveragePooling2D()(hidden)))


def mlp(input_shape: Shape, n_classes: int) -> Any:
    """Two hidden layers of 128, for feature vectors and for flattened images."""
    from keras import Input, Model, layers

    inputs = Input(input_shape)
    hidden = layers.Flatten()(inputs)
    for _ in range(2):
        hidden = layers.Dense(128, activation="relu")(hidden)
    return Model(inputs, layers.Dense(n_classes)(hidden))


BUILT_IN: dict[str, Network] = {
    network.__name__: network for network in (small_cnn, lenet5, resnet32, mlp)
}


def find(name: str, network_from: Path | None = None) -> Network:
    """Return a built-in network, or the function that `module:function` names.

    With `network_from`, a file or a folder, it is a function from there.

    Raises:
        UserError: there is none of that name, or the module can't be imported.

    """
    if network_from is None and name in BUILT_IN:
        return BUILT_IN[name]
    return _code(name, network_from).function


def code_digest(name: str, network_from: Path | None = None) -> str:
    """Return a fingerprint of the source that a network consists of.

    Raises:
        UserError: it has none, so that a change of it could not be told, or as `find`.

    """
    if network_from is None and name in BUILT_IN:
        return digest_of_source(Module(__name__, Path(__file__)))
    return _code(name, network_from).digest()


def _code(name: str, network_from: Path | None) -> NetworkCode:
    if network_from is None and ":" not in name:
        raise UserError(unknown("model.name", name, BUILT_IN) + ", or module:function")
    return network_code(name, network_from)


def build(name: str, input_shape: Shape, n_classes: int, network_from: Path | None = None) -> Any:
    """Build a network and check that it gives one logit for each class.

    Raises:
        UserError: the network can't take such inputs, or gives another shape.

    """
    network = find(name, network_from)
    try:
        with redirect_stdout(sys.stderr):  # standard output may be the place of a JSON document
            model = network(input_shape, n_classes)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a stranger's network may fail in any way
        raise UserError(
            f"model.name {name!r} can't be built for inputs of shape {input_shape}: {reason(error)}"
        ) from error
    shape = tuple(getattr(model, "output_shape", ()))
    if shape != (None, n_classes):
        raise UserError(
            f"model.name {name!r} gives outputs of shape {shape}, not (None, {n_classes}): "
            "the model must end with one logit for each class"
        )
    return model


def refuse_probabilities(name: str, model: Any, input_shape: Shape) -> None:
    """Raise UserError for a network that ends in softmax: its outputs must be logits.

    A softmax twice over trains without a complaint, to far lower scores.
    """
    probe = np.random.default_rng(0).random((PROBED, *input_shape)).astype(np.float32)
    outputs = np.asarray(model(probe, training=False))
    if (outputs >= 0).all() and np.allclose(outputs.sum(axis=1), 1, atol=1e-3):
        raise UserError(
            f"model.name {name!r} gives probabilities (rows that sum to 1), but losses and "
            "decision rules take logits: leave out the last softmax"
        )


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
