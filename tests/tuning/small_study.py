"""A study that takes a second."""

from collections.abc import Callable
from typing import Any

from harness.config.experiment import Experiment
from harness.tuning.setup import Tuning

Make = Callable[..., Tuning]


def experiment(**train: Any) -> Experiment:
    return Experiment.model_validate(
        {
            "imbalance": {"kind": "long_tail", "ratio": 20},
            "model": {"name": "mlp"},
            "train": {"epochs": 2, "batch_size": 64, "learning_rate": 0.003} | train,
        }
    )
