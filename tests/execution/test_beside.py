"""In one process with a core to spare, a record is completed beside the next trial's training."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread, Timer
from time import monotonic, sleep
from typing import Any

import pytest

from harness.comparison import compare
from harness.config.experiment import Experiment
from harness.errors import RecordLost
from harness.execution.executors import Inline
from harness.execution.schedule import Schedule
from harness.execution.task import Candidate, Outcome, Task
from harness.processes.workers import pool
from harness.tracking.store import Store
from harness.trial import artifacts
from harness.trial.trial import Trial

FIGURES = {"confusion_matrix.png", "per_class_recall.png", "precision_recall.png"}
FIGURES |= {"reliability.png", "class_counts.png"}
EXPERIMENT = Experiment.model_validate(
    {
        "imbalance": {"kind": "long_tail", "ratio": 20},
        "model": {"name": "mlp"},
        "train": {"epochs": 1, "batch_size": 64},
    }
)
TASKS = [Task(EXPERIMENT, Candidate("none"), seed) for seed in range(3)]


@pytest.fixture(autouse=True)
def two_cores(record: Path, preloaded_workers: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("harness.execution.pace.cores", lambda: 2)
    monkeypatch.setattr("harness.execution.schedule.WORTH_A_PROCESS", 1)
    return record


@pytest.fixture
def schedule() -> Iterator[Schedule]:
    made = Schedule(1, False)
    yield made
    made.kill()


def run(schedule: Schedule, heard: dict[int, Outcome]) -> None:
    schedule.run(TASKS, 1, lambda task, outcome: heard.__setitem__(task.seed, outcome))


def files(folder: Path, run_id: str) -> set[str]:
    return {path.name for path in (folder / "artifacts" / run_id / "artifacts").iterdir()}


def test_every_trial_is_finished_with_all_its_files(schedule: Schedule, record: Path) -> None:
    heard: dict[int, Outcome] = {}
    run(schedule, heard)
    schedule.close()
    assert [heard[seed].state for seed in range(3)] == ["done"] * 3
    runs = list(Store.open("digits").runs(""))
    assert [run.status for run in runs] == ["FINISHED"] * 3
    for finished in runs:
        assert {*FIGURES, "predictions.npz", "plan.json"} <= files(record, finished.run_id)


def test_an_outcome_is_told_while_the_next_trial_trains(schedule: Schedule) -> None:
    heard: dict[int, Outcome] = {}
    heard_by: dict[int, int] = {}

    def look(task: Task, epoch: int) -> None:
        if task.seed == 1 and epoch == 1:
            until = monotonic() + 60
            while not list(Store.open("digits").runs("attributes.status = 'FINISHED'")):
                assert monotonic() < until
                sleep(0.05)
            sleep(0.5)  # from the record's last word to the end of the thread's work
        heard_by[epoch] = len(heard)

    train = EXPERIMENT.train.model_copy(update={"epochs": 2})
    longer = Task(EXPERIMENT.model_copy(update={"train": train}), Candidate("none"), 1)
    schedule.on_epoch = look
    schedule.run(
        [TASKS[0], longer, TASKS[2]], 1, lambda task, told: heard.update({task.seed: told})
    )
    assert heard_by[2] == 1


def test_ctrl_c_in_the_next_trial_leaves_the_one_before_finished(schedule: Schedule) -> None:
    def interrupt(task: Task, epoch: int) -> None:
        if task.seed == 1:
            raise KeyboardInterrupt

    schedule.on_epoch = interrupt
    with pytest.raises(KeyboardInterrupt):
        run(schedule, {})
    schedule.kill()
    statuses = {run.tags["seed"]: run.status for run in Store.open("digits").runs("")}
    assert statuses == {"0": "FINISHED", "1": "FAILED"}


def test_ctrl_c_between_trials_lets_go_of_what_a_read_holds(
    schedule: Schedule, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cursor that is half read holds the database; what is recorded beside needs it."""
    looked: list[str] = []

    def interrupted(trial: Trial, store: Store) -> None:
        looked.append(trial.fingerprint)
        if len(looked) == 3:  # the second trial: each looks before it is claimed, and after
            connection = sqlite3.connect("mlflow.db")
            cursor = connection.execute("SELECT * FROM runs, params")
            cursor.fetchone()
            raise KeyboardInterrupt

    monkeypatch.setattr("harness.trial.recording._found", interrupted)
    with pytest.raises(KeyboardInterrupt), compare._schedule(schedule, ["digits"]):
        run(schedule, {})
    statuses = [run.status for run in Store.open("digits").runs("")]
    assert statuses == ["FINISHED"]


def test_what_another_thread_has_claimed_is_waited_for() -> None:
    store, held, let_go = Store.open("digits"), Event(), Event()

    def hold() -> None:
        with store.claim("trial"):
            held.set()
            let_go.wait(60)

    other = Thread(target=hold)
    other.start()
    held.wait(60)
    Timer(0.2, let_go.set).start()
    with store.claim("trial") as claimed:
        assert claimed
        assert let_go.is_set()
    other.join()


def test_a_record_that_takes_nothing_more_ends_the_tasks(
    schedule: Schedule, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise RecordLost("the disk takes nothing more")

    monkeypatch.setattr(artifacts, "write", full)
    heard: dict[int, Outcome] = {}
    with pytest.raises(RecordLost):
        run(schedule, heard)
    assert heard == {}


def test_what_fails_beside_is_its_own_trial_s_failure(
    schedule: Schedule, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = artifacts.write

    def picky(folder: Path, result: Any, draw: Any) -> None:
        if result.trial.seed == 1:
            raise LookupError("no such luck")
        write(folder, result, draw)

    monkeypatch.setattr(artifacts, "write", picky)
    heard: dict[int, Outcome] = {}
    run(schedule, heard)
    assert [heard[seed].state for seed in range(3)] == ["done", "failed", "done"]
    assert "no such luck" in heard[1].reason


def test_figures_are_there_when_the_process_that_draws_was_killed(record: Path) -> None:
    inline = Inline(beside=True)
    inline._drawer.shutdown()
    inline._drawer = pool(1)
    inline._drawer.submit(exit_now)
    outcome = inline.submit(TASKS[0], False, True, lambda *_: None).result()
    inline.shutdown()
    assert files(record, outcome.run_id) >= FIGURES


def exit_now() -> None:
    import os

    os._exit(1)
