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
    from harness.plan.head import Head
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

_PUBLIC = {
    "comparison.records": "Predictions load_predictions load_trials",
    "data.batches": "chance_at_least",
    "data.classes": "per_class",
    "data.cache": "remembered",
    "strategy.base": "Choice PerClass Range Strategy",
    "data.examples": "Examples",
    "plan.losses": "Loss cross_entropy",
    "plan.head": "Head",
    "plan.plan": "ClassWeights Phase Plan",
    "plan.transforms": "BatchTransform HeadTransform",
    "plan.samplers": "Drawn Repeated Rotating Sampler Selected Shuffled",
    "trial.trial": "Trial",
    "trial.result": "TrialResult",
    "trial.train": "train_trial",
}
_HOMES = {name: home for home, names in _PUBLIC.items() for name in names.split()}

__all__ = [
    "BatchTransform",
    "Choice",
    "ClassWeights",
    "Drawn",
    "Examples",
    "Head",
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
