"""A Ray cluster: joined or started, how many trials fit into it, and left again.

Together with `actors`, the only module that imports Ray, which is loaded when a cluster is asked
for and not before.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from harness.data.cache import cache_directory
from harness.errors import UserError, message, one_line
from harness.processes.exits import ENDING
from harness.training.threads import cores

if TYPE_CHECKING:
    from harness.execution.actors import Actors

AUTO, LOCAL = "auto", "local"
NOWHERE = "Could not find any running Ray instance"
SECONDS_TO_CONNECT, SECONDS_TO_ANSWER = 10, 25
ENVIRONMENT = ("KERAS_HOME", "XDG_CACHE_HOME", "OPENBLAS_CORETYPE")


class Cluster:
    """A cluster that this process has joined; it runs one set of workers at a time."""

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._actors: Actors | None = None

    @classmethod
    def joined(cls, address: str, most: int | None = None) -> Self:
        """Join the cluster at an address, or the one that runs here (`auto`), or start one.

        It is started on this machine alone (`local`). No more than `most` workers are started.

        Raises:
            UserError: Ray is not installed, or of another version than the cluster's, no cluster
                answers, or this machine is none of it.

        """
        ray = _ray()
        if address not in (AUTO, LOCAL):
            _refuse_silent(address)
        if address != LOCAL:
            _refuse_strange(address)
        from ray.exceptions import RayError

        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        own = {"num_cpus": cores(), "include_dashboard": False} if address == LOCAL else {}
        with _own_signals():
            try:
                ray.init(address=address, log_to_driver=False, logging_level="critical", **own)
            except (RayError, ConnectionError, RuntimeError, ValueError, OSError) as error:
                raise UserError(f"--ray {address}: {message(error)}") from error
        _keep_off_standard_output()
        return cls(most)

    def room(self, threads: int) -> int:
        """Return how many trials with so many threads the cluster runs at a time.

        Raises UserError if no node has so many cores.
        """
        if room := self._room(threads):
            return room
        raise UserError(
            f"no node of the cluster has the {threads} cores that a trial computes with: set "
            "train.threads to fewer"
        )

    def _room(self, threads: int) -> int:
        nodes = [each["Resources"] for each in _ray().nodes() if each["Alive"]]
        room = sum(int(each.get("CPU", 0) // threads) for each in nodes)
        if gpus := int(sum(each.get("GPU", 0) for each in nodes)):
            room = min(room, gpus)
        return min(room, self._most or room)

    def refuse_files(self, address: str) -> None:
        """Raise UserError if a database is a file, and a node is another machine than this one."""
        nodes = {each["NodeManagerHostname"] for each in _ray().nodes() if each["Alive"]}
        is_file = address.startswith("sqlite") or "://" not in address
        if is_file and (others := nodes - {socket.gethostname()}):
            raise UserError(
                f"{address} is a file of this machine, and {min(others)} another one: have both "
                "use a database server (docs/scale.md)"
            )

    def workers(self, threads: int, on_epoch: Callable[[Any, int], None]) -> "Actors":
        """Return the workers that compute with so many threads each; others end first."""
        from harness.execution.actors import Actors

        if self._actors is not None and self._actors.threads != threads:
            self._actors.shutdown()
            self._actors = None
        if self._actors is None:
            self.room(threads)
            self._actors = Actors(threads, lambda: self._room(threads), environment())
        self._actors.on_epoch = on_epoch
        return self._actors

    def kill(self) -> None:
        """End the workers at once."""
        if self._actors is not None:
            self._actors.kill()
            self._actors = None

    def close(self) -> None:
        """End the workers once they are idle, and leave the cluster."""
        if self._actors is not None:
            self._actors.shutdown()
            self._actors = None
        _ray().shutdown()


def environment() -> dict[str, str]:
    """Return what a worker's process is to find in its environment, as it begins.

    Ray sets OMP_NUM_THREADS to the cores that a worker asks for, and the last bits of a number may
    depend on it: it is what it is here, on every node alike.
    """
    names = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    return names | {
        "HARNESS_CACHE": str(cache_directory().absolute()),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(cores())),
    }


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise UserError(
            "--ray needs Ray, which is not installed: pip install 'imbalance-harness[ray]'"
        ) from error
    return ray


def _refuse_silent(address: str) -> None:
    """Raise UserError for an address where nothing listens, which Ray itself tries for minutes."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or "//" in address:
        raise UserError(
            f"--ray {address}: write HOST:PORT of a cluster's head, auto for the cluster that "
            "this machine is in, or local to start one here"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), SECONDS_TO_CONNECT).close()
    except (OSError, OverflowError) as error:
        raise UserError(
            f"--ray {address}: no cluster answers there ({message(error)}); start one with "
            "ray start --head, or give the address that it printed"
        ) from error


def _refuse_strange(address: str) -> None:
    """Raise UserError for what is no cluster's head, or takes no token of ours.

    Joining it would try for minutes, and then end this process; so another one asks it first.
    """
    command = [sys.executable, "-m", "ray.scripts.scripts", "status"]
    command += [] if address == AUTO else ["--address", address]
    try:
        asked = subprocess.run(
            command, capture_output=True, text=True, timeout=SECONDS_TO_ANSWER, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise UserError(
            f"--ray {address}: what is there does not answer as the head of a Ray cluster; give "
            "the address that ray start --head printed"
        ) from error
    if asked.returncode:
        lines = [line for line in asked.stderr.splitlines() if "Error: " in line] or [""]
        why = lines[-1].partition("Error: ")[2] or "ray status fails there"
        why = "this machine is in none" if NOWHERE in why else why
        raise UserError(
            f"--ray {address}: no cluster can be joined ({one_line(why)[:300]}); start one with "
            "ray start --head, or write local"
        )


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keep this process's answers to signals, for which Ray would print where it was, and leave."""
    in_main = threading.current_thread() is threading.main_thread()
    answers = {each: signal.getsignal(each) for each in (signal.SIGINT, *ENDING) if in_main}
    try:
        yield
    finally:
        for number, answer in answers.items():
            signal.signal(number, answer)


def _keep_off_standard_output() -> None:
    """Drop Ray's tales of dying workers, which it prints where a JSON document may be going on."""
    from ray._private import worker

    if hasattr(worker, "print_to_stdstream"):
        worker.print_to_stdstream = lambda *words, **options: None
