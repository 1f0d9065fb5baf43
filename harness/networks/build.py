"""From a model section to a network: a body that gives features, and a head on it."""

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from harness.config.backbones import BACKBONES, HUB
from harness.config.model import Model
from harness.errors import UserError, reason, unknown
from harness.networks import backbone, hub, weights
from harness.networks.code import NetworkCode, network_code
from harness.networks.from_scratch import FROM_SCRATCH
from harness.networks.heads import HEADS
from harness.networks.layers import top_of
from harness.networks.precision import FULL, computing_in, end_in_full

Shape = tuple[int, ...]
PROBED = 8


@dataclass(frozen=True, eq=False)
class Network:
    """A Keras `model` of logits: inputs `[N, ...]` -> `[N, C]`, and its last layers, the `head`.

    `body` is what gives features below the head; None where a function made both in one.
    """

    settings: Model
    model: Any
    head: Sequence[Any]
    body: Any | None

    @cached_property
    def head_variables(self) -> list[Any]:
        """What is trained of the head."""
        return [variable for layer in self.head for variable in layer.trainable_variables]

    @cached_property
    def top_variables(self) -> list[Any]:
        """What is trained of the body's last layers."""
        layers = [] if self.body is None else top_of(self.body, self.settings.top_layers)
        return [variable for layer in layers for variable in layer.trainable_variables]


def digest(model: Model) -> str:
    """Return a fingerprint of the source that a network consists of, and of its weights.

    Raises:
        UserError: it has no source, so that a change of it could not be told, its weights can't be
            had, or there is no such network.

    """
    if model.name.startswith(HUB):
        return f"{hub.digest(model.name)} {model.weights}"
    code = _code(model)
    if code is None:
        _check_name(model.name)
    made_by = BACKBONES.get(model.name, model.name) if code is None else code.digest()
    return f"{made_by} {weights.digest(model)}"


def network(
    model: Model, head: str, input_shape: Shape, n_classes: int, precision: str = FULL
) -> Network:
    """Build a network; what has no weights given is random.

    `head` is put on a body that gives features: a key of `HEADS`. It computes in float32, and so
    does the last layer of a network that gives logits, whatever the `precision` below them.

    Raises:
        UserError: it can't take such inputs, gives no logits, or its weights don't fit.

    """
    made = _made(model, input_shape, n_classes, precision)
    if _gives_features(model, made, n_classes):
        return _crowned(model, pooled(made), head, n_classes)
    _check_logits(model, made, n_classes)
    if model.train != "all":
        raise UserError(_needs_features(model))
    if head != "linear":
        raise UserError(
            f"model.name {model.name!r} gives logits, so that there is no place for a {head} head; "
            "have the function return what its last layer gets"
        )
    last = [layer for layer in made.layers if layer.trainable_variables][-1:]
    if precision != FULL:
        end_in_full(made.layers[made.layers.index(last[0]) if last else 0 :])
    _refuse_probabilities(model.name, made, input_shape)
    return Network(model, made, last, None)


def head_alone(model: Model, head: str, n_features: int, n_classes: int) -> Network:
    """Build the head alone: features `[N, F]` of a frozen body -> logits `[N, C]`."""
    import keras

    inputs = keras.Input((n_features,))
    return _crowned(model, keras.Model(inputs, inputs), head, n_classes)


def frozen_body(model: Model, input_shape: Shape, n_classes: int, precision: str = FULL) -> Any:
    """Build a body with its weights: inputs `[N, ...]` -> features `[N, F]`.

    Raises:
        UserError: it can't take such inputs, gives logits, or its weights don't fit.

    """
    made = _made(model, input_shape, n_classes, precision)
    if not _gives_features(model, made, n_classes):
        raise UserError(_needs_features(model))
    return pooled(made)


def _needs_features(model: Model) -> str:
    return (
        f"model.name {model.name!r} gives logits; model.train {model.train} needs features: have "
        "the function return what its last layer gets, or take model.train all"
    )


def pooled(body: Any) -> Any:
    """Return a body whose features are one vector an example: the mean over all places."""
    import keras

    pools = {4: keras.layers.GlobalAveragePooling2D, 3: keras.layers.GlobalAveragePooling1D}
    pool = pools.get(len(body.output_shape))
    with computing_in(FULL):
        return body if pool is None else keras.Model(body.input, pool()(body.output))


def is_elsewhere(model: Model) -> bool:
    """Say if a network is made by a function from elsewhere."""
    return _code(model) is not None


def is_built_in(model: Model) -> bool:
    """Say if a network consists of Keras' layers alone, neither a stranger's nor KerasHub's."""
    return _code(model) is None and not model.name.startswith(HUB)


def _code(model: Model) -> NetworkCode | None:
    """Return the code of a network from elsewhere; None for what is named otherwise."""
    if model.network_from is None and (":" not in model.name or model.name.startswith(HUB)):
        return None
    return network_code(model.name, model.network_from)


def _check_name(name: str) -> None:
    known = [*FROM_SCRATCH, *BACKBONES]
    if name not in known and not name.startswith(HUB):
        line = unknown("model.name", name, known)
        raise UserError(line + f", {HUB}PRESET or module:function")


def _made(model: Model, input_shape: Shape, n_classes: int, precision: str) -> Any:
    """Build what a network's name stands for, with its weights; it may give logits."""
    code = _code(model)
    if code is None:
        _check_name(model.name)
        if model.name in BACKBONES:
            backbone.check(BACKBONES[model.name], input_shape)
    try:
        # Standard output may be the place of a JSON document.
        with redirect_stdout(sys.stderr), computing_in(precision):
            made = _called(model, code, input_shape, n_classes)
    except (UserError, KeyboardInterrupt):
        raise
    except BaseException as error:  # a stranger's network may fail in any way
        raise UserError(
            f"model.name {model.name!r} can't be built for inputs of shape {input_shape}: "
            f"{reason(error)}"
        ) from error
    weights.load(made, model)
    return made


def _called(model: Model, code: NetworkCode | None, input_shape: Shape, n_classes: int) -> Any:
    if code is not None:
        return code.function(input_shape, n_classes)
    if model.name in BACKBONES:
        return backbone.body(BACKBONES[model.name], input_shape)
    if model.name.startswith(HUB):
        return hub.body(model, input_shape)
    return FROM_SCRATCH[model.name](input_shape)


def _gives_features(model: Model, made: Any, n_classes: int) -> bool:
    """Say if a model gives features; a function's own last layer of another width is a mistake."""
    if _code(model) is None:
        return True
    shape = tuple(getattr(made, "output_shape", ()))
    if len(shape) in (3, 4):
        return True
    if len(shape) != 2 or shape[1] is None or shape[1] == n_classes:
        return False
    last = made.layers[-1]
    linear = getattr(getattr(last, "activation", None), "__name__", "") == "linear"
    return not (hasattr(last, "units") and linear)


def _check_logits(model: Model, made: Any, n_classes: int) -> None:
    shape = tuple(getattr(made, "output_shape", ()))
    if shape != (None, n_classes):
        raise UserError(
            f"model.name {model.name!r} gives outputs of shape {shape}, not (None, {n_classes}): "
            "the model must end with one logit for each class, or with features, which don't come "
            "straight from a dense layer without activation"
        )


def _refuse_probabilities(name: str, model: Any, input_shape: Shape) -> None:
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


def _crowned(model: Model, body: Any, head: str, n_classes: int) -> Network:
    import keras

    with computing_in(FULL):
        layers = HEADS[head](n_classes)
        outputs = body.output
        for layer in layers:
            outputs = layer(outputs)
        return Network(model, keras.Model(body.input, outputs), layers, body)
