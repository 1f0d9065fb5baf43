"""The one training loop: it runs any plan within the budget and knows no strategy.

What looks at validation, chooses an epoch or shows progress is a callback.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from harness.config.experiment import Train
from harness.data.examples import Examples, Floats, Integers
from harness.errors import TrialFailed
from harness.plan.plan import Phase, Plan
from harness.plan.samplers import Queue, Sampler
from harness.seeds import generator
from harness.training.compiled import CompiledNetwork
from harness.training.feed import batch_sizes, chunks, gathered
from harness.training.schedule import Stretch, learning_rates, stretches
from harness.training.visits import Ledger, Visits


@dataclass(frozen=True, eq=False)
class EpochEnd:
    """Where training stands when an epoch has ended; epochs are counted from 0.

    `train_loss` is the mean over the epoch's examples, as weighted and adjusted; the rate is that
    of its last step; `examples_seen` counts from the beginning.
    """

    number: int
    stretch: Stretch
    is_last_phase: bool
    train_loss: float
    learning_rate: float
    examples_seen: int


Callback = Callable[[EpochEnd], bool]
"""Called after each epoch; returns whether training should stop here."""


def train(
    network: CompiledNetwork,
    plan: Plan,
    settings: Train,
    epoch_examples: Sequence[int],
    seed: int,
    callbacks: Sequence[Callback],
) -> Visits:
    """Run a plan's phases from a seed's initial weights; the network is left as the last one is.

    An epoch is its number of `epoch_examples` visits, or one pass of the sampler where the budget
    is counted in passes. From one phase to the next, only what it changes begins anew: the order of
    visits, or, where other layers are trained or the head or the schedule is renewed, the
    optimizer's moments. Whatever a callback raises ends training.

    Raises:
        TrialFailed: the loss is no longer finite.

    """
    network.reset(seed, plan.initial_bias, settings.weight_decay, plan.head.scale)
    ledger = Ledger(plan.train.labels, plan.train.n_classes)
    order_rng, transform_rng = generator(seed, "sampling"), generator(seed, "batch transform")
    by_pass = settings.budget == "passes"
    sampler: Sampler | None = None
    queue = Queue(iter(()))
    course = stretches(plan.phases, settings.most_epochs)
    for stretch in course:
        phase = stretch.phase
        if stretch.begins_anew:
            network.begin(phase)
        if phase.sampler is not sampler:
            sampler = phase.sampler
            queue = Queue(sampler.passes(plan.train.labels, order_rng))
        for number in stretch.epochs:
            positions = queue.rest() if by_pass else queue.take(epoch_examples[number])
            order = chunks(positions, plan.batch_size, _example_bytes(plan.train))
            sizes = batch_sizes(len(positions), plan.batch_size)
            rates = learning_rates(settings, plan.learning_rate, number, len(sizes), stretch.course)
            weights = plan.class_weights(phase, number - stretch.weighted)
            epoch = _Epoch(network, plan, phase, order, sizes, weights, rates)
            loss = epoch.run(transform_rng, ledger)
            _check_finite(loss, number, plan, weights)
            end = EpochEnd(
                number, stretch, stretch is course[-1], loss, float(rates[-1]), ledger.examples
            )
            stops = [callback(end) for callback in callbacks]
            if any(stops):
                return ledger.close()
    return ledger.close()


@dataclass(frozen=True, eq=False)
class _Epoch:
    """The visits of an epoch in chunks, and the size and rate of each of its batches, `[S]`."""

    network: CompiledNetwork
    plan: Plan
    phase: Phase
    order: list[Integers]
    sizes: Integers
    class_weight: Floats
    rates: Floats

    def run(self, transform_rng: np.random.Generator, ledger: Ledger) -> float:
        """Run the compiled steps over the chunks; return the mean loss over the examples."""
        losses, first, size = [], 0, self.plan.batch_size
        for positions, chunk in zip(self.order, gathered(self.plan.train, self.order), strict=True):
            steps = len(batch_sizes(len(positions), size))
            rates = self.rates[first : first + steps]
            seeds = transform_rng.integers(2**31, size=(steps, 2), dtype=np.int32)
            losses.append(
                self.network.run(self.phase, chunk, size, self.class_weight, rates, seeds)
            )
            ledger.add(positions, size)
            first += steps
        means = np.concatenate([np.asarray(part, np.float64) for part in losses])
        return float(np.average(means, weights=self.sizes))


def _check_finite(loss: float, epoch: int, plan: Plan, weights: Floats) -> None:
    if np.isfinite(loss):
        return
    cause = f"a learning rate of {plan.learning_rate:g} is likely too high"
    if weights.max() > 10 * np.average(weights):
        cause += f", or the largest class weight of {weights.max():.3g} makes its steps too long"
    raise TrialFailed(f"the loss became {loss} in epoch {epoch + 1}: {cause}")


def _example_bytes(examples: Examples) -> int:
    shape = examples.inputs.shape[1:]
    return int(np.prod(shape)) * examples.inputs.dtype.itemsize
