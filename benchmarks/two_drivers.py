"""Two drivers on two machines run one comparison on one server, which is killed in the middle.

Run `.venv/bin/python benchmarks/two_drivers.py [--trials 60] [--away 60] [--lose]`. The drivers
have homes and host names of their own, so that they share no file lock. They record in an MLflow
server over PostgreSQL, through which the artifacts go as well; once a third of the trials are
recorded it is killed with -9, and started again later. With --lose, one driver is killed then too,
and never comes back. Each trial must be recorded once, and each driver that is left end with the
whole table: else the exit status is 1. What a claim costs is measured at the end.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import monotonic, perf_counter, sleep
from typing import Any

from rich.console import Console
from rich.table import Table
from servers import TrackingServer, database_server, tracking_server

STRATEGIES = ("none", "focal_loss", "label_smoothing")
QUICK = ("--set", "train.epochs=3", "--set", "model.name=mlp")
SECONDS_AT_MOST, CLAIMS, DRIVERS = 1800.0, 50, 2
ENDED = ("FINISHED", "KILLED")
DRIVER = """
import socket, sys
from pathlib import Path

_, host, *words = sys.argv
socket.gethostname = lambda: host
sys.argv = ["harness", *words]
from harness.tracking import place

place.records = Path.cwd
from harness.__main__ import main

