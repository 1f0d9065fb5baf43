"""Claims: at most one process has what a key names under way, here or on any machine of a store."""

import socket
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep
from typing import Any
from uuid import uuid4

from filelock import FileLock, Timeout

from harness.tracking.away import pauses
from harness.tracking.marks import Heart, Mark, Witness, try_to_mark
from harness.tracking.place import claims_folder, is_served

YEARS = 1e9  # no end, which filelock calls a deadlock where another thread of the process holds on
PLACE = "place"
NOT_THERE = "RESOURCE_DOES_NOT_EXIST"


class Claims:
    """The claims of one experiment: file locks of this machine and, of a served store, marks there.

    A lock is fast, and free at once where its process dies, even of kill -9. What dies with a
    machine is free once its mark has stood still for `marks.SECONDS_TO_DIE`.
    """

    def __init__(self, folder: Path, board: "Tags | None" = None) -> None:
        self._folder, self._board = folder, board

    @classmethod
    def of(cls, uri: str, client: Any, experiment_id: str) -> "Claims":
        """Return the claims of an experiment in the store at `uri`."""
        tags = Tags(client, experiment_id) if is_served(uri) and experiment_id else None
        return cls(claims_folder(uri), tags)

    @contextmanager
    def claim(self, key: str, wait: bool = True) -> Iterator[bool]:
        """Hold what `key` names for this process; yield False if another one has it.

        With `wait`, its end is waited for. One thread may let go of what another has claimed.
        """
        with self.turn(key, wait) as mine:
            if not mine or self._board is None:
                yield mine
                return
            mark = self._marked(self._board, key, wait)
            if mark is None:
                yield False
                return
            _heart.hold(mark)
            try:
                yield True
            finally:
                _heart.let_go(mark)

    @contextmanager
    def turn(self, key: str, wait: bool = True) -> Iterator[bool]:
        """Hold what `key` names among the processes of this machine alone; else as `claim`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self._folder / f"{key}.lock", thread_local=False)
        try:
            lock.acquire(timeout=YEARS if wait else 0)
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def _marked(self, board: "Tags", key: str, wait: bool) -> Mark | None:
        place, witness = _place(self._folder), _witnesses[board.experiment_id]
        for pause in pauses():
            mark = try_to_mark(board, key, place, witness)
            if mark is not None or not wait:
                return mark
            sleep(pause)
        raise AssertionError("pauses have no end")


class Tags:
    """Tags of an MLflow experiment as a board for marks, each written and removed by one call."""

    def __init__(self, client: Any, experiment_id: str) -> None:
        self._client, self.experiment_id = client, experiment_id

    def read(self) -> dict[str, str]:
        """Return all tags."""
        return dict(self._client.get_experiment(self.experiment_id).tags)

    def write(self, key: str, text: str) -> None:
        """Write a tag, over the one of its key if there is one."""
        self._client.set_experiment_tag(self.experiment_id, key, text)

    def remove(self, key: str) -> None:
        """Remove a tag, if it is there."""
        from mlflow.exceptions import MlflowException

        try:
            self._client.delete_experiment_tag(self.experiment_id, key)
        except MlflowException as error:
            if error.error_code != NOT_THERE:
                raise


_heart = Heart()
_witnesses: defaultdict[str, Witness] = defaultdict(Witness)


def _place(folder: Path) -> str:
    """Return what tells the file locks in a folder from those of any other one.

    A folder that machines share has no name in common for them, as locks may not reach that far.
    """
    file = folder / PLACE
    with FileLock(f"{file}.lock"):
        if not file.exists():
            aside = folder / f".{PLACE}"
            aside.write_text(uuid4().hex, "utf-8")
            aside.replace(file)
    return f"{socket.gethostname()}/{file.read_text('utf-8')}"
