"""The workers of a cluster: Ray actors, each of which takes one call after the other."""

import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any

import ray
from ray.exceptions import (
    ActorUnavailableError,
    ObjectStoreFullError,
    OutOfDiskError,
    OutOfMemoryError,
    RayError,
    RayTaskError,
    RuntimeEnvSetupError,
)

from harness.config.experiment import Experiment
from harness.data.sources import Source
from harness.errors import UserError, message, one_line
from harness.execution.executors import NodeRefused, WorkerLost
from harness.execution.needs import needs
from harness.execution.node import Arrived, Epoch, Needs, Node, Note, Setting
from harness.processes import liveness

SECONDS_BETWEEN_LOOKS = 0.05
SECONDS_BETWEEN_COUNTS = 10.0
CALLS_A_WORKER = 500
BYTES_MORE_A_WORKER = 4 << 30
MOST_LOST_STARTING = 10
SECONDS_WITHOUT_NODES = 600.0


@dataclass(eq=False)
class _Worker:
    """One actor: `needs` counts the experiments that it is ready for, `calls` those it has run."""

    actor: Any
    node: str = "a node that had not answered yet"
    identity: str = ""
    needs: int = 0
    calls: int = 0
    memory: int = 0


@dataclass(eq=False)
class _Call:
    function: Callable[..., Any]
    words: tuple[Any, ...]
    future: Future[Any] = field(default_factory=Future)
    worker: _Worker = field(init=False)


class Actors:
    """Workers on the nodes of a cluster, as many as there is `room` for, however that changes.

    What they are asked is put in a queue, and handed out by a thread of this process. A worker that
    dies, with its node or alone, takes along only what it was doing; another takes its place, as
    it does for one that has run very many calls or holds far more memory than at first.
    """

    def __init__(
        self, threads: int, room: Callable[[], int], environment: Mapping[str, str]
    ) -> None:
        self.threads = threads
        self.on_epoch: Callable[[Any, int], None] = lambda done, epoch: None
        self._room, self._most = room, room()
        self._counted = self._last_room = monotonic()
        self._setting = ray.put(Setting.here(threads))
        gpus = 1 if ray.cluster_resources().get("GPU") else 0
        self._kind = ray.remote(Node).options(
            num_cpus=threads, num_gpus=gpus, runtime_env={"env_vars": dict(environment)}
        )
        self._needs: list[tuple[Needs, Any]] = []
        self._sources: dict[str, Any] = {}
        self._asked: SimpleQueue[_Call | None] = SimpleQueue()
        self._waiting: deque[_Call] = deque()
        self._starting: dict[Any, _Worker] = {}
        self._idle: list[_Worker] = []
        self._busy: dict[Any, _Call] = {}
        self._lost_starting = 0
        self._noted: set[str] = set()
        self._killed = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def tasks(self) -> int:
        """How many calls may be under way: one a worker, and one that it finds at hand next."""
        return 2 * self._most

    def get_ready(self, experiments: Iterable[Experiment], plugins: Iterable[Path]) -> None:
        """Have the workers get ready for experiments before their next call.

        Data that are in this process's memory reach each node once, by the cluster's object store.

        Raises UserError if that has no room for them.
        """
        files = sorted(set(plugins))
        known = {_key(each) for each, _ in self._needs}
        for experiment in experiments:
            needed, source = needs(experiment, files)
            if (key := _key(needed)) in known:
                continue
            known.add(key)
            data = experiment.data.model_dump_json()
            if source is not None and data not in self._sources:
                self._sources[data] = _put(source)
            self._needs.append((needed, self._sources.get(data)))

    def submit(self, function: Callable[..., Any], *words: Any) -> Future[Any]:
        """Have a worker call a function; the future raises WorkerLost if that worker dies.

        It raises NodeRefused if a node can't compute as this process does.
        """
        call = _Call(function, words)
        self._asked.put(call)
        return call.future

    def shutdown(self) -> None:
        """End the workers when all that was asked is answered."""
        self._asked.put(None)
        self._thread.join()

    def kill(self) -> None:
        """End the workers at once; what they were doing is lost."""
        self._killed = True
        self.shutdown()

    def _run(self) -> None:
        error: Exception = WorkerLost("its worker was ended")
        try:
            while not self._killed and self._accept():
                self._grow()
                self._hand_out()
                self._look()
        except (NodeRefused, WorkerLost) as reason:
            error = reason
        except Exception as gone:  # whatever Ray raises when the cluster itself is gone
            error = WorkerLost(f"the cluster is gone: {message(gone)}")
        under_way = list(self._busy.values())
        for worker in (*self._idle, *self._starting.values(), *(each.worker for each in under_way)):
            with suppress(Exception):  # there may be nothing left to end
                self._end(worker)
        for call in (*under_way, *self._waiting):
            call.future.set_exception(error)
        while (asked := self._asked.get()) is not None:
            asked.future.set_exception(error)

    def _accept(self) -> bool:
        """Take what is asked into the queue; wait if there is nothing else to do."""
        while True:
            idle = not (self._busy or self._starting or self._waiting)
            try:
                call = self._asked.get(timeout=SECONDS_BETWEEN_COUNTS if idle else 0)
            except Empty:
                if not idle:
                    return True
                continue
            if call is None:
                self._asked.put(None)
                return bool(self._busy or self._waiting)
            self._waiting.append(call)

    def _grow(self) -> None:
        """Start as many workers as there is room and work for."""
        if monotonic() - self._counted > SECONDS_BETWEEN_COUNTS:
            self._count()
        to_come = len(self._starting) + len(self._idle)
        for _ in range(min(self._most - to_come - len(self._busy), len(self._waiting) - to_come)):
            worker = _Worker(self._kind.remote())
            self._starting[worker.actor.arrive.remote(self._setting)] = worker

    def _count(self) -> None:
        """Count anew how many workers there is room for; a cluster may be without nodes for long.

        Raises WorkerLost if it stays so.
        """
        self._counted, room = monotonic(), self._room()
        if room:
            self._most, self._last_room = room, self._counted
        elif self._counted - self._last_room > SECONDS_WITHOUT_NODES:
            raise WorkerLost(
                f"no node with {self.threads} cores has been in the cluster for "
                f"{SECONDS_WITHOUT_NODES / 60:.0f} minutes"
            )

    def _hand_out(self) -> None:
        while self._idle and self._waiting:
            call, worker = self._waiting.popleft(), self._idle.pop()
            new = self._needs[worker.needs :]
            worker.needs += len(new)
            call.worker = worker
            streaming = worker.actor.call.options(num_returns="streaming")
            try:
                answers = streaming.remote(call.function, call.words, *chain(*new))
            except Exception as error:  # what it is to be called with can't be sent
                self._end(worker)
                call.future.set_exception(error)
            else:
                self._busy[answers] = call

    def _look(self) -> None:
        """Take note of what workers have to say, or wait for it a little."""
        waited_for = [*self._starting, *self._busy]
        if not waited_for:
            return
        ready, _ = ray.wait(waited_for, timeout=SECONDS_BETWEEN_LOOKS, fetch_local=False)
        if ready:
            ready, _ = ray.wait(
                waited_for, num_returns=len(waited_for), timeout=0, fetch_local=False
            )
        for each in ready:
            if each in self._starting:
                self._arrived(each)
            else:
                self._answered(each)

    def _arrived(self, arrival: Any) -> None:
        worker = self._starting.pop(arrival)
        try:
            arrived: Arrived = ray.get(arrival)
        except RayTaskError as error:
            raise NodeRefused(message(error.cause)) from error
        except RayError as error:
            self._lost_starting += 1
            if _can_not_begin(error) or self._lost_starting > MOST_LOST_STARTING:
                raise NodeRefused(_why_not(error)) from error
            return
        worker.node, worker.identity = arrived.node, arrived.identity
        self._lost_starting = 0
        self._idle.append(worker)

    def _answered(self, answers: Any) -> None:
        call = self._busy[answers]
        try:
            event = ray.get(next(answers))
        except (RayError, StopIteration) as error:
            del self._busy[answers]
            self._end(call.worker)
            call.future.set_exception(_lost(error, call.worker.node))
            return
        if isinstance(event, Epoch):
            self.on_epoch(event.done, event.number)
            return
        if isinstance(event, Note):
            self._note(event.line)
            return
        del self._busy[answers]
        self._release(call.worker, event.memory)
        if event.error is None:
            call.future.set_result(event.value)
        else:
            call.future.set_exception(event.error)

    def _note(self, line: str) -> None:
        """Tell the user a line, once however many workers of a node say it."""
        if line not in self._noted:
            self._noted.add(line)
            print(f"note: {one_line(line)}", file=sys.stderr)

    def _release(self, worker: _Worker, memory: int) -> None:
        """Keep a worker for the next call, unless it has done enough or holds too much."""
        worker.calls += 1
        worker.memory = worker.memory or memory
        if worker.calls < CALLS_A_WORKER and memory - worker.memory < BYTES_MORE_A_WORKER:
            self._idle.append(worker)
        else:
            self._end(worker)

    def _end(self, worker: _Worker) -> None:
        """End a worker; its process counts as gone from now on."""
        ray.kill(worker.actor)
        if worker.identity:
            liveness.note_dead(worker.identity)


