import shutil
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
from preloaded import NOT_LOADED

from harness.comparison.records import load_trials
from harness.config.experiment import Experiment
from harness.execution.schedule import KILLED, Schedule
from harness.execution.task import Candidate, Outcome, Task, perform
from harness.tracking.store import Store

PLUGIN = """
import os, signal, sys
from pathlib import Path
import harness

class Deadly(harness.Strategy):
    \"\"\"Takes its whole process along.\"\"\"
    def plan(self, base, rng):
        os.kill(os.getpid(), signal.SIGKILL)

class Once(harness.Strategy):
    \"\"\"Takes its whole process along while it trains, the first time.\"\"\"
    def plan(self, base, rng):
        return base.in_every_phase(loss=harness.Loss(once, {}))

def once(labels, logits, parameters):
    if not Path("trace").exists():
        Path("trace").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return harness.cross_entropy(labels, logits, {})

class Leaving(harness.Strategy):
    \"\"\"Ends the program, as a script does.\"\"\"
    def plan(self, base, rng):
        sys.exit(0)

class Interrupting(harness.Strategy):
    \"\"\"Raises what Ctrl-C raises.\"\"\"
    def plan(self, base, rng):
        raise KeyboardInterrupt

class Own(BaseException):
    pass

class Unusual(harness.Strategy):
    \"\"\"Raises what no handler expects.\"\"\"
    def plan(self, base, rng):
        raise Own("with a reason")

class Vanishing(harness.Strategy):
    \"\"\"Ends its process without a word.\"\"\"
    def plan(self, base, rng):
        os._exit(0)

class Broken(harness.Strategy):
    \"\"\"Fails as a stranger's code may.\"\"\"
    def plan(self, base, rng):
        raise LookupError("no such luck")
"""


