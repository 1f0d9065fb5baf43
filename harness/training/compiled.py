"""A network with its compiled steps, kept for the life of the process and reset for each trial."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from harness.config.experiment import Train
from harness.data.examples import Array, Examples
from harness.losses import Loss
from harness.training import networks
from harness.training.framework import keras, tf

tf.config.experimental.enable_op_determinism()

PREDICT_BATCH = 1024


@dataclass(frozen=True)
class Recipe:
    """What a compiled network depends on; two trials with an equal recipe share it."""

    network: str
    code: str
    input_shape: tuple[int, ...]
    dtype: str
    n_classes: int
    optimizer: str
    momentum: float
    weight_decay: float

    @classmethod
    def of(cls, network: str, train: Train, examples: Examples) -> "Recipe":
        """Return the recipe for some examples."""
        return cls(
            network=network,
            code=networks.code_digest(network),
            input_shape=tuple(examples.inputs.shape[1:]),
            dtype=str(examples.inputs.dtype),
            n_classes=examples.n_classes,
            optimizer=train.optimizer,
            momentum=train.momentum,
            weight_decay=train.weight_decay,
        )


class CompiledNetwork:
    """A Keras model, its optimizers, and one compiled function for each loss that it met."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.model = self._fresh()
        self._initial: list[Array] = []
        self._initial_seed: int | None = None
        self._optimizers: dict[str, tuple[Any, Callable[[], None]]] = {}
        self._steps: dict[tuple[Any, ...], Any] = {}
        inputs = tf.TensorSpec([None, *recipe.input_shape], recipe.dtype)
        self._predict = tf.function(self._logits, input_signature=[inputs])
        self._assign = tf.function(_assigning(self.model.variables))

    def reset(self, seed: int) -> None:
        """Give every variable the value that a new model and optimizer of this seed would have."""
        if seed != self._initial_seed:
            keras.utils.set_random_seed(seed)
            self._initial = [np.array(variable.numpy()) for variable in self._fresh().variables]
            self._initial_seed = seed
        self.restore(self._initial)
        self.reset_optimizers()

    def reset_optimizers(self) -> None:
        """Forget all moments and step counts, as at the start of a phase."""
        for _, forget in self._optimizers.values():
            forget()

    def run(
        self,
        loss: Loss,
        trainable: Literal["all", "head"],
        batches: tuple[Any, Any],
        class_weight: Array,
        learning_rates: Array,
    ) -> Array:
        """Take one step for each of `S` batches of `B` examples; return their mean losses, `[S]`.

        Batches are inputs `[S, B, ...]` and labels `[S, B]`; weights are `[C]`, rates `[S]`.
        """
        parameters = {
            name: tf.constant(np.asarray(value, np.float32))
            for name, value in loss.parameters.items()
        }
        steps = self._compiled(loss, trainable, parameters)
        losses: Array = steps(
            *batches,
            tf.constant(class_weight.astype(np.float32)),
            tf.constant(learning_rates.astype(np.float32)),
            parameters,
        )
        return losses

    def predict(self, examples: Examples, scale: float = 1.0) -> Array:
        """Return all logits, float32 `[N, C]`: the network's outputs times `scale`."""
        starts = range(0, len(examples), PREDICT_BATCH)
        blocks = [np.arange(s, min(s + PREDICT_BATCH, len(examples))) for s in starts]
        outputs = np.concatenate([self._predict(examples.gather(b)).numpy() for b in blocks])
        logits: Array = outputs * np.float32(scale)
        return logits

    def weights(self) -> list[Array]:
        """Return a copy of every variable of the model."""
        return [np.array(variable.numpy()) for variable in self.model.variables]

    def restore(self, weights: list[Array]) -> None:
        """Put back what `weights` returned."""
        self._assign(weights)

    def _fresh(self) -> Any:
        recipe = self.recipe
        return networks.build(recipe.network, recipe.input_shape, recipe.n_classes)

    def _logits(self, inputs: Any) -> Any:
        return self.model(_scaled(inputs), training=False)

    def _variables(self, trainable: str) -> list[Any]:
        if trainable == "all":
            return list(self.model.trainable_variables)
        heads = [layer for layer in self.model.layers if layer.trainable_variables]
        return list(heads[-1].trainable_variables)

    def _optimizer(self, trainable: str) -> Any:
        if trainable not in self._optimizers:
            optimizer = _optimizer(self.recipe)
            optimizer.build(self._variables(trainable))
            self._optimizers[trainable] = optimizer, tf.function(_zeroing(optimizer.variables))
        return self._optimizers[trainable][0]

    def _compiled(self, loss: Loss, trainable: str, parameters: Mapping[str, Any]) -> Any:
        shapes = tuple(sorted((name, tuple(value.shape)) for name, value in parameters.items()))
        key = (loss.function, trainable, shapes)
        if key not in self._steps:
            self._steps[key] = self._compile(loss, trainable, parameters)
        return self._steps[key]

    def _compile(self, loss: Loss, trainable: str, parameters: Mapping[str, Any]) -> Any:
        variables, optimizer = self._variables(trainable), self._optimizer(trainable)
        model, function, everything = self.model, loss.function, trainable == "all"

        def step(inputs: Any, labels: Any, class_weight: Any, given: Mapping[str, Any]) -> Any:
            with tf.GradientTape() as tape:
                logits = model(_scaled(inputs), training=everything)
                each = function(labels, logits, given)
                mean = tf.reduce_mean(tf.gather(class_weight, labels) * each)
            optimizer.apply(tape.gradient(mean, variables))
            return mean

        def steps(
            inputs: Any, labels: Any, class_weight: Any, rates: Any, given: Mapping[str, Any]
        ) -> Any:
            losses = tf.TensorArray(tf.float32, size=tf.shape(labels)[0])
            for number in tf.range(tf.shape(labels)[0]):
                optimizer.learning_rate.assign(rates[number])
                mean = step(inputs[number], labels[number], class_weight, given)
                losses = losses.write(number, mean)
            return losses.stack()

        signature = [
            tf.TensorSpec([None, None, *self.recipe.input_shape], self.recipe.dtype),
            tf.TensorSpec([None, None], tf.int32),
            tf.TensorSpec([self.recipe.n_classes], tf.float32),
            tf.TensorSpec([None], tf.float32),
            {name: tf.TensorSpec(value.shape, tf.float32) for name, value in parameters.items()},
        ]
        return tf.function(steps, input_signature=signature)


