"""`train.epochs: auto`: as many epochs as validation asks for."""

from typing import Any

import numpy as np
import pytest

from harness.config.experiment import Experiment
from harness.config.load import load
from harness.errors import UserError
from harness.trial.result import TrialResult
from harness.trial.train import train_trial
from harness.trial.trial import Trial


def trained(strategy: str, **train: Any) -> TrialResult:
    experiment = Experiment.model_validate(
        {
            "imbalance": {"kind": "long_tail", "ratio": 10},
            "model": {"name": "mlp"},
            "train": {"batch_size": 64, **train},
        }
    )
    return train_trial(Trial.of(strategy, experiment))


def test_training_goes_on_until_validation_has_not_improved_for_the_patience() -> None:
    found = trained("none", epochs="auto", patience=3)
    assert len(found.epochs) - 1 - found.best_epoch == 3
    fixed = trained("none", epochs=len(found.epochs))
    np.testing.assert_array_equal(found.best.test, fixed.best.test)


def test_it_ends_at_the_most_epochs() -> None:
    assert len(trained("none", epochs="auto", max_epochs=2).epochs) == 2


@pytest.mark.parametrize(
    ("strategy", "train"),
    [("deferred_reweighting", {}), ("none", {"schedule": "cosine"})],
)
def test_phases_and_a_falling_rate_are_laid_out_over_the_number_that_was_found(
    strategy: str, train: dict[str, Any]
) -> None:
    found = trained(strategy, epochs="auto", patience=3, **train)
    fixed = trained(strategy, epochs=len(found.epochs), **train)
    np.testing.assert_array_equal(found.best.test, fixed.best.test)
    if not train:
        alone = trained("none", epochs="auto", patience=3)
        assert len(found.epochs) == len(alone.epochs)


def test_a_budget_of_examples_needs_a_number_of_epochs() -> None:
    with pytest.raises(UserError, match="leave it out, or set a number of epochs, which"):
        load("digits", ["train.epochs=auto", "train.examples=1000"])