def _put(source: Source) -> Any:
    """Return where data are in the cluster's object store; raises UserError if it has no room."""
    try:
        return ray.put(source)
    except (ObjectStoreFullError, OutOfDiskError) as error:
        raise UserError(
            "the object store of Ray has no room for the data: start its nodes with a larger "
            "--object-store-memory, or keep the data in files (source: npy)"
        ) from error


def _key(needs: Needs) -> str:
    return (
        f"{needs.experiment.name} {needs.experiment.model_dump_json(by_alias=True)} {needs.paths}"
    )


def _can_not_begin(error: RayError) -> bool:
    """Tell whether a worker could be started but not made what it is to be."""
    return isinstance(error, RuntimeEnvSetupError) or getattr(error, "actor_init_failed", False)


def _why_not(error: RayError) -> str:
    if not _can_not_begin(error):
        return f"{MOST_LOST_STARTING} workers died as they started: {_cause(error, 'a node')}"
    last = str(error).strip().splitlines()[-1].strip()
    return f"no worker can be started on a node of the cluster ({last}): install the same there"


def _lost(error: Exception, node: str) -> Exception:
    """Return what a call came to whose worker ended, or could not send what it returned."""
    own = error.cause if isinstance(error, RayTaskError) else None
    return own if isinstance(own, Exception) else WorkerLost(_cause(error, node))


def _cause(error: Exception, node: str) -> str:
    if isinstance(error, OutOfMemoryError):
        return f"out of memory on {node}: take fewer --jobs, or a smaller train.batch_size"
    if isinstance(error, ActorUnavailableError):
        return f"{node} can't be reached any more"
    return (
        f"its process on {node} ended without a word: its own code may have ended it, or somebody "
        "killed it or the node"
    )
