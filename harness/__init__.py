"""Which strategy against class imbalance helps, by how much, and how sure is that?"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from harness.errors import UserError

if TYPE_CHECKING:
    from harness.comparison.records import Predictions, load_predictions, load_trials
    from harness.data.batches import chance_at_least
    from harness.data.cache import remembered
    from harness.data.classes import per_class
    from harness.data.examples import Examples
    from harness.plan.losses import Loss, cross_entropy
    from harness.plan.plan import ClassWeights, Phase, Plan
    from harness.plan.samplers import Drawn, Repeated, Rotating, Sampler, Selected, Shuffled
    from harness.plan.transforms import BatchTransform, HeadTransform
    from harness.strategy.base import Choice, PerClass, Range, Strategy
    from harness.trial.result import TrialResult
    from harness.trial.train import train_trial
    from harness.trial.trial import Trial

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

_HOMES = {
    "Predictions": "comparison.records",
    "load_predictions": "comparison.records",
    "load_trials": "comparison.records",
    "chance_at_least": "data.batches",
    "per_class": "data.classes",
    "remembered": "data.cache",
    "Choice": "strategy.base",
    "PerClass": "strategy.base",
    "Range": "strategy.base",
    "Strategy": "strategy.base",
    "Examples": "data.examples",
    "Loss": "plan.losses",
    "cross_entropy": "plan.losses",
    "ClassWeights": "plan.plan",
    "Phase": "plan.plan",
    "Plan": "plan.plan",
    "BatchTransform": "plan.transforms",
    "HeadTransform": "plan.transforms",
    "Drawn": "plan.samplers",
    "Repeated": "plan.samplers",
    "Rotating": "plan.samplers",
    "Sampler": "plan.samplers",
    "Selected": "plan.samplers",
    "Shuffled": "plan.samplers",
    "Trial": "trial.trial",
    "TrialResult": "trial.result",
    "train_trial": "trial.train",
}

__all__ = [
    "BatchTransform",
    "Choice",
    "ClassWeights",
    "Drawn",
    "Examples",
    "HeadTransform",
    "Loss",
    "PerClass",
    "Phase",
    "Plan",
    "Predictions",
    "Range",
    "Repeated",
    "Rotating",
    "Sampler",
    "Selected",
    "Shuffled",
    "Strategy",
    "Trial",
    "TrialResult",
    "UserError",
    "chance_at_least",
    "cross_entropy",
    "load_predictions",
    "load_trials",
    "per_class",
    "remembered",
    "train_trial",
]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for, so that help and listing are instant."""
    if name not in _HOMES:
        raise AttributeError(f"module 'harness' has no attribute {name!r}")
    return getattr(import_module(f"harness.{_HOMES[name]}"), name)
