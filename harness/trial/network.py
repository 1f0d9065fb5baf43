"""The network of a trained trial as a Keras model from inputs in 0 to 1 to logits."""

from collections.abc import Sequence
from typing import Any

from harness.data.examples import Array
from harness.features.space import Space
from harness.plan.plan import Plan
from harness.trial.trial import Trial


def giving_logits(trial: Trial, plan: Plan, weights: Sequence[Array]) -> Any:
    """Return the model with these weights, a frozen backbone below its head.

    It gives the logits as recorded: the network's outputs times the loss's scale. It lasts until
    the process trains another trial of its kind, with which it shares its variables.
    """
    from harness.training.compiled import Recipe, compiled_network

    settings = trial.experiment
    network = compiled_network(Recipe.of(settings.model, settings.train, plan.train, plan.head))
    network.restore(list(weights))
    model = network.giving_logits
    if settings.model.frozen:
        model = Space.of(settings.model, trial.splits.train, trial.precision).below(model)
    return model
