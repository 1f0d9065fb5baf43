"""A network with its compiled steps, kept for the life of the process and reset for each trial."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from time import perf_counter
from typing import Any

import numpy as np

from harness.config.experiment import Train
from harness.config.model import Model
from harness.data.examples import Array, Examples, Floats
from harness.errors import TrialFailed, UserError
from harness.networks.build import Network, digest, head_alone, is_built_in, network
from harness.networks.heads import SCALES
from harness.networks.precision import FULL
from harness.plan.head import AS_CONFIGURED, Head
from harness.plan.plan import Phase, Plan, Trainable
from harness.training.framework import keras, tf
from harness.training.initial import InitialWeights, seed_generators
from harness.training.last_layer import LastLayer
from harness.training.precision import precision_for
from harness.training.steps import compiled_steps, constants, scaled
from harness.training.update import Update

PREDICT_BATCH = 1024
MOST_STEPS = 32  # some 3 MiB each
WITHOUT_SEED = "Random ops require a seed"
NOTHING_TO_TREAT = (
    "the strategy treats the last layer, but of a cosine head there is nothing to treat: cosines "
    "have no bias, and the length of a class's weights does not count; take model.head linear or "
    "mlp, and leave out a strategy's head=cosine"
)


@dataclass(frozen=True)
class Recipe:
    """What a compiled network depends on; two trials with an equal recipe share it."""

    model: Model
    head: str
    code: str
    input_shape: tuple[int, ...]
    dtype: str
    n_classes: int
    optimizer: str
    momentum: float
    decays: bool
    precision: str

    @classmethod
    def of(
        cls, model: Model, train: Train, examples: Examples, head: Head = AS_CONFIGURED
    ) -> "Recipe":
        """Return the recipe for some examples; those of a frozen network are its features."""
        shape = tuple(examples.inputs.shape[1:])
        return cls(
            model=model,
            head=head.kind or model.head,
            code=digest(model),
            input_shape=shape[-1:] if model.frozen else shape,
            dtype=str(examples.inputs.dtype),
            n_classes=examples.n_classes,
            optimizer=train.optimizer,
            momentum=train.momentum,
            decays=train.weight_decay > 0,
            precision=FULL if model.frozen else precision_for(train),  # a head alone is float32
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
        draws_elsewhere = not (recipe.model.frozen or is_built_in(recipe.model))
        seed_generators(0, draws_elsewhere)  # of any number: `reset` draws anew
        self._network = self._fresh()
        self.model = self._network.model
        self._unit = tf.Variable(1.0, name="scale_of_logits")
        self._backbone_rate = tf.Variable(1.0, name="backbone_rate")
        self._scale = tf.Variable(tf.ones(recipe.n_classes), name="head_scale")
        self._decay = tf.Variable(0.0, name="weight_decay")
        self._initial = InitialWeights(lambda: self._fresh().model, draws_elsewhere)
        self._initial_head: list[Array] = []
        self._updates: dict[str, Update] = {}
        self._steps: dict[tuple[Any, ...], Any] = {}
        self._assign = tf.function(_assigning(self.model.variables), autograph=False)
        read = tf.function(_reading(self.model.variables), autograph=False)
        self._read = read.get_concrete_function()
        self._assign([np.array(variable.numpy()) for variable in self.model.variables])

    def check(self, plan: Plan) -> None:
        """Raise UserError if the plan treats the last layer and the network's can't be treated."""
        if plan.treats_head:
            self.last_layer()

    def last_layer(self) -> LastLayer:
        """Return the last layer's kernel and bias; raises UserError if it is no dense layer."""
        if self.recipe.head == "cosine":
            raise UserError(NOTHING_TO_TREAT)
        return LastLayer(self._network.head[-1], self.recipe.model.name)

    def reset(
        self,
        seed: int,
        initial_bias: Floats | None = None,
        weight_decay: float = 0.0,
        scale: float | None = None,
    ) -> None:
        """Give every variable the value that a new model and optimizer of this seed would have.

        Without an `initial_bias` `[C]` the last layer's bias is the network's own. The decay counts
        where the recipe has one; neither it nor the `scale` of the outputs is a part of what is
        compiled, so both can be tuned cheaply.
        """
        self._decay.assign(weight_decay)
        unit = SCALES.get(self.recipe.head, 1.0) if scale is None else scale
        self._unit.assign(unit)
        with nullcontext() if seed in self._initial else self._compiling():
            initial = self._initial.of(seed)
        self.restore(initial)
        if initial_bias is not None:
            kernel, _ = self.last_layer().read()
            self.last_layer().set(kernel, initial_bias / unit)
        self._initial_head = [np.array(v.numpy()) for v in self._network.head_variables]

    def begin(self, phase: Phase) -> None:
        """Begin a phase anew: forget all moments and step counts, renew the head if asked."""
        self.restore(self.weights())
        if phase.head == "fresh":
            head = self._network.head_variables
            for variable, value in zip(head, self._initial_head, strict=True):
                variable.assign(value)
        for update in self._updates.values():
            update.forget()

    def run(
        self,
        phase: Phase,
        chunk: tuple[Array, Array],
        batch_size: int,
        class_weight: Array,
        learning_rates: Array,
        seeds: Array,
    ) -> Array:
        """Take a step of a phase for each of `S` batches; return their mean losses, `[S]`.

        A chunk is inputs `[N, ...]` and int32 labels `[N]`, the last batch of which may be smaller;
        weights are `[C]`, rates `[S]`, the seeds of the phase's batch transform int32 `[S, 2]`.
        """
        if phase.backbone_rate != 1.0:
            self._backbone_rate.assign(phase.backbone_rate)
        given = (phase.loss.parameters, phase.batch_transform.inputs, phase.augmentation.inputs)
        parameters = tuple(constants(each) for each in given)
        inputs, labels = chunk
        losses: Array = self._compiled(phase, inputs.shape[1:], parameters)(
            tf.constant(inputs),
            tf.constant(labels),
            tf.constant(batch_size),
            tf.constant(class_weight.astype(np.float32)),
            tf.constant(learning_rates.astype(np.float32)),
            tf.constant(seeds),
            *parameters,
        )
        return losses

    def predict(self, examples: Examples) -> Array:
        """Return all logits, float32 `[N, C]`."""
        starts = range(0, len(examples), PREDICT_BATCH)
        blocks = [np.arange(s, min(s + PREDICT_BATCH, len(examples))) for s in starts]
        batches = (tf.constant(examples.gather(block)) for block in blocks)
        logits: Array = np.concatenate([self._predict(batch).numpy() for batch in batches])
        return logits

    @cached_property
    def _predict(self) -> Any:
        """What gives the logits of a batch, compiled when first asked for."""
        shape, dtype = self.recipe.input_shape, self.recipe.dtype
        signature = [tf.TensorSpec([None, *shape], dtype)]
        with self._compiling():
            logits = tf.function(self._logits, signature, autograph=False)
            predict = logits.get_concrete_function()
            predict(tf.zeros([1, *shape], dtype))  # apart from what looks take
        return predict

    @property
    def giving_logits(self) -> Any:
        """A Keras model of the same variables that gives the logits, their scale included."""
        unit = float(self._unit.numpy())
        if unit == 1.0:
            return self.model
        stretched = keras.layers.Rescaling(unit)
        return keras.Sequential([keras.Input(self.recipe.input_shape), self.model, stretched])

    def weights(self) -> list[Array]:
        """Return a copy of every variable of the model, the head's scale folded into it."""
        values = [np.array(value.numpy()) for value in self._read()]
        scale = self._scale.numpy()
        if (scale != 1.0).any():
            head = {id(variable) for variable in self._network.head[-1].variables}
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

    def _fresh(self) -> Network:
        recipe = self.recipe
        if recipe.model.frozen:
            (n_features,) = recipe.input_shape
            return head_alone(recipe.model, recipe.head, n_features, recipe.n_classes)
        return network(
            recipe.model, recipe.head, recipe.input_shape, recipe.n_classes, recipe.precision
        )

    def _logits(self, inputs: Any) -> Any:
        return self._outputs(scaled(inputs), training=False)

    def _outputs(self, inputs: Any, training: bool) -> Any:
        """Return logits; what began with weights keeps its batch statistics, as Keras advises."""
        learns = training and self.recipe.model.from_scratch
        return self.model(inputs, training=learns) * self._scale * self._unit

    def _variables(self, trainable: Trainable) -> dict[str, list[Any]]:
        """Return what a phase trains: the variables of the head, and of what lies below it."""
        head = self._network.head_variables
        if trainable == "head_scale":
            return {"head": [self._scale]}
        if trainable == "head":
            return {"head": head}
        if trainable == "top":
            return {"backbone": self._network.top_variables, "head": head}
        own = {id(variable) for variable in head}
        below = [each for each in self.model.trainable_variables if id(each) not in own]
        return {"backbone": below, "head": head}

    def _changes(self, phase: Phase) -> list[Update]:
        """Return what a phase changes, and by which optimizers: one for each learning rate."""
        groups = self._variables(phase.trainable)
        if phase.backbone_rate == 1.0:
            together = [variable for group in groups.values() for variable in group]
            return [self._update(phase.trainable, together)]
        factors = {"backbone": self._backbone_rate, "head": 1.0}
        return [
            self._update(f"{phase.trainable} {part}", variables, factors[part])
            for part, variables in groups.items()
        ]

    def _update(self, name: str, variables: list[Any], factor: Any = 1.0) -> Update:
        if name not in self._updates:
            make = partial(_optimizer, self.recipe, self._decay)
            self._updates[name] = Update(variables, make, factor)
        return self._updates[name]

    def _compiled(
        self, phase: Phase, shape: tuple[int, ...], parameters: tuple[Mapping[str, Any], ...]
    ) -> Any:
        """Return the steps of a phase on inputs of a shape, which its augmentation may change."""
        shapes = tuple(
            tuple(sorted((name, tuple(value.shape)) for name, value in each.items()))
            for each in parameters
        )
        key = (
            phase.loss.function,
            phase.batch_transform.function,
            phase.augmentation.function,
            phase.trainable,
            phase.backbone_rate == 1.0,
            shape,
            shapes,
        )
        steps = self._steps.pop(key, None)
        if steps is None:
            with self._compiling(), _repeatable():
                steps = self._compile(phase, shape, parameters)
                steps(*self._no_batches(shape), *parameters)  # apart from what steps take
        self._steps[key] = steps  # now the last in use
        if len(self._steps) > MOST_STEPS:
            del self._steps[next(iter(self._steps))]
        return steps

    def _no_batches(self, shape: tuple[int, ...]) -> tuple[Any, ...]:
        inputs, labels = tf.zeros([0, *shape], self.recipe.dtype), tf.zeros([0], tf.int32)
        weights, seeds = tf.ones([self.recipe.n_classes]), tf.zeros([0, 2], tf.int32)
        return inputs, labels, tf.constant(1), weights, tf.zeros([0]), seeds

    def _compile(
        self, phase: Phase, shape: tuple[int, ...], parameters: tuple[Mapping[str, Any], ...]
    ) -> Any:
        everything = phase.trainable == "all"
        return compiled_steps(
            lambda inputs: self._outputs(inputs, training=everything),
            self._changes(phase),
            phase,
            [
                tf.TensorSpec([None, *shape], self.recipe.dtype),
                tf.TensorSpec([None], tf.int32),
                tf.TensorSpec([], tf.int32),
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


@contextmanager
def _repeatable() -> Iterator[None]:
    """Say in a line of our own what TensorFlow says of operations that draw without a seed."""
    try:
        yield
    except RuntimeError as error:
        if WITHOUT_SEED not in str(error):
            raise
        raise TrialFailed(
            "its loss, batch transform or network draws without a seed, so that it could not be "
            "repeated: draw with tf.random.stateless_… from the seed that a batch transform gets"
        ) from error


def _assigning(variables: Sequence[Any]) -> Callable[[list[Any]], None]:
    """Return what sets all variables at once, which one by one takes a millisecond each."""

    def assign(values: list[Any]) -> None:
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)

    return assign


def _reading(variables: Sequence[Any]) -> Callable[[], list[Any]]:
    """Return what reads all variables at once."""

    def read() -> list[Any]:
        return [tf.identity(variable.value) for variable in variables]

    return read


def _optimizer(recipe: Recipe, decay: Any) -> Any:
    """Make an optimizer; decay is decoupled in all of them, so Adam with decay is AdamW."""
    if recipe.optimizer == "sgd":
        optimizer = keras.optimizers.SGD(1.0, momentum=recipe.momentum)
    else:
        optimizer = keras.optimizers.Adam(1.0)
    optimizer.weight_decay = decay if recipe.decays else None
    return optimizer
