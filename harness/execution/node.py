"""What runs on a node of a cluster: a process that loads the framework once and takes many calls.

It is started from elsewhere and knows nothing yet: which record, which data, which code. Here is
what it is told, and what it refuses to compute without.
"""

import os
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

from harness.config.experiment import Experiment
from harness.data import source_of, take_over
from harness.data.cache import cache_directory
from harness.data.sources import Source
from harness.errors import UserError
from harness.execution.executors import NodeRefused, load_framework, tell_through
from harness.networks.build import digest
from harness.processes import liveness
from harness.processes.memory import resident_bytes
from harness.tracking.place import database_of, tracking_uri
from harness.tracking.store import Store
from harness.training.precision import precision_for
from harness.trial.fingerprint import engine_code, versions


@dataclass(frozen=True)
class Setting:
    """How the process that asks computes: on which machine, with which versions and threads.

    `record` is where it records: not part of a worker's environment, where Ray would show it.
    """

    machine: str
    folder: Path
    record: str
    threads: int
    versions: Mapping[str, str]
    engine: str

    @classmethod
    def here(cls, threads: int) -> "Setting":
        """Return the setting of this process, for trials with so many threads."""
        machine, folder = socket.gethostname(), Path.cwd()
        return cls(machine, folder, tracking_uri(), threads, versions(), engine_code())


@dataclass(frozen=True)
class Needs:
    """What the trials of an experiment need of a node: the record, and these paths, by what for.

    The data are among them, unless they come along. `digests` are of the content of all that is
    read on the node, `precision` is what `train.precision` comes to where the command runs, and
    `cache` where that keeps images and features, if there are any.
    """

    experiment: Experiment
    plugins: tuple[Path, ...]
    paths: Mapping[str, Path]
    digests: Mapping[str, str]
    precision: str
    cache: Path | None = None


@dataclass(frozen=True)
class Arrived:
    """A process that is ready for calls: the name of its node, and what tells the process."""

    node: str
    identity: str


@dataclass(frozen=True)
class Epoch:
    """An epoch that has ended during a call, of whatever the call says."""

    done: Any
    number: int


@dataclass(frozen=True)
class Note:
    """A line that the user should read."""

    line: str


@dataclass(frozen=True)
class Returned:
    """What a call has returned or raised, and how much memory its process holds now, in bytes."""

    value: Any = None
    error: BaseException | None = None
    memory: int = 0


class Node:
    """The process itself. Its calls follow one another; what each needs is checked first."""

    def arrive(self, setting: Setting) -> Arrived:
        """Load the framework; raises UserError if numbers would not be those of the asker."""
        if setting.folder.is_dir():
            os.chdir(setting.folder)
        os.environ["MLFLOW_TRACKING_URI"] = setting.record
        _have_a_cache()
        self._refuse_other_versions(setting)
        if database_of(tracking_uri()) is not None and _name() != setting.machine:
            raise UserError(
                f"node {_name()} is another machine than {setting.machine}, whose file the record "
                "is: start a server for both (docs/scale.md) and set MLFLOW_TRACKING_URI to it"
            )
        load_framework(setting.threads)
        return Arrived(_name(), liveness.identity(os.getpid()))

    def _take(self, needs: Needs, source: Source | None) -> None:
        """Get ready for an experiment, with its data if they come along.

        Raises UserError for a path that this node does not see or that holds something else here,
        and for a record that it can't reach.
        """
        for purpose, path in needs.paths.items():
            if not path.exists():
                raise UserError(
                    f"node {_name()} has no {path} ({purpose}): put it where every node sees it "
                    "under this path"
                )
        if (precision := precision_for(needs.experiment.train)) != needs.precision:
            raise UserError(
                f"node {_name()} would compute in {precision}, and the command in "
                f"{needs.precision}, as auto goes by the GPU: set train.precision to one of them"
            )
        try:
            Store.open(needs.experiment.name)
        except UserError as error:
            raise UserError(f"node {_name()}: {error}") from error
        if source is not None:
            take_over(needs.experiment, source)
        for purpose, content in digests(needs.experiment, needs.plugins).items():
            if content != needs.digests[purpose]:
                raise UserError(
                    f"node {_name()} has another content of {purpose} than the command: have every "
                    "node see the same"
                )

    def call(
        self, function: Callable[..., Any], words: tuple[Any, ...], *needed: Any
    ) -> Iterator[Epoch | Note | Returned]:
        """Call a function, and yield the epochs that it tells, and at last what it returned.

        What is `needed` from now on, each `Needs` followed by its data or None, comes first.
        """
        try:
            for needs, source in zip(needed[::2], needed[1::2], strict=True):
                self._take(needs, source)
                if needs.cache is not None and not needs.cache.is_dir():
                    yield Note(
                        f"node {_name()} sees no {needs.cache}, where images and features are "
                        "kept, and makes its own: share that folder (HARNESS_CACHE)"
                    )
        except UserError as error:
            yield Returned(error=NodeRefused(str(error)))
            return
        events: SimpleQueue[Any] = SimpleQueue()
        tell_through(_Events(events))

        def work() -> None:
            try:
                returned = Returned(function(*words))
            except BaseException as error:  # the asker's to judge, who waits for it
                returned = Returned(error=error)
            events.put(returned)

        Thread(target=work).start()
        while isinstance(event := events.get(), Epoch):
            yield event
        yield Returned(event.value, event.error, resident_bytes())

    def _refuse_other_versions(self, setting: Setting) -> None:
        mine = versions()
        for name, version in setting.versions.items():
            if mine.get(name) != version:
                raise UserError(
                    f"node {_name()} has {name} {mine.get(name)}, and {setting.machine} "
                    f"{version}: install the same on both"
                )
        if engine_code() != setting.engine:
            raise UserError(
                f"node {_name()} has another state of harness than {setting.machine}: install the "
                "same on both"
            )


def digests(experiment: Experiment, plugins: Iterable[Path]) -> dict[str, str]:
    """Return digests of what an experiment's trials read, by purpose: data, network and plugins."""
    found = {"the data": source_of(experiment).digest, "the network": digest(experiment.model)}
    for plugin in plugins:
        found[f"--plugin {plugin.name}"] = blake2b(plugin.read_bytes(), digest_size=16).hexdigest()
    return found


def _have_a_cache() -> None:
    """Keep what is made where the command does, or where this node would by itself."""
    try:
        cache_directory().mkdir(parents=True, exist_ok=True)
    except OSError:
        os.environ.pop("HARNESS_CACHE", None)


class _Events:
    """The queue that `tell` puts epochs into, each as what its asker knows it by."""

    def __init__(self, events: "SimpleQueue[Any]") -> None:
        self._events = events

    def put(self, epoch: tuple[Any, int]) -> None:
        self._events.put(Epoch(*epoch))


def _name() -> str:
    return socket.gethostname()
