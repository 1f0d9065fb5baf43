"""Strategies that break a law each, and would pass for right ones at a glance."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field, PlainSerializer

from harness import (
    BatchTransform,
    Choice,
    ClassWeights,
    HeadTransform,
    Loss,
    Phase,
    Plan,
    Range,
    Shuffled,
    Strategy,
    UserError,
    cross_entropy,
)
from harness.data.examples import Floats, Integers

CALLS: Counter[str] = Counter()
MEANS: dict[int, float] = {}


def weighted(base: Plan, values: Any) -> Plan:
    return base.in_every_phase(class_weight=ClassWeights(np.asarray(values, np.float64)))


def with_loss(base: Plan, function: Any, **more: Any) -> Plan:
    return base.in_every_phase(loss=Loss(function, **more))


def inverse(base: Plan) -> Floats:
    return np.asarray(len(base.train) / base.train.counts, np.float64)


class Sound(Strategy):
    """Breaks nothing: weights by a power of the inverse counts."""

    neutral: ClassVar[Mapping[str, Any] | None] = {"power": 0.0}
    power: Annotated[float, Range(0.0, 1.0)] = 1.0

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        return weighted(base, inverse(base) ** self.power)


class ReadsAFile(Strategy):
    """Looks at images that it was not given."""

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        from sklearn.datasets import load_digits

        assert len(load_digits().images) > 0
        return base


class LoadsData(Strategy):
    """Makes the splits itself, the test set too."""

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        from harness.config.experiment import Experiment
        from harness.data import prepare

        assert len(prepare(Experiment.model_validate(DIGITS), 0).test) > 0
        return base


DIGITS = {"data": {"source": "digits"}}


class FailsOnOneExample(Strategy):
    """Needs two examples of each class, and says so to nobody."""

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        assert base.train.counts.min() > 1
        return base


class RefusesAtLength(Strategy):
    """Says in three lines what fits into one."""

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        if base.train.counts.min() == 1:
            raise UserError("A class has one example.\nThis is too few.\nGive more.")
        return base


class HalvesTheBatch(Strategy):
    """A batch size that is no whole number."""

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        return replace(base, batch_size=base.batch_size / 2)  # type: ignore[arg-type]


class WeighsOneClass(Strategy):
    """Weights of the wrong shape."""

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        return weighted(base, [2.0])


class IgnoresAClass(Strategy):
    """A weight of zero."""

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        return weighted(base, base.train.counts != base.train.counts.max())


class ForgetsAClass(Strategy):
    """Training examples that lack the rarest class."""

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        counts = base.train.counts
        kept = np.flatnonzero(base.train.labels != counts.argmin())
        return replace(base, train=base.train.take(kept))


class Counts(Strategy):
    """Each plan is another one."""

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        CALLS["plan"] += 1
        return replace(base, learning_rate=base.learning_rate / CALLS["plan"])


class DrawsUnseeded(Strategy):
    """Draws from a generator of its own."""

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        chosen = np.random.default_rng().permutation(len(base.train))
        return replace(base, train=base.train.take(chosen))


class SeedsEverybody(Strategy):
    """Seeds the generator that numpy.random shares with everybody, from its own."""

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        np.random.seed(int(rng.integers(1000)))
        chosen = np.random.permutation(len(base.train))
        return replace(base, train=base.train.take(chosen))


class RelabelsInPlace(Strategy):
    """Changes the labels that all strategies share."""

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        base.train.labels[np.flatnonzero(base.train.labels == 0)[0]] = 1
        return base


class FillsUpItsParameters(Strategy):
    """Puts what is missing into the parameters that it was given."""

    weights: dict[str, float] = Field(default_factory=dict)

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        names = base.train.class_names
        return weighted(base, [self.weights.setdefault(name, 1.0) for name in names])


class ScalesWeightsInPlace(Strategy):
    """Changes the weights that an earlier strategy has set."""

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        for phase in base.phases:
            if phase.class_weight is not None:
                phase.class_weight.values[:] *= 2.0
        return base


class BeginsAfresh(Strategy):
    """Makes a phase of its own, and loses what stood in the others."""

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        return replace(base, phases=(Phase(sampler=Shuffled()),))


class TakesTheLastForTheRarest(Strategy):
    """Believes that class numbers grow as classes get rarer."""

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        return weighted(base, 1.0 + np.arange(base.train.n_classes))


class SortsNames(Strategy):
    """Puts weights in the order of the alphabet."""

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        by_name = dict(zip(base.train.class_names, inverse(base), strict=True))
        return weighted(base, [by_name[name] for name in sorted(by_name)])


class SortsNumbers(Strategy):
    """Puts the numbers of classes in the order of their digits: 0, 1, 10, 2."""

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        by_number = {str(number): each for number, each in enumerate(inverse(base))}
        return weighted(base, [by_number[number] for number in sorted(by_number)])


@dataclass(frozen=True)
class Off:
    """A sampler that does what its subclasses say."""

    def passes(self, labels: Integers, rng: np.random.Generator) -> Iterator[Integers]:
        while True:
            yield rng.permutation(len(labels))

    def class_counts(self, labels: Integers, n_classes: int) -> Floats:
        return np.bincount(labels, minlength=n_classes).astype(np.float64)


class ClaimsBalance(Off):
    def class_counts(self, labels: Integers, n_classes: int) -> Floats:
        return np.full(n_classes, len(labels) / n_classes)


class OneTooFar(Off):
    def passes(self, labels: Integers, rng: np.random.Generator) -> Iterator[Integers]:
        while True:
            yield rng.permutation(len(labels)) + 1


class OnePass(Off):
    def passes(self, labels: Integers, rng: np.random.Generator) -> Iterator[Integers]:
        yield from (rng.permutation(len(labels)) for _ in range(3))


class NeverTheLast(Off):
    def passes(self, labels: Integers, rng: np.random.Generator) -> Iterator[Integers]:
        while True:
            yield rng.integers(0, len(labels) - 1, len(labels))


class NeverTheFirst(Off):
    def passes(self, labels: Integers, rng: np.random.Generator) -> Iterator[Integers]:
        while True:
            yield rng.permutation(np.arange(1, len(labels)))

    def class_counts(self, labels: Integers, n_classes: int) -> Floats:
        return np.bincount(labels[1:], minlength=n_classes).astype(np.float64)


class WithReplacement(Off):
    def passes(self, labels: Integers, rng: np.random.Generator) -> Iterator[Integers]:
        while True:
            yield rng.integers(0, len(labels), len(labels))


class HalvesEachClass(Off):
    def passes(self, labels: Integers, rng: np.random.Generator) -> Iterator[Integers]:
        members = [np.flatnonzero(labels == label) for label in range(int(labels.max()) + 1)]
        while True:
            yield np.concatenate([rng.permutation(each)[: len(each) // 2] for each in members])

    def class_counts(self, labels: Integers, n_classes: int) -> Floats:
        return np.asarray(np.bincount(labels, minlength=n_classes) // 2, np.float64)


@dataclass(frozen=True)
class Remembering(Off):
    own: np.random.Generator

    def passes(self, labels: Integers, rng: np.random.Generator) -> Iterator[Integers]:
        while True:
            yield self.own.permutation(len(labels))


class DropsThePartialBatch(Off):
    def passes(self, labels: Integers, rng: np.random.Generator) -> Iterator[Integers]:
        while True:
            yield rng.permutation(len(labels))[: len(labels) // 16 * 16]


class SamplesLess(Strategy):
    """Visits as always, and declares balance."""

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        return base.in_every_phase(sampler=ClaimsBalance())


class SamplesTooFar(Strategy):
    """Visits positions that there are not."""

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        return base.in_every_phase(sampler=OneTooFar())


class SamplesOnce(Strategy):
    """Ends after three passes."""

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        return base.in_every_phase(sampler=OnePass())


class SamplesAllButTheLast(Strategy):
    """Draws numbers below N - 1, as if the end were among them."""

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        return base.in_every_phase(sampler=NeverTheLast())


class SamplesAllButTheFirst(Strategy):
    """Counts from 1, and declares as much."""

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        return base.in_every_phase(sampler=NeverTheFirst())


class DrawsEvenWhereNeutral(Strategy):
    """Visits classes as plain training does, but not each example once a pass."""

    neutral: ClassVar[Mapping[str, Any] | None] = {"power": 0.0}
    power: float = 0.0

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        return base.in_every_phase(sampler=WithReplacement())


class SamplesHalves(Strategy):
    """Visits half of each class, rounded down: nothing of a class with a single example."""

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        return base.in_every_phase(sampler=HalvesEachClass())


class SamplesByAnotherGenerator(Strategy):
    """Keeps plan()'s generator in the sampler, which goes on with it each time that it is used."""

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        return base.in_every_phase(sampler=Remembering(rng))


