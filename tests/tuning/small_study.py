"""A study that takes a second."""

from collections.abc import Callable
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

from harness.config.experiment import Experiment
from harness.tuning.setup import Tuning
from harness.tuning.study import OpenStudy
from harness.tuning.work import perform

Make = Callable[..., Tuning]


def experiment(**train: Any) -> Experiment:
    return Experiment.model_validate(
        {
            "imbalance": {"kind": "long_tail", "ratio": 20},
            "model": {"name": "mlp"},
            "train": {"epochs": 2, "batch_size": 64, "learning_rate": 0.003} | train,
        }
    )


def work_without_turns(tuning: Tuning) -> None:
    """Work at a study as on a machine of its own, whose turns no other one waits for."""
    store: Any = SimpleNamespace(turn=lambda key: nullcontext())
    for _ in perform(OpenStudy.of(tuning), store, lambda trial: 0.5):
        pass