@lru_cache(maxsize=8)
def compiled_network(recipe: Recipe) -> CompiledNetwork:
    """Return the network of a recipe, compiled at most once while it stays in use."""
    return CompiledNetwork(recipe)


def _scaled(inputs: Any) -> Any:
    """Bring `uint8` images to 0 .. 1; leave features as they are."""
    if inputs.dtype == tf.uint8:
        return tf.cast(inputs, tf.float32) / 255.0
    return tf.cast(inputs, tf.float32)


def _assigning(variables: Sequence[Any]) -> Callable[[list[Any]], None]:
    """Return what sets all variables at once, which one by one takes a millisecond each."""

    def assign(values: list[Any]) -> None:
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)

    return assign


def _zeroing(variables: Sequence[Any]) -> Callable[[], None]:
    """Return what sets all variables to zero at once."""

    def forget() -> None:
        for variable in variables:
            variable.assign(tf.zeros_like(variable.value))

    return forget


def _optimizer(recipe: Recipe) -> Any:
    """Make an optimizer; decay is decoupled in all of them, so Adam with decay is AdamW."""
    decay = recipe.weight_decay or None
    if recipe.optimizer == "sgd":
        return keras.optimizers.SGD(1.0, momentum=recipe.momentum, weight_decay=decay)
    return keras.optimizers.Adam(1.0, weight_decay=decay)