main()
"""
RUNS = "SELECT run_uuid, status FROM runs WHERE lifecycle_stage = 'active'"
TAGS = "SELECT run_uuid, key, value FROM tags WHERE key IN ('trial', 'process')"
MARKS = "SELECT count(*) FROM experiment_tags WHERE key LIKE 'claim.%'"


@dataclass(frozen=True)
class Driver:
    """How one driver ended: its exit status, seconds, document and standard error."""

    status: int
    seconds: float
    document: dict[str, Any]
    errors: str


@dataclass(frozen=True)
class Shared:
    """What became of a comparison that several drivers shared.

    `recorded` is how often each trial has finished, `by_machine` how many each machine recorded,
    `statuses` how many runs of trials there are of each status, `marks` how many claims are left in
    the store and `kept` how many trials in the drivers' outboxes.
    """

    drivers: tuple[Driver, ...]
    recorded: Counter[str]
    by_machine: Counter[str]
    statuses: Counter[str]
    marks: int
    kept: int

    @property
    def doubled(self) -> int:
        """How many trials were recorded more than once."""
        return sum(times > 1 for times in self.recorded.values())

    def faults(self, trials: int) -> list[str]:
        """Return what is not as it must be."""
        found = []
        if len(self.recorded) != trials:
            found.append(f"{len(self.recorded)} trials are recorded, not {trials}")
        if self.doubled:
            found.append(f"{self.doubled} trials are recorded more than once")
        if others := {key: n for key, n in self.statuses.items() if key not in ENDED}:
            found.append(f"runs are left that did not end: {others}")
        if self.marks or self.kept:
            found.append(f"{self.marks} claims and {self.kept} trials in outboxes are left")
        for number, driver in enumerate(self.drivers):
            table = len(driver.document.get("trials", ()))
            if driver.status != 0 or table != trials:
                found.append(f"driver {number}: status {driver.status}, a table of {table} trials")
        return found


def share(
    database: str,
    server: TrackingServer,
    folder: Path,
    trials: int,
    away: float,
    lose: bool = False,
    python: str = sys.executable,
) -> Shared:
    """Have drivers run a comparison, the server killed for `away` seconds in the middle of it.

    Then one driver may be lost as well, as with its machine: killed, and never started again. The
    drivers are run by `python`.
    """
    began = monotonic()
    homes = [folder / f"machine-{n}" for n in range(DRIVERS)]
    processes = [_start(home, server.url, trials, python) for home in homes]
    try:
        while len(_recorded(database)[0]) < trials // 3:
            if all(each.poll() is not None for each in processes):
                break
            sleep(0.2)
        if lose:
            processes.pop().kill()
        if away:
            server.kill()
            sleep(away)
            server.start()
        ended = tuple(_end(process, began) for process in processes)
    finally:
        for process in processes:
            process.kill()
    recorded, by_machine, statuses, marks = _recorded(database)
    left = range(len(processes))
    kept = sum(len([*folder.glob(f"machine-{n}/cache/outbox/*/*/*")]) for n in left)
    return Shared(ended, recorded, by_machine, statuses, marks, kept)


def cost_of_a_claim(url: str, home: Path) -> tuple[int, float]:
    """Return how many calls of the store a claim is that nobody else wants, and its milliseconds.

    The time is the median of many, as the server and this process share the machine.
    """
    os.environ |= {"MLFLOW_TRACKING_URI": url, "HARNESS_CACHE": str(home)}
    from harness.tracking.claims import Claims, Tags
    from harness.tracking.store import Store

    calls = 0

    class Counted(Tags):
        def read(self) -> dict[str, str]:
            nonlocal calls
            calls += 1
            return super().read()

        def write(self, key: str, text: str) -> None:
            nonlocal calls
            calls += 1
            super().write(key, text)

        def remove(self, key: str) -> None:
            nonlocal calls
            calls += 1
            super().remove(key)

    store = Store.open("claims")
    claims = Claims(home / "claims", Counted(store._client, store._experiment_id))
    seconds = []
    for number in range(CLAIMS):
        began = perf_counter()
        with claims.claim(str(number)):
            pass
        seconds.append(perf_counter() - began)
    return calls // CLAIMS, 1000 * median(seconds)


def _start(home: Path, url: str, trials: int, python: str) -> "subprocess.Popen[str]":
    home.mkdir(parents=True)
    seeds = str(trials // len(STRATEGIES))
    return subprocess.Popen(
        [
            *(python, "-c", DRIVER, home.name, "compare", *STRATEGIES),
            *("--seeds", seeds, *QUICK, "--json"),
        ],
        cwd=home,
        env=os.environ
        | {"HOME": str(home), "HARNESS_CACHE": str(home / "cache"), "MLFLOW_TRACKING_URI": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _end(process: "subprocess.Popen[str]", began: float) -> Driver:
    output, errors = process.communicate(timeout=SECONDS_AT_MOST)
    document = json.loads(output) if output else {}
    return Driver(process.returncode, monotonic() - began, document, errors)


def _recorded(database: str) -> tuple[Counter[str], Counter[str], Counter[str], int]:
    import psycopg

    with psycopg.connect(database.replace("+psycopg", "")) as connection:
        marks = connection.execute(MARKS).fetchone()
        statuses: dict[str, str] = dict(connection.execute(RUNS).fetchall())
        tags: dict[str, dict[str, str]] = {}
        for run, key, value in connection.execute(TAGS).fetchall():
            tags.setdefault(run, {})[key] = value
    of_trials = {run: status for run, status in statuses.items() if "trial" in tags.get(run, {})}
    finished = [tags[run] for run, status in of_trials.items() if status == "FINISHED"]
    return (
        Counter(each["trial"] for each in finished),
        Counter(each["process"].split(":")[0] for each in finished),
        Counter(of_trials.values()),
        marks[0] if marks else 0,
    )


def main() -> None:
    """Share a comparison, print what became of it, and fail if that is not as it must be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=60, help="in all (default 60)")
    parser.add_argument("--away", type=float, default=60, help="seconds (default 60; 0: never)")
    parser.add_argument("--lose", action="store_true", help="one driver for good, as its machine")
    given = parser.parse_args()
    console = Console(width=100)
    with (
        tempfile.TemporaryDirectory() as name,
        database_server() as database,
        tracking_server(address := database.new("record"), Path(name) / "server") as server,
    ):
        shared = share(address, server, Path(name), given.trials, given.away, given.lose)
        calls, milliseconds = cost_of_a_claim(server.url, Path(name) / "cost")
    table = Table("driver", "status", "seconds", "its table", "trials it recorded")
    for number, driver in enumerate(shared.drivers):
        rows = str(len(driver.document.get("trials", ())))
        mine = str(shared.by_machine[f"machine-{number}"])
        table.add_row(str(number), str(driver.status), f"{driver.seconds:.0f}", rows, mine)
    console.print(table)
    console.print(f"recorded {len(shared.recorded)} of {given.trials}, twice {shared.doubled}")
    console.print(f"runs of trials: {dict(shared.statuses)}; claims left {shared.marks}")
    console.print(f"a claim: {calls} calls, {milliseconds:.0f} ms")
    faults = shared.faults(given.trials)
    for fault in faults:
        console.print(fault, markup=False, highlight=False, soft_wrap=True)
    for driver in shared.drivers:
        if driver.status:
            console.print(driver.errors[-2000:], markup=False, highlight=False)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
