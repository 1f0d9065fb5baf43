"""The exported model as a Keras graph: from pixels to logits, probabilities and the label.

It consists of layers and operations of Keras alone, which every format can hold and which load
without anybody's code.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from harness.export.description import Input
from harness.networks.layers import in_order
from harness.scoring.decision import FittedRule
from harness.training.framework import keras

PIXELS = "pixels"
LOADABLE = ("keras", "keras_hub", "harness")


def whole(members: Sequence[Any], taken: Input, rule: FittedRule) -> Any:
    """Return a model from a batch of inputs `[N, ...]`, as decoded, to a dict of three outputs.

    `members` are models from inputs in 0 to 1 to logits, whose outputs are averaged: `logits`
    float32 `[N, C]`, before the rule. `probabilities` `[N, C]` and `label` int32 `[N]` are under
    the rule.
    """
    inputs = keras.Input(taken.shape, dtype=taken.dtype, name=PIXELS)
    scaled = keras.ops.cast(inputs, "float32")
    if taken.dtype == "uint8":
        scaled = scaled / 255.0
    each = [_renamed(member, number)(scaled) for number, member in enumerate(members, 1)]
    mean = each[0] if len(each) == 1 else keras.layers.Average()(each)
    logits = keras.layers.Identity(name="logits")(mean)
    shifted = _shifted(logits, rule.probability_offsets, 1 / rule.temperature)
    probabilities = keras.layers.Softmax(name="probabilities")(shifted)
    outputs = {
        "logits": logits,
        "probabilities": probabilities,
        "label": _label(logits, probabilities, rule),
    }
    model = keras.Model(inputs, outputs, name="model_with_rule")
    model(np.zeros((1, *taken.shape), taken.dtype))  # ONNX takes only what was called before
    return model


def own_layers(member: Any) -> list[str]:
    """Return the kinds of layers that nothing but their own code could load, Lambda among them."""
    kinds = dict.fromkeys(type(layer) for layer in in_order(member))
    return [
        kind.__name__
        for kind in kinds
        if kind.__module__.split(".")[0] not in LOADABLE or kind is keras.layers.Lambda
    ]


def _renamed(member: Any, number: int) -> Any:
    """Return a model of the same variables, for a graph can't hold two of one name."""
    return keras.Model(member.inputs, member.outputs[0], name=f"network_{number}")


def _shifted(logits: Any, offsets: np.ndarray[Any, Any], scale: float = 1.0) -> Any:
    if scale == 1.0 and not offsets.any():
        return logits
    return keras.layers.Rescaling(scale, offsets.tolist())(logits)


def _label(logits: Any, probabilities: Any, rule: FittedRule) -> Any:
    """Return the class with the highest score; of equal ones the first.

    Keras' own argmax compares bits, which LiteRT and ONNX have no operation for.
    """
    if rule.costs is None:
        scores = _shifted(logits, rule.label_offsets)
    else:
        expected = keras.layers.Dense(len(rule.costs), use_bias=False, trainable=False)
        scores = expected(probabilities)
        expected.set_weights([-rule.costs])
    label = keras.ops.squeeze(keras.ops.top_k(scores, 1)[1], axis=-1)
    return keras.layers.Identity(name="label", dtype="int32")(label)