class SamplesWholeBatches(Strategy):
    """Drops the last partial batch."""

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        return base.in_every_phase(sampler=DropsThePartialBatch())


def naive_focal(labels: Any, logits: Any, parameters: Mapping[str, Any]) -> Any:
    from keras import ops

    chosen = ops.one_hot(labels, logits.shape[-1], dtype=logits.dtype)
    p = ops.sum(ops.softmax(logits) * chosen, axis=-1)
    return (1.0 - p) ** parameters["gamma"] * cross_entropy(labels, logits, {})


def averaged(labels: Any, logits: Any, parameters: Mapping[str, Any]) -> Any:
    from keras import ops

    return ops.mean(cross_entropy(labels, logits, {}))


def per_minority(labels: Any, logits: Any, parameters: Mapping[str, Any]) -> Any:
    from keras import ops

    rare = ops.cast(ops.take(parameters["rare"], labels), "float32")
    return cross_entropy(labels, logits, {}) / ops.sum(rare)


def relative(labels: Any, logits: Any, parameters: Mapping[str, Any]) -> Any:
    from keras import ops

    each = cross_entropy(labels, logits, {})
    return each / (1.0 + ops.max(each))


def wrong_sign(labels: Any, logits: Any, parameters: Mapping[str, Any]) -> Any:
    return -cross_entropy(labels, logits, {})


