import os
import sys

import pytest

from harness.config.experiment import Experiment
from harness.training.threads import OF_OPERATIONS, VARIABLE, cores, threads_for, use


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


@pytest.mark.parametrize(("frozen", "expected"), [(False, 1), (True, cores())])
def test_operations_run_in_as_many_threads_but_a_frozen_network_s_on_every_core(
    frozen: bool, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "harness.training.framework", raising=False)
    monkeypatch.delenv(OF_OPERATIONS)
    use(1, frozen)
    assert (os.environ[VARIABLE], os.environ[OF_OPERATIONS]) == ("1", str(expected))


def test_the_user_s_own_number_for_operations_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "harness.training.framework", raising=False)
    monkeypatch.setenv(OF_OPERATIONS, "7")
    use(1)
    assert os.environ[OF_OPERATIONS] == "7"