@pytest.fixture(autouse=True)
def record(migrated: Path, undrawn: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(migrated, tmp_path / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    return tmp_path


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    path = tmp_path / "plugin.py"
    path.write_text(PLUGIN)
    return path


EXPERIMENT = Experiment.model_validate(
    {
        "imbalance": {"kind": "long_tail", "ratio": 20},
        "model": {"name": "mlp"},
        "train": {"epochs": 2, "batch_size": 64},
    }
)


def tasks(*names: str, seeds: int = 1, plugins: tuple[Path, ...] = ()) -> list[Task]:
    return [
        Task(EXPERIMENT, Candidate(name, {}, plugins), seed)
        for seed in range(seeds)
        for name in names
    ]


def outcomes(given: list[Task], jobs: int, fresh: bool = False) -> dict[str, Outcome]:
    found: dict[str, Outcome] = {}
    schedule = Schedule(jobs, fresh)

    def keep(task: Task, outcome: Outcome) -> None:
        assert task.label not in found
        found[task.label] = outcome

    schedule.run(given, 1, keep)
    schedule.close()
    return found


def test_every_task_runs_once_and_is_taken_from_the_record_the_next_time() -> None:
    first = outcomes(tasks("none", "focal_loss", seeds=2), jobs=1)
    assert len(first) == 4
    assert {(each.state, each.cached) for each in first.values()} == {("done", False)}
    again = outcomes(tasks("focal_loss", "none", seeds=2), jobs=1)
    assert {(each.state, each.cached) for each in again.values()} == {("done", True)}
    assert {label: each.run_id for label, each in again.items()} == {
        label: each.run_id for label, each in first.items()
    }


def test_a_failing_task_does_not_stop_the_others(plugin: Path) -> None:
    found = outcomes(tasks("broken", "none", plugins=(plugin,)), jobs=1)
    assert found["broken, seed 0"].state == "failed"
    assert "LookupError: no such luck (plugin.py, line" in found["broken, seed 0"].reason
    assert found["none, seed 0"].state == "done"


@pytest.mark.usefixtures("preloaded_workers")
def test_workers_get_the_numbers_of_one_process_to_the_last_bit() -> None:
    given = tasks("none", "offline_augmentation", seeds=2)
    outcomes(given, jobs=1)
    alone = load_trials("digits")
    outcomes(given, jobs=2, fresh=True)
    together = load_trials("digits")
    assert set(alone["run_id"]).isdisjoint(together["run_id"])
    numbers = [name for name in alone if "/" in name and not name.endswith("_seconds")]
    ordered = [frame.sort_values("trial")[["trial", *numbers]] for frame in (alone, together)]
    assert ordered[0].reset_index(drop=True).equals(ordered[1].reset_index(drop=True))


@pytest.mark.usefixtures("preloaded_workers")
def test_a_worker_that_is_killed_fails_its_own_task_alone(plugin: Path) -> None:
    given = tasks("deadly", "none", "balanced_class_weight", plugins=(plugin,))
    found = outcomes(given, jobs=2)
    assert found.pop("deadly, seed 0") == Outcome("failed", reason=KILLED)
    assert {each.state for each in found.values()} == {"done"}


@pytest.mark.usefixtures("preloaded_workers")
def test_a_worker_that_is_killed_once_costs_no_task_and_leaves_no_run_running(
    plugin: Path, record: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(record)
    found = outcomes(tasks("once", plugins=(plugin,)), jobs=2)
    assert found["once, seed 0"].state == "done"
    store = Store.open("digits")
    store.reap()
    assert [run.status for run in store.runs("")] == ["FINISHED", "KILLED"]


class Deadly:
    """Stands for workers that are killed whatever they are asked."""

    def __init__(self, jobs: int, *words: object) -> None:
        self.tasks = jobs

    def submit(self, *words: object) -> Future[Outcome]:
        future: Future[Outcome] = Future()
        future.set_exception(BrokenProcessPool())
        return future

    def kill(self) -> None:
        pass


def test_workers_that_are_killed_one_after_the_other_fail_each_task_once_and_guess_no_cause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("harness.execution.schedule.Workers", Deadly)
    found = outcomes(tasks("none", seeds=8), jobs=2)
    assert len(found) == 8
    (reason,) = {each.reason for each in found.values()}
    assert reason.startswith("its process ended twice without a word: its own code may have ")


class Closed(Deadly):
    """Stands for workers of which one dies while another one starts."""

    def submit(self, *words: object) -> Future[Outcome]:
        raise OSError("handle is closed")


def test_a_worker_that_dies_while_another_starts_costs_no_word_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("harness.execution.schedule.Workers", Closed)
    found = outcomes(tasks("none", seeds=3), jobs=2)
    assert [each.reason for each in found.values()] == [KILLED] * 3


RAISED = {
    "leaving": "'leaving' broke down in plan(): SystemExit: 0 (plugin.py, line",
    "unusual": "'unusual' broke down in plan(): Own: with a reason (plugin.py, line",
}
BY_WORKERS = RAISED | {"interrupting": "KeyboardInterrupt", "vanishing": KILLED}
"""In the test's own process the one is Ctrl-C, and the other would end the test."""


@pytest.mark.usefixtures("preloaded_workers")
@pytest.mark.parametrize(("reasons", "jobs"), [(RAISED, 1), (BY_WORKERS, 2)])
def test_whatever_a_strategy_raises_fails_its_own_task_alone(
    reasons: dict[str, str], jobs: int, plugin: Path
) -> None:
    found = outcomes(tasks(*reasons, "none", plugins=(plugin,)), jobs)
    assert found.pop("none, seed 0").state == "done"
    for name, reason in reasons.items():
        failed = found.pop(f"{name}, seed 0")
        assert failed.state == "failed"
        assert reason in failed.reason
    assert not found


@pytest.mark.usefixtures("preloaded_workers")
def test_workers_that_cannot_load_the_framework_fail_each_task_and_say_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "keras.py").write_text("raise ImportError('no keras today')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv(NOT_LOADED, "keras")
    found = outcomes(tasks("none", "focal_loss"), jobs=2)
    assert {each.reason for each in found.values()} == {"ImportError: no keras today"}


def test_what_another_process_runs_is_left_to_it_and_waited_for_at_the_end() -> None:
    (task,) = tasks("none")
    with Store.open("digits").claim(task.trial().fingerprint):
        assert perform(task, False, False, lambda *_: None).state == "under_way"
    assert perform(task, False, True, lambda *_: None).state == "done"
    with Store.open("digits").claim(task.trial().fingerprint):
        assert perform(task, False, False, lambda *_: None).cached


@pytest.mark.usefixtures("preloaded_workers")
def test_epochs_of_workers_are_told_as_they_end() -> None:
    told: list[tuple[str, int]] = []
    schedule = Schedule(2, False, lambda task, epoch: told.append((task.label, epoch)))
    schedule.run(tasks("none", "focal_loss"), 1, lambda *_: None)
    schedule.close()
    labels = ("none, seed 0", "focal_loss, seed 0")
    assert sorted(told) == sorted((label, epoch) for label in labels for epoch in (1, 2))