def blind(labels: Any, logits: Any, parameters: Mapping[str, Any]) -> Any:
    from keras import ops

    right = ops.cast(ops.argmax(logits, axis=-1), "int32") == ops.cast(labels, "int32")
    return 1.0 - ops.cast(right, "float32")


def shifted(labels: Any, logits: Any, parameters: Mapping[str, Any]) -> Any:
    return cross_entropy(labels, logits + parameters["shift"], {})


class TurnsTheHead(Strategy):
    """Gives the last layer's kernel back on its side."""

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        return replace(base, head_transforms=(HeadTransform("turned", turned),))


def turned(kernel: Any, bias: Any) -> Any:
    return kernel.T, bias


class NaiveFocalLoss(Strategy):
    """A power of 1 - p, which has no slope at p = 1 where gamma is below 1."""

    gamma: Annotated[float, Range(0.0, 5.0)] = 2.0

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        gamma = {"gamma": np.asarray(self.gamma)}
        return with_loss(base, naive_focal, parameters=gamma, exact=False)


class AveragesItself(Strategy):
    """Returns the mean, which the loop takes."""

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        return with_loss(base, averaged, exact=False)


class DividesByTheFew(Strategy):
    """Divides by how many of the rarest class a batch holds."""

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        rare = base.train.counts == base.train.counts.min()
        return with_loss(base, per_minority, parameters={"rare": rare}, exact=False)


class LooksAtTheBatch(Strategy):
    """Divides by the largest loss of a batch."""

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        return with_loss(base, relative, exact=False)


class Maximises(Strategy):
    """Has the wrong sign."""

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        return with_loss(base, wrong_sign, exact=False)


class CountsErrors(Strategy):
    """Has no gradient."""

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        return with_loss(base, blind, exact=False)


def by_loop(labels: Any, logits: Any, parameters: Mapping[str, Any]) -> Any:
    return [float(logits[row, label]) for row, label in enumerate(labels)]


class LoopsInPython(Strategy):
    """Needs the values of a batch while it is compiled."""

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        return with_loss(base, by_loop, exact=False)


class MakesItsLoss(Strategy):
    """Defines its loss anew in each plan."""

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        return with_loss(base, lambda *given: 2.0 * cross_entropy(*given))


class AdjustsTheWrongWay(Strategy):
    """Adds the log prior to the logits, and declares the prior times itself."""

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        shares = base.train.counts / len(base.train)
        return with_loss(base, shifted, parameters={"shift": np.log(shares)}, prior_factor=shares)


class NeverNeutral(Strategy):
    """Weighs a little at power 0 as well."""

    neutral: ClassVar[Mapping[str, Any] | None] = {"power": 0.0}
    power: float = 1.0

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        return weighted(base, inverse(base) ** (self.power + 0.01))


class TurnedRange(Strategy):
    """A range from high to low."""

    power: Annotated[float, Range(1.0, 0.0)] = 1.0

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        return base


class LogOfZero(Strategy):
    """A log scale from 0."""

    power: Annotated[float, Range(0.0, 1.0, log=True)] = 1.0

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        return base


class DefaultOutside(Strategy):
    """A default that no search would find."""

    power: Annotated[float, Range(0.0, 1.0)] = 2.0

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        return base


class StrangeChoice(Strategy):
    """A choice that its own type refuses."""

    times: Annotated[int, Choice(1, 2, "many")] = 1

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        return base


