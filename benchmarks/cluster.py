"""What a Ray cluster costs and gives: two nodes of one core each, on this machine.

    .venv/bin/python benchmarks/cluster.py [speed] [overhead] [calls] [trials] [killed]

Without a name all parts run. `speed` has long trials on one node and on two, in turns; `overhead`
has short ones on two nodes and in two workers of the local pool, in turns; `calls` 2,000 that train
nothing; `trials` 200 short ones; `killed` ends one of three nodes by kill -9 in the middle, three
times. Workers have started before a clock does. Nothing is asserted.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from statistics import median
from threading import Thread
from time import perf_counter, sleep

os.environ["TF_NUM_INTRAOP_THREADS"] = "1"

from ray.cluster_utils import Cluster as Nodes

from harness.config.experiment import Experiment
from harness.execution.schedule import Schedule, joined
from harness.execution.task import Candidate, Outcome, Task
from harness.processes.memory import resident_bytes
from harness.tracking.store import Store

LONG, SHORT = 60, 1
SEEDS = count()
MIB = 1 << 20


def tasks(number: int, epochs: int) -> list[Task]:
    """Return as many trials on digits, none of which has run before."""
    experiment = Experiment.model_validate(
        {
            "name": "cluster",
            "model": {"name": "small_cnn"},
            "train": {"epochs": epochs, "batch_size": 64},
        }
    )
    return [Task(experiment, Candidate("none"), next(SEEDS)) for _ in range(number)]


@contextmanager
def nodes(number: int) -> Iterator[Nodes]:
    """Start so many nodes of one core each."""
    cluster = Nodes(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
    )
    for _ in range(number - 1):
        cluster.add_node(num_cpus=1)
    try:
        yield cluster
    finally:
        cluster.shutdown()


@contextmanager
def schedule(address: str | None, jobs: int) -> Iterator[Schedule]:
    """Yield a schedule whose workers have all run a trial."""
    with joined(address, jobs) as cluster:
        made = Schedule(jobs, fresh=False, cluster=cluster)
        seconds(made, tasks(2 * jobs, SHORT))
        yield made
        made.close()


def seconds(made: Schedule, given: Sequence[Task]) -> float:
    """Run tasks, and return how long that took; stops at one that fails."""

    def on_outcome(task: Task, outcome: Outcome) -> None:
        if outcome.state != "done":
            sys.exit(f"{task.label}: {outcome.reason}")

    began = perf_counter()
    made.run(given, 1, on_outcome)
    return perf_counter() - began


def speed() -> None:
    """Print how much faster two nodes are than one where training dominates."""
    found: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(3):
        for number, times in found.items():
            with nodes(number) as cluster, schedule(cluster.address, number) as made:
                times.append(seconds(made, tasks(8, LONG)))
    one, two = (median(times) for times in found.values())
    print(
        f"8 trials of {LONG} epochs: one node {one:.1f} s, two {two:.1f} s, {one / two:.2f} times"
    )


def overhead() -> None:
    """Print what a short trial takes in the local pool and on nodes."""
    with nodes(2) as cluster, schedule(None, 2) as local, schedule(cluster.address, 2) as far:
        found: dict[str, list[float]] = {"local pool": [], "two nodes": []}
        for _ in range(5):
            for name, made in zip(found, (local, far), strict=True):
                found[name].append(seconds(made, tasks(20, SHORT)) / 20 * 1000)
    for name, times in found.items():
        print(f"{name}: {median(times):.0f} ms a trial of {SHORT} epoch, two at a time")


def calls() -> None:
    """Print what a call that trains nothing takes, and what 2,000 do to the driver's memory."""
    with nodes(2) as cluster, joined(cluster.address, None) as joined_cluster:
        assert joined_cluster is not None
        workers = joined_cluster.workers(1, lambda done, epoch: None)
        held = []
        for _ in range(4):
            began = perf_counter()
            waiting = [workers.submit(int) for _ in range(500)]
            for future in waiting:
                future.result()
            held.append((resident_bytes() / MIB, (perf_counter() - began) / 500 * 1000))
    for number, (memory, milliseconds) in enumerate(held, start=1):
        print(f"after {500 * number} calls: {memory:.1f} MiB, {milliseconds:.2f} ms a call")


def trials() -> None:
    """Print what 200 trials take, and do to the driver's memory."""
    with nodes(2) as cluster, schedule(cluster.address, 2) as made:
        for number in range(4):
            milliseconds = seconds(made, tasks(50, SHORT)) / 50 * 1000
            memory = resident_bytes() / MIB
            print(f"after {50 * (number + 1)} trials: {memory:.1f} MiB, {milliseconds:.0f} ms each")


def killed() -> None:
    """Print what is recorded where a node is killed in the middle."""
    for _ in range(3):
        given = tasks(12, 20)
        with nodes(2) as cluster, joined(cluster.address, None) as joined_cluster:
            _run_and_kill(Schedule(1, fresh=False, cluster=joined_cluster), given, cluster)
        seeds = {str(task.seed) for task in given}
        runs = [run for run in Store.open("cluster").runs("") if run.tags["seed"] in seeds]
        finished = [run.tags["trial"] for run in runs if run.status == "FINISHED"]
        print(
            f"12 trials, a node killed after 3: {len(finished)} recorded as finished, of "
            f"{len(set(finished))} trials; {len(runs) - len(finished)} broken off"
        )


def _run_and_kill(made: Schedule, given: Sequence[Task], cluster: Nodes) -> None:
    doomed, ended = cluster.add_node(num_cpus=1), list[str]()
    killer = Thread(target=_kill, args=(cluster, doomed, ended))
    killer.start()
    made.run(given, 1, lambda task, outcome: ended.append(outcome.state))
    made.close()
    killer.join()


def _kill(cluster: Nodes, node: object, ended: Sequence[str]) -> None:
    while len(ended) < 3:
        sleep(0.02)
    cluster.remove_node(node, allow_graceful=False)


PARTS: dict[str, Callable[[], None]] = {
    part.__name__: part for part in (speed, overhead, calls, trials, killed)
}


def main() -> None:
    """Run the parts that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[])
    chosen = parser.parse_args().parts or list(PARTS)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{Path(folder) / 'mlflow.db'}"
        for name in chosen:
            print(f"-- {name}", flush=True)
            PARTS[name]()


if __name__ == "__main__":
    main()
