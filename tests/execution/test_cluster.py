"""Two nodes of a cluster on this machine, a core each."""

import os
import shlex
import socket
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from time import sleep
from typing import Any

import pytest
from preloaded import python
from ray.cluster_utils import Cluster as Nodes
from ray.exceptions import ObjectStoreFullError, OutOfMemoryError

from harness.comparison.records import load_trials
from harness.config.experiment import Experiment
from harness.errors import UserError
from harness.execution.actors import Actors, _cause
from harness.execution.cluster import Cluster, environment
from harness.execution.schedule import Schedule, joined
from harness.execution.task import Candidate, Outcome, Task
from harness.processes import liveness
from harness.tracking.store import Store
from harness.tuning.setup import tuning
from harness.tuning.tune import tune

pytestmark = pytest.mark.usefixtures("record")

PLUGIN = """
import os, signal, time
from pathlib import Path
import harness

class Deadly(harness.Strategy):
    \"\"\"Takes its whole process along.\"\"\"
    def plan(self, base, rng):
        os.kill(os.getpid(), signal.SIGKILL)

class Waiting(harness.Strategy):
    \"\"\"Says which process it is in, and trains once it may.\"\"\"
    def plan(self, base, rng):
        Path("at_work", str(os.getpid())).touch()
        while not Path("go").exists():
            time.sleep(0.02)
        return base

class Broken(harness.Strategy):
    \"\"\"Fails as a stranger's code may.\"\"\"
    def plan(self, base, rng):
        raise LookupError("no such luck")
"""
EXPERIMENT = Experiment.model_validate(
    {
        "imbalance": {"kind": "long_tail", "ratio": 20},
        "model": {"name": "mlp"},
        "train": {"epochs": 1, "batch_size": 64},
    }
)


WORKER = "import runpy, sys; sys.argv.pop(0); runpy.run_path(sys.argv[0], run_name='__main__')"
SOON = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 200}
"""How soon a node that is gone is missed."""