class FailsAtAnEnd(Strategy):
    """Divides by zero at an end of its range."""

    power: Annotated[float, Range(0.0, 1.0)] = 1.0

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        return weighted(base, np.full(base.train.n_classes, 1 / self.power))


class FailsAtACorner(Strategy):
    """Divides by zero where one parameter is at its low end and another one at its high end."""

    low: Annotated[float, Range(0.0, 1.0)] = 0.5
    high: Annotated[float, Range(0.0, 1.0)] = 0.5

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        value = 1 / (1.0 + self.low - self.high)
        return weighted(base, np.full(base.train.n_classes, value))


class RefusesItsRange(Strategy):
    """Refuses what its range allows, and doesn't say which parameter is at fault."""

    power: Annotated[float, Range(0.0, 1.0)] = 1.0

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        if self.power < 0.5:
            raise UserError("this is too little")
        return base


class HasATuple(Strategy):
    """A parameter that comes back from JSON as another type."""

    sizes: tuple[int, ...] = (1, 2)

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        return base


class Forgetful(Strategy):
    """A parameter of which the record keeps less than there is."""

    factor: Annotated[float, PlainSerializer(round)] = 0.6

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        return replace(base, learning_rate=base.learning_rate * self.factor)


class Hashes(Strategy):
    """Goes by hash values of names, which are others in each process."""

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        return weighted(base, [1 + hash(name) % 100 for name in base.train.class_names])


class Remembers(Strategy):
    """Keeps what it has found for one data set, and takes it for another."""

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        inputs = base.train.gather(np.arange(len(base.train)))
        mean = MEANS.setdefault(base.train.n_classes, 1.0 + abs(float(inputs.mean())))
        return replace(base, learning_rate=base.learning_rate / mean)


def shortened(inputs: Any, labels: Any, seed: Any, parameters: Mapping[str, Any]) -> Any:
    return inputs[:, :-1], ((labels, 1.0),)


def counted_twice(inputs: Any, labels: Any, seed: Any, parameters: Mapping[str, Any]) -> Any:
    return inputs, ((labels, 1.0), (labels, 1.0))


def noisy(inputs: Any, labels: Any, seed: Any, parameters: Mapping[str, Any]) -> Any:
    import tensorflow as tf

    noise = tf.random.stateless_uniform(tf.shape(inputs), [1, 2])
    return inputs + 0.01 * noise, ((labels, 1.0),)


def unseeded(inputs: Any, labels: Any, seed: Any, parameters: Mapping[str, Any]) -> Any:
    import tensorflow as tf

    return inputs + 0.01 * tf.random.uniform(tf.shape(inputs)), ((labels, 1.0),)


def mixed(inputs: Any, labels: Any, seed: Any, parameters: Mapping[str, Any]) -> Any:
    import tensorflow as tf

    partner = tf.argsort(tf.random.stateless_uniform(tf.shape(labels), seed))
    blend = 0.3 * inputs + 0.7 * tf.gather(inputs, partner)
    rarer = tf.gather(parameters["counts"], labels) < tf.gather(
        parameters["counts"], tf.gather(labels, partner)
    )
    share = tf.where(rarer, 1.0, 0.3)
    return blend, ((labels, share), (tf.gather(labels, partner), 1.0 - share))


def transforming(base: Plan, function: Any, **more: Any) -> Plan:
    return base.in_every_phase(batch_transform=BatchTransform(function, **more))


class CropsImages(Strategy):
    """Changes the shape of the inputs."""

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        return transforming(base, shortened)


class CountsTwice(Strategy):
    """Gives each example two whole labels."""

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        return transforming(base, counted_twice)


class SameNoise(Strategy):
    """Adds the same noise to every batch."""

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        return transforming(base, noisy)


class UnseededNoise(Strategy):
    """Adds noise that no seed decides."""

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        return transforming(base, unseeded)


class MixesUnevenly(Strategy):
    """Gives labels to the rarer class, and declares that they are mixed evenly."""

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        kept = np.full((base.train.n_classes, base.train.n_classes), 0.5)
        counts = {"counts": base.train.counts}
        return transforming(base, mixed, parameters=counts, kept=kept, exact=False)


class BiasesTheFirst(Strategy):
    """Starts the bias by class number."""

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        return replace(base, initial_bias=np.arange(base.train.n_classes, dtype=np.float64))


def without_the_first(kernel: Floats, bias: Floats) -> tuple[Floats, Floats]:
    return kernel * (np.arange(kernel.shape[1]) > 0), bias


class DropsAClassOfTheHead(Strategy):
    """Treats the head by class number."""

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        return replace(base, head_transforms=(HeadTransform("drop", without_the_first),))
