"""The one training loop: it runs any plan within the budget and knows no strategy."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from harness.config.experiment import Experiment
from harness.data.classes import rarest
from harness.data.examples import Array, Examples, Floats, Integers
from harness.errors import TrialFailed
from harness.plan.plan import Phase, Plan
from harness.plan.samplers import Stream
from harness.scoring import decision, metrics
from harness.seeds import generator
from harness.training.compiled import CompiledNetwork
from harness.training.feed import chunks, gathered
from harness.training.finishing import finish
from harness.training.schedule import learning_rates
from harness.training.visits import Ledger, Visits

Score = Callable[[Array], float]


@dataclass(frozen=True)
class Epoch:
    """One epoch: `validation_loss` is never weighted or adjusted, a higher score is better."""

    number: int
    train_loss: float
    validation_loss: float
    validation_score: float
    learning_rate: float


@dataclass(frozen=True, eq=False)
class Trained:
    """The weights of the best epoch by validation and of the last one, and how they came about.

    `head_transform` names what was done to the head after training, if anything.
    """

    best: list[Array]
    last: list[Array]
    head_transform: str | None
    best_epoch: int
    epochs: tuple[Epoch, ...]
    visits: Visits
    seconds: float


def train(
    network: CompiledNetwork,
    plan: Plan,
    experiment: Experiment,
    validation: Examples,
    epoch_examples: Sequence[int],
    seed: int,
    score: Score,
    on_epoch: Callable[[Epoch], None],
) -> Trained:
    """Run a plan's phases and keep the best epoch of the last phase by validation.

    Of epochs with an equal score the one with the lowest validation loss is kept.

    Every strategy gets `epochs` looks at validation; an epoch is its number of `epoch_examples`
    visits, or one pass of the sampler where the budget is counted in passes. `score` rates
    validation logits, higher is better.

    Raises:
        TrialFailed: the loss is no longer finite.

    """
    started = time.perf_counter()
    bias = plan.initial_bias
    if bias is not None:
        bias = bias / plan.phases[0].loss.logit_scale
    network.reset(seed, bias, experiment.train.weight_decay)
    ledger = Ledger(plan.train.labels, plan.train.n_classes)
    rng, drawn = generator(seed, "sampling"), generator(seed, "batch transform")
    history: list[Epoch] = []
    best, best_epoch, best_rank = network.weights(), -1, (-np.inf, -np.inf)
    for place, (phase, numbers, course) in enumerate(
        _schedule(plan.phases, experiment.train.epochs), start=1
    ):
        network.begin(phase)
        visits = Stream(phase.sampler, plan.train.labels, rng)
        for number in numbers:
            by_pass = experiment.train.budget == "passes"
            positions = visits.next_pass() if by_pass else visits.take(epoch_examples[number])
            weights = plan.class_weights(phase, number - numbers.start)
            order = chunks(positions, plan.batch_size, _example_bytes(plan.train))
            steps = sum(len(chunk) for chunk in order)
            rates = learning_rates(experiment.train, plan.learning_rate, number, steps, course)
            given = weights, rates, drawn
            loss = _run_epoch(network, plan, phase, order, given, ledger)
            _check_finite(loss, number, plan, weights)
            logits = network.predict(validation, phase.loss.logit_scale)
            epoch = Epoch(
                number, loss, _log_loss(logits, validation.labels), score(logits), float(rates[-1])
            )
            history.append(epoch)
            on_epoch(epoch)
            if place < len(plan.phases):
                continue
            rank = (epoch.validation_score, -epoch.validation_loss)
            if best_epoch < 0 or rank > best_rank:
                best, best_epoch, best_rank = network.weights(), number, rank
            elif _out_of_patience(experiment, number - best_epoch):
                break
    finished = finish(network, plan, best, network.weights(), validation, score)
    return Trained(
        finished.best,
        finished.last,
        finished.head_transform,
        best_epoch,
        tuple(history),
        ledger.close(),
        time.perf_counter() - started,
    )


def score_by(plan: Plan, metric: str, prior: Floats, target: Floats, validation: Examples) -> Score:
    """Return the rating of validation logits by a metric at the plan's own decision rule."""
    positive = rarest(plan.train.counts)
    sign = 1.0 if metrics.HIGHER_IS_BETTER[metric] else -1.0

    def score(logits: Array) -> float:
        rule = decision.fit(plan.decision, logits, validation.labels, prior, target, metric)
        for_labels, for_probabilities = rule.apply(logits)
        of_labels = metric in metrics.LABEL_BASED
        chosen = for_labels if of_labels else for_probabilities
        return sign * metrics.one(metric, validation.labels, chosen, positive)

    return score