def preloaded(environment: dict[str, Any] | None) -> dict[str, Any]:
    """Have Ray fork its workers from a process that has loaded the framework."""
    return {**(environment or {}), "py_executable": f"{python()} -c {shlex.quote(WORKER)}"}


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    left_out = {"include_dashboard": False, "include_log_monitor": False, "no_monitor": True}
    head = {"num_cpus": 1, "_system_config": SOON} | left_out
    nodes = Nodes(initialize_head=True, head_node_args=head)
    nodes.add_node(num_cpus=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_RUNTIME_ENV_HOOK", f"{__name__}.preloaded")
        yield nodes
    nodes.shutdown()


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Join without the question beforehand, which takes a process and its seconds."""
    monkeypatch.setattr("harness.execution.cluster._refuse_strange", lambda address: None)


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    path = tmp_path / "plugin.py"
    path.write_text(PLUGIN)
    return path


def tasks(*names: str, seeds: int = 1, plugins: tuple[Path, ...] = ()) -> list[Task]:
    return [
        Task(EXPERIMENT, Candidate(name, {}, plugins), seed)
        for seed in range(seeds)
        for name in names
    ]


def outcomes(
    given: list[Task], address: str | None, fresh: bool = False, most: int | None = None
) -> dict[str, Outcome]:
    found: dict[str, Outcome] = {}

    def keep(task: Task, outcome: Outcome) -> None:
        assert task.label not in found
        found[task.label] = outcome

    with joined(address, most) as cluster:
        schedule = Schedule(1, fresh, cluster=cluster)
        schedule.run(given, 1, keep)
        schedule.close()
    return found


def test_a_node_gets_the_numbers_of_one_process_to_the_last_bit_and_each_trial_once(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_RUNTIME_ENV_HOOK")  # how Ray starts a worker may change numbers
    given = tasks("none", "offline_augmentation")
    here = outcomes(given, None)
    alone = load_trials("digits")
    there = outcomes(given, nodes.address, fresh=True, most=1)
    together = load_trials("digits")
    assert not {each.run_id for each in here.values()} & {each.run_id for each in there.values()}
    numbers = [each for each in alone.columns if each.startswith(("test/", "validation/"))]
    keys = ["strategy", "seed"]
    assert together.set_index(keys)[numbers].equals(alone.set_index(keys)[numbers])
    processes = [run.tags["process"] for run in Store.open("digits").runs("")]
    assert sorted(Counter(processes).values()) == [len(given), len(given)]


@pytest.mark.usefixtures("known")
def test_workers_are_replaced_after_very_many_calls(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.execution.actors.CALLS_A_WORKER", 1)
    with joined(nodes.address, None) as cluster:
        assert cluster is not None
        workers = cluster.workers(1, lambda done, epoch: None)
        processes = [workers.submit(os.getpid) for _ in range(3)]
        assert len({each.result(60) for each in processes}) == 3


@pytest.mark.usefixtures("known")
def test_a_task_that_kills_its_worker_fails_alone_and_is_tried_twice(
    nodes: Nodes, plugin: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    found = outcomes(tasks("deadly", "broken", "none", plugins=(plugin,)), nodes.address)
    assert found["none, seed 0"].state == "done"
    assert "LookupError: no such luck (plugin.py, line" in found["broken, seed 0"].reason
    reason = found["deadly, seed 0"].reason
    assert reason.startswith("tried twice: its process on ")
    assert "ended without a word" in reason
    store = Store.open("digits")
    store.reap()
    assert {run.status for run in store.runs("tags.strategy = 'deadly'")} <= {"KILLED"}
    assert capfd.readouterr().out == ""  # the place of a JSON document


@pytest.mark.usefixtures("known")
def test_a_node_that_can_not_compute_the_same_ends_all_in_one_line(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.execution.node.versions", lambda: {"numpy": "0.1"})
    with pytest.raises(UserError, match=r"node .* has numpy .*, and .* 0\.1: install the same"):
        outcomes(tasks("none"), nodes.address)


@pytest.mark.usefixtures("known")
def test_what_a_cluster_lacks_is_told_in_one_line(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with joined(nodes.address, None) as cluster:
        assert cluster is not None
        assert cluster.room(1) == 2
        with pytest.raises(UserError, match=r"no node of the cluster has the 2 cores .*threads"):
            cluster.room(2)
        monkeypatch.setattr("socket.gethostname", lambda: "elsewhere")
        with pytest.raises(UserError, match=r"is a file of this machine, and .* another one"):
            cluster.refuse_files("sqlite:///optuna.db")


@pytest.mark.parametrize(
    ("address", "line"),
    [
        ("nonsense", "--ray nonsense: write HOST:PORT of a cluster's head, auto for the cluster"),
        ("ray://localhost:10001", "--ray ray://localhost:10001: write HOST:PORT"),
        ("localhost:1", "--ray localhost:1: no cluster answers there .*; start one with ray start"),
        ("auto", "--ray auto: what is there does not answer as the head of a Ray cluster"),
    ],
)
def test_an_address_without_a_cluster_is_refused(
    address: str, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    monkeypatch.setattr("harness.execution.cluster.SECONDS_TO_ANSWER", 1)
    with pytest.raises(UserError, match=line):
        Cluster.joined(address)


def test_what_listens_but_is_no_cluster_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.execution.cluster.SECONDS_TO_ANSWER", 1)
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        pytest.raises(UserError, match="does not answer as the head of a Ray cluster"),
    ):
        Cluster.joined(f"127.0.0.1:{server.getsockname()[1]}")


def test_without_ray_the_option_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(
        UserError, match=r"--ray needs Ray, .* pip install 'imbalance-harness\[ray\]'"
    ):
        Cluster.joined("local")


def test_memory_that_ran_out_on_a_node_is_named_as_the_cause() -> None:
    line = _cause(OutOfMemoryError("1 worker(s) were killed due to the node running low"), "node7")
    assert line == "out of memory on node7: take fewer --jobs, or a smaller train.batch_size"


@pytest.mark.usefixtures("known")
def test_data_that_the_object_store_has_no_room_for_are_refused(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(value: object) -> None:
        raise ObjectStoreFullError

    with joined(nodes.address, None) as cluster:
        assert cluster is not None
        workers = cluster.workers(1, lambda done, epoch: None)
        monkeypatch.setattr("ray.put", full)
        with pytest.raises(UserError, match="the object store of Ray has no room for the data"):
            workers.get_ready([EXPERIMENT], [])


@pytest.mark.usefixtures("known")
def test_a_study_is_shared_by_the_nodes(nodes: Nodes, tmp_path: Path) -> None:
    study = tuning(EXPERIMENT, Candidate("focal_loss"), trials=4, inner_seeds=1)
    with joined(nodes.address, None) as cluster:
        tuned = tune(study, 2, cluster=cluster)
    assert tuned.complete + tuned.pruned == 4
    processes = {run.tags["process"] for run in Store.open("digits").runs("")}
    assert processes - {liveness.identity(os.getpid())}


@pytest.mark.usefixtures("known")
def test_a_call_that_can_not_be_sent_fails_alone(nodes: Nodes) -> None:
    with joined(nodes.address, None) as cluster:
        assert cluster is not None
        workers = cluster.workers(1, lambda done, epoch: None)
        lost, kept = workers.submit(int, Lock()), workers.submit(int)
        assert isinstance(lost.exception(60), TypeError)
        assert kept.result(60) == 0


@pytest.mark.usefixtures("known")
def test_a_cluster_without_nodes_for_a_while_is_waited_for(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.execution.actors.SECONDS_BETWEEN_COUNTS", 0.0)
    rooms = iter([1, 0, 0])
    with joined(nodes.address, None):
        workers = Actors(1, lambda: next(rooms, 1), environment())
        assert workers.submit(int).result(60) == 0
        workers.shutdown()


@pytest.mark.usefixtures("known")
def test_a_node_that_is_killed_costs_no_trial_and_none_is_recorded_twice(
    nodes: Nodes, plugin: Path, tmp_path: Path
) -> None:
    (tmp_path / "at_work").mkdir()
    doomed = nodes.add_node(num_cpus=1)

    def kill() -> None:
        while len(list((tmp_path / "at_work").iterdir())) < 3:
            sleep(0.05)
        nodes.remove_node(doomed, allow_graceful=False)
        (tmp_path / "go").touch()

    with ThreadPoolExecutor(1) as killer:
        killed = killer.submit(kill)
        found = outcomes(tasks("waiting", seeds=4, plugins=(plugin,)), nodes.address)
        killed.result()
    assert {each.state for each in found.values()} == {"done"}
    runs = list(Store.open("digits").runs(""))
    finished = [run.tags["trial"] for run in runs if run.status == "FINISHED"]
    assert len(finished) == len(set(finished)) == 4
