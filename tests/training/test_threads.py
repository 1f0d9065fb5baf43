import pytest

from harness.config.experiment import Experiment
from harness.training.threads import VARIABLE, cores, threads_for


def experiment(**train: object) -> Experiment:
    return Experiment.model_validate({"train": {"batch_size": 64} | train})


def test_small_batches_get_one_thread_and_large_ones_every_core(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(VARIABLE)
    assert threads_for(experiment(), (8, 8, 1)) == 1
    assert threads_for(experiment(), (32, 32, 3)) == cores()


def test_the_configuration_comes_before_the_environment_and_that_before_the_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(VARIABLE, "3")
    assert threads_for(experiment(), (8, 8, 1)) == 3
    assert threads_for(experiment(threads=2), (8, 8, 1)) == 2