def phases_without_epoch(plan: Plan, epochs: int) -> int:
    """Return how many of a plan's phases are skipped, for their shares round to no epoch."""
    return sum(not numbers for _, numbers, _ in _schedule(plan.phases, epochs))


def _schedule(phases: tuple[Phase, ...], epochs: int) -> Iterator[tuple[Phase, range, range]]:
    """Divide the epochs among the phases by their shares; the last one gets at least one.

    Yields each phase, its epochs, and the epochs that its learning-rate schedule goes over.
    """
    ends = np.cumsum([phase.share for phase in phases])
    inner = np.minimum(np.rint(ends / ends[-1] * epochs), epochs - 1).astype(int)[:-1].tolist()
    starts, stops = [0, *inner], [*inner, epochs]
    restarts = [s for phase, s in zip(phases, starts, strict=True) if phase.schedule == "restart"]
    for phase, start, stop in zip(phases, starts, stops, strict=True):
        begun = max((s for s in restarts if s <= start), default=0)
        ended = min((s for s in restarts if s > begun), default=epochs)
        yield phase, range(start, stop), range(begun, ended)


def _run_epoch(
    network: CompiledNetwork,
    plan: Plan,
    phase: Phase,
    order: list[Integers],
    given: tuple[Floats, Floats, np.random.Generator],
    ledger: Ledger,
) -> float:
    """Run the compiled steps over an epoch's chunks; return the mean loss over its examples.

    `given` are the class weights `[C]`, each step's learning rate, and what draws the seeds of the
    batch transform.
    """
    weights, rates, drawn = given
    losses = []
    start = 0
    for chunk, batches in zip(order, gathered(plan.train, order), strict=True):
        stop = start + len(chunk)
        seeds = drawn.integers(2**31, size=(len(chunk), 2), dtype=np.int32)
        losses.append(network.run(phase, batches, weights, rates[start:stop], seeds))
        ledger.add(chunk)
        start = stop
    means = np.concatenate([np.asarray(part, np.float64) for part in losses])
    sizes = np.concatenate([np.full(len(chunk), chunk.shape[1]) for chunk in order])
    return float(np.average(means, weights=sizes))


def _check_finite(loss: float, epoch: int, plan: Plan, weights: Floats) -> None:
    if np.isfinite(loss):
        return
    cause = f"a learning rate of {plan.learning_rate:g} is likely too high"
    if weights.max() > 10 * np.average(weights):
        cause += f", or the largest class weight of {weights.max():.3g} makes its steps too long"
    raise TrialFailed(f"the loss became {loss} in epoch {epoch + 1}: {cause}")


def _log_loss(logits: Array, labels: Integers) -> float:
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    total = np.log(np.exp(shifted).sum(axis=1))
    return float(np.mean(total - shifted[np.arange(len(labels)), labels]))


def _out_of_patience(experiment: Experiment, waited: int) -> bool:
    patience = experiment.train.patience
    return patience is not None and waited >= patience


def _example_bytes(examples: Examples) -> int:
    shape = examples.inputs.shape[1:]
    return int(np.prod(shape)) * examples.inputs.dtype.itemsize
