"""A trial's network trained once more, on training and validation examples together.

Nothing is left to choose by, so everything that validation chose stays: the number of epochs, what
is done to the last layer, and the decision rule.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.data.examples import Array
from harness.plan.plan import Plan
from harness.training.threads import use
from harness.trial.trial import Trial


@dataclass(frozen=True, eq=False)
class Refitted:
    """The trial on all its examples but the tested, its plan, and the trained weights."""

    trial: Trial
    plan: Plan
    weights: Sequence[Array]


def refit(trial: Trial, epochs: int, best_epoch: int, head_transform: str | None) -> Refitted:
    """Train with the schedule of so many `epochs`, up to the `best_epoch`, counted from 1.

    Raises:
        UserError: the strategy's parameters don't fit the data, or the network can't be built.
        TrialFailed: the strategy's own code breaks down, or the loss is no longer finite.

    """
    # Before the framework is loaded, which reads it once.
    use(trial.threads, trial.experiment.model.frozen)
    from harness.features.space import Space
    from harness.training.budget import epoch_examples
    from harness.training.compiled import Recipe, compiled_network
    from harness.training.loop import train
    from harness.trial.finishing import transformed
    from harness.trial.planning import planned

    splits, experiment = trial.splits, trial.experiment
    together = splits.train.joined(splits.validation)
    trial = replace(trial, splits=replace(splits, train=together, contents=""))
    frozen = experiment.model.frozen
    space = Space.of(experiment.model, together, trial.precision) if frozen else None
    plan = planned(trial, space)
    settings = experiment.train.lasting(epochs)
    network = compiled_network(Recipe.of(experiment.model, settings, plan.train, plan.head))
    network.check(plan)
    budget = epoch_examples(settings, len(together))
    train(network, plan, settings, budget, trial.seed, [lambda end: end.number + 1 >= best_epoch])
    weights = network.weights()
    for transform in plan.head_transforms:
        if transform.name == head_transform:
            weights = transformed(network, weights, transform)
    return Refitted(trial, plan, weights)
