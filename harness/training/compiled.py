"""A network with its compiled steps, kept for the life of the process and reset for each trial."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from time import perf_counter
from typing import Any

import numpy as np

from harness.config.experiment import Model, Train
from harness.data.examples import Array, Examples, Floats
from harness.plan.plan import Phase, Plan, Trainable
from harness.training import networks
from harness.training.framework import keras, tf
from harness.training.head import Head, head_of
from harness.training.steps import compiled_steps, constants, scaled

PREDICT_BATCH = 1024
MOST_STEPS = 32  # some 3 MiB each


@dataclass(frozen=True)
class Recipe:
    """What a compiled network depends on; two trials with an equal recipe share it."""

    model: Model
    code: str
    input_shape: tuple[int, ...]
    dtype: str
    n_classes: int
    optimizer: str
    momentum: float
    decays: bool

    @classmethod
    def of(cls, model: Model, train: Train, examples: Examples) -> "Recipe":
        """Return the recipe for some examples."""
        return cls(
            model=model,
            code=networks.code_digest(model.name, model.network_from),
            input_shape=tuple(examples.inputs.shape[1:]),
            dtype=str(examples.inputs.dtype),
            n_classes=examples.n_classes,
            optimizer=train.optimizer,
            momentum=train.momentum,
            decays=train.weight_decay > 0,
        )


class CompiledNetwork:
    """A Keras model, its optimizers, and a compiled function for each kind of step that it met.

    A phase that trains the head's scale has it in a variable of its own, which is folded into the
    head when weights are read and when the phase ends. Of the compiled functions the last in use
    are kept: a strategy that makes a new loss function in each plan would fill the memory.

    `compile_seconds` is what building and compiling has taken so far: what a process does once, and
    the trial that happens to come first does not owe.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.compile_seconds = 0.0
        self.model = self._fresh()
        if recipe.model.name not in networks.BUILT_IN:
            networks.refuse_probabilities(recipe.model.name, self.model, recipe.input_shape)
        self._scale = tf.Variable(tf.ones(recipe.n_classes), name="head_scale")
        self._decay = tf.Variable(0.0, name="weight_decay")
        self._initial: list[Array] = []
        self._initial_head: list[Array] = []
        self._initial_seed: int | None = None
        self._optimizers: dict[str, tuple[Any, Callable[[], None]]] = {}
        self._steps: dict[tuple[Any, ...], Any] = {}
        inputs = tf.TensorSpec([None, *recipe.input_shape], recipe.dtype)
        self._predict = tf.function(self._logits, input_signature=[inputs])
        self._can_predict = False
        self._assign = tf.function(_assigning(self.model.variables))
        self._assign([np.array(variable.numpy()) for variable in self.model.variables])

    def check(self, plan: Plan) -> None:
        """Raise UserError if the plan treats the last layer and the network's can't be treated."""
        if plan.treats_head:
            self.head()

    def head(self) -> Head:
        """Return the last layer's kernel and bias; raises UserError if it is no dense layer."""
        return Head(self.model, self.recipe.model.name)

    def reset(
        self, seed: int, initial_bias: Floats | None = None, weight_decay: float = 0.0
    ) -> None:
        """Give every variable the value that a new model and optimizer of this seed would have.

        Without an `initial_bias` `[C]` the last layer's bias is the network's own. The decay counts
        where the recipe has one; it is no part of what is compiled, so it can be tuned cheaply.
        """
        self._decay.assign(weight_decay)
        if seed != self._initial_seed:
            with self._compiling():
                keras.utils.set_random_seed(seed)
                self._initial = [np.array(variable.numpy()) for variable in self._fresh().variables]
                self._initial_seed = seed
        self.restore(self._initial)
        if initial_bias is not None:
            kernel, _ = self.head().read()
            self.head().set(kernel, initial_bias)
        self._initial_head = [np.array(v.numpy()) for v in head_of(self.model).variables]

    def begin(self, phase: Phase) -> None:
        """Begin a phase anew: forget all moments and step counts, renew the head if asked."""
        self.restore(self.weights())
        if phase.head == "fresh":
            head = head_of(self.model).variables
            for variable, value in zip(head, self._initial_head, strict=True):
                variable.assign(value)
        for _, forget in self._optimizers.values():
            forget()

    def run(
        self,
        phase: Phase,
        batches: tuple[Any, Any],
        class_weight: Array,
        learning_rates: Array,
        seeds: Array,
    ) -> Array:
        """Take a step of a phase for each of `S` batches of `B`; return their mean losses, `[S]`.

        Batches are inputs `[S, B, ...]` and labels `[S, B]`; weights are `[C]`, rates `[S]`, the
        seeds of the phase's batch transform int32 `[S, 2]`.
        """
        parameters = constants(phase.loss.parameters), constants(phase.batch_transform.parameters)
        losses: Array = self._compiled(phase, parameters)(
            *batches,
            tf.constant(class_weight.astype(np.float32)),
            tf.constant(learning_rates.astype(np.float32)),
            tf.constant(seeds),
            *parameters,
        )
        return losses

    def predict(self, examples: Examples, scale: float = 1.0) -> Array:
        """Return all logits, float32 `[N, C]`: the network's outputs times `scale`."""
        if not self._can_predict:
            with self._compiling():
                self._predict(examples.gather(np.arange(1)))
                self._can_predict = True
        starts = range(0, len(examples), PREDICT_BATCH)
        blocks = [np.arange(s, min(s + PREDICT_BATCH, len(examples))) for s in starts]
        outputs = np.concatenate([self._predict(examples.gather(b)).numpy() for b in blocks])
        logits: Array = outputs * np.float32(scale)
        return logits

    def giving_logits(self, scale: float) -> Any:
        """Return a model of the same variables whose outputs are the network's times `scale`."""
        if scale == 1.0:
            return self.model
        stretched = keras.layers.Rescaling(scale)
        return keras.Sequential([keras.Input(self.recipe.input_shape), self.model, stretched])

    def weights(self) -> list[Array]:
        """Return a copy of every variable of the model, the head's scale folded into it."""
        values = [np.array(variable.numpy()) for variable in self.model.variables]
        scale = self._scale.numpy()
        if (scale != 1.0).any():
            head = {id(variable) for variable in head_of(self.model).variables}
            for place, variable in enumerate(self.model.variables):
                if id(variable) in head:
                    values[place] *= scale
        return values

    def restore(self, weights: list[Array]) -> None:
        """Put back what `weights` returned."""
        self._assign(weights)
        self._scale.assign(np.ones(self.recipe.n_classes, np.float32))

    @contextmanager
    def _compiling(self) -> Iterator[None]:
        """Count the time that the context lasts."""
        started = perf_counter()
        try:
            yield
        finally:
            self.compile_seconds += perf_counter() - started

    def _fresh(self) -> Any:
        recipe = self.recipe
        shape, classes = recipe.input_shape, recipe.n_classes
        return networks.build(recipe.model.name, shape, classes, recipe.model.network_from)

    def _logits(self, inputs: Any) -> Any:
        return self.model(scaled(inputs), training=False) * self._scale

    def _variables(self, trainable: Trainable) -> list[Any]:
        if trainable == "head_scale":
            return [self._scale]
        of = self.model if trainable == "all" else head_of(self.model)
        return list(of.trainable_variables)

    def _optimizer(self, trainable: Trainable) -> Any:
        if trainable not in self._optimizers:
            optimizer = _optimizer(self.recipe, self._decay)
            optimizer.build(self._variables(trainable))
            forget = tf.function(_zeroing(optimizer.variables))
            forget()
            self._optimizers[trainable] = optimizer, forget
        return self._optimizers[trainable][0]

    def _compiled(self, phase: Phase, parameters: tuple[Mapping[str, Any], ...]) -> Any:
        shapes = tuple(
            tuple(sorted((name, tuple(value.shape)) for name, value in each.items()))
            for each in parameters
        )
        key = (phase.loss.function, phase.batch_transform.function, phase.trainable, shapes)
        steps = self._steps.pop(key, None)
        if steps is None:
            with self._compiling():
                steps = self._compile(phase, parameters)
                steps(*self._no_batches(), *parameters)  # compiled now, apart from what steps take
        self._steps[key] = steps  # now the last in use
        if len(self._steps) > MOST_STEPS:
            del self._steps[next(iter(self._steps))]
        return steps

    def _no_batches(self) -> tuple[Any, ...]:
        shape, classes = self.recipe.input_shape, self.recipe.n_classes
        inputs = tf.zeros([0, 1, *shape], self.recipe.dtype)
        labels, seeds = tf.zeros([0, 1], tf.int32), tf.zeros([0, 2], tf.int32)
        return inputs, labels, tf.ones([classes]), tf.zeros([0]), seeds

    def _compile(self, phase: Phase, parameters: tuple[Mapping[str, Any], ...]) -> Any:
        return compiled_steps(
            lambda inputs, training: self.model(inputs, training=training) * self._scale,
            self._variables(phase.trainable),
            self._optimizer(phase.trainable),
            phase,
            [
                tf.TensorSpec([None, None, *self.recipe.input_shape], self.recipe.dtype),
                tf.TensorSpec([None, None], tf.int32),
                tf.TensorSpec([self.recipe.n_classes], tf.float32),
                tf.TensorSpec([None], tf.float32),
                tf.TensorSpec([None, 2], tf.int32),
                *(
                    {name: tf.TensorSpec(value.shape, tf.float32) for name, value in each.items()}
                    for each in parameters
                ),
            ],
        )


@lru_cache(maxsize=8)
def compiled_network(recipe: Recipe) -> CompiledNetwork:
    """Return the network of a recipe, compiled at most once while it stays in use."""
    return CompiledNetwork(recipe)


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


def _optimizer(recipe: Recipe, decay: Any) -> Any:
    """Make an optimizer; decay is decoupled in all of them, so Adam with decay is AdamW."""
    if recipe.optimizer == "sgd":
        optimizer = keras.optimizers.SGD(1.0, momentum=recipe.momentum)
    else:
        optimizer = keras.optimizers.Adam(1.0)
    optimizer.weight_decay = decay if recipe.decays else None
    return optimizer
