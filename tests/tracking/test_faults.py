"""What happens to a record: killed while it is made, moved, copied, locked, full or read-only."""

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mlflow.exceptions import RestException
from preloaded import python
from sqlalchemy.exc import OperationalError

from harness.errors import DamagedRecord, RecordLost, UserError
from harness.tracking import client, store
from harness.tracking.client import PatientClient
from harness.tracking.place import reports_folder, without_password
from harness.tracking.store import Store

Use = Callable[[Path], Store]


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Use:
    def opened(database: Path) -> Store:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{database}")
        return Store.open("digits")

    return opened


@pytest.fixture
def folder(migrated: Path, tmp_path: Path) -> Path:
    (tmp_path / "first").mkdir()
    shutil.copy(migrated, tmp_path / "first" / "mlflow.db")
    return tmp_path / "first"


def recorded(record: Store, folder: Path, text: str) -> str:
    files = folder / "files"
    files.mkdir(exist_ok=True)
    (files / "plan.json").write_text(text)
    run_id = record.start("x", {"trial": "t"}, {})
    record.close(run_id, {}, files, "")
    return run_id


def read(record: Store, run_id: str) -> tuple[Path, str]:
    with record.artifact(run_id, "plan.json") as path:
        return path, path.read_text()


@pytest.mark.parametrize("seconds", [0.0, 0.3, 1.0])
def test_a_kill_while_it_is_made_leaves_nothing_in_the_way(
    seconds: float, tmp_path: Path, use: Use
) -> None:
    database = tmp_path / "mlflow.db"
    code = "from harness.tracking.store import Store; Store.open('digits')"
    uri = f"sqlite:///{database}"
    process = subprocess.Popen(
        [python(), "-c", code], env=os.environ | {"MLFLOW_TRACKING_URI": uri}
    )
    while not (tmp_path / ".mlflow.db.new").exists():
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert use(database).start("x", {}, {})


@pytest.mark.parametrize(
    "tables", [(), ("alembic_version (version_num)",), ("experiments (a)", "runs (a)")]
)
def test_one_that_was_left_half_made_is_made_again(
    tables: tuple[str, ...], tmp_path: Path, use: Use
) -> None:
    with sqlite3.connect(tmp_path / "mlflow.db") as connection:
        for table in tables:
            connection.execute(f"CREATE TABLE {table}")
    assert use(tmp_path / "mlflow.db").start("x", {}, {})


def test_the_database_of_another_program_is_left_alone(tmp_path: Path, use: Use) -> None:
    with sqlite3.connect(tmp_path / "mlflow.db") as connection:
        connection.execute("CREATE TABLE mine (a)")
        connection.execute("INSERT INTO mine VALUES (1)")
    with pytest.raises(UserError, match="of another program"):
        use(tmp_path / "mlflow.db")
    with sqlite3.connect(tmp_path / "mlflow.db") as connection:
        assert connection.execute("SELECT a FROM mine").fetchall() == [(1,)]


def test_files_are_found_where_the_record_has_moved(folder: Path, use: Use) -> None:
    run_id = recorded(use(folder / "mlflow.db"), folder, "moved")
    there = folder.rename(folder.parent / "another place, a new one")
    moved = use(there / "mlflow.db")
    path, text = read(moved, run_id)
    assert text == "moved"
    assert path.is_relative_to(there)
    assert read(moved, recorded(moved, there, "new"))[0].is_relative_to(there / "artifacts")
    assert not folder.exists()


def test_a_copy_of_a_record_shares_no_file_with_it(folder: Path, use: Use) -> None:
    run_id = recorded(use(folder / "mlflow.db"), folder, "copied")
    copy = Path(shutil.copytree(folder, folder.parent / "copy"))
    other = use(copy / "mlflow.db")
    assert read(other, run_id)[0].is_relative_to(copy)
    assert read(other, recorded(other, copy, "new"))[0].is_relative_to(copy)
    assert read(use(folder / "mlflow.db"), run_id)[0].is_relative_to(folder)


def test_two_records_have_no_page_in_common(folder: Path, use: Use) -> None:
    shutil.copy(folder / "mlflow.db", folder / "other.db")
    use(folder / "mlflow.db")
    first = reports_folder()
    use(folder / "other.db")
    assert reports_folder() != first
    assert first.parent == reports_folder().parent == folder


def test_what_is_read_is_no_copy_and_what_is_missing_is_named(folder: Path, use: Use) -> None:
    record = use(folder / "mlflow.db")
    run_id = recorded(record, folder, "here")
    assert read(record, run_id)[0].is_relative_to(folder / "artifacts")
    with (
        pytest.raises(DamagedRecord, match=r"has no other\.json"),
        record.artifact(run_id, "other.json"),
    ):
        pass


class Busy:
    """Stands for MLflow's client over a database that another process has locked."""

    def __init__(self, times: int, error: Exception) -> None:
        self.times, self.error = times, error

    def set_tag(self, run_id: str) -> str:
        self.times -= 1
        if self.times >= 0:
            raise self.error
        return run_id


LOCKED = OperationalError("UPDATE", {}, Exception("database is locked"))
MADE_TWICE = RestException(
    {
        "error_code": "BAD_REQUEST",
        "message": "(sqlite3.IntegrityError) UNIQUE constraint failed: datasets.experiment_id",
    }
)


@pytest.mark.parametrize("error", [LOCKED, MADE_TWICE])
def test_a_locked_database_is_waited_for_and_what_another_process_made_just_now_is_found(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "SECONDS_BETWEEN_TRIES", 0)
    assert PatientClient(Busy(5, error), "sqlite:///x").set_tag("id") == "id"


def test_a_name_that_is_taken_is_told_at_once() -> None:
    taken = RestException(
        {"error_code": "RESOURCE_ALREADY_EXISTS", "message": "UNIQUE constraint failed: name"}
    )
    with pytest.raises(RestException):
        PatientClient(Busy(1, taken), "sqlite:///x").set_tag("id")


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), ConnectionError("refused")]
)
def test_a_record_that_fails_is_one_line(error: Exception) -> None:
    with pytest.raises(RecordLost, match=r"the record at sqlite:///x fails: .*") as lost:
        PatientClient(Busy(1, error), "sqlite:///x").set_tag("id")
    assert "\n" not in str(lost.value)


def test_one_that_can_only_be_read_is_read(
    folder: Path, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = recorded(use(folder / "mlflow.db"), folder, "kept")
    monkeypatch.setattr(store, "is_read_only", lambda uri: True)
    record = use(folder / "mlflow.db")
    assert read(record, run_id)[1] == "kept"
    record.reap()
    record.tag(run_id, {"a": "b"})
    assert "a" not in record.run(run_id).tags
    with pytest.raises(UserError, match="read-only"):
        record.start("none, seed 0", {}, {})


def test_a_folder_or_a_pipe_is_no_record(tmp_path: Path, use: Use) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "text").write_text("no database\n" * 100)
    for place in (tmp_path, tmp_path / "pipe", tmp_path / "text"):
        began = time.monotonic()
        with pytest.raises(UserError, match=r"can't be opened|is no file"):
            use(place)
        assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://me:secret@host/db", "postgresql://me:***@host/db"),
        ("https://:secret@host", "https://:***@host"),
        ("mysql://me@host/db?password=secret&a=b", "mysql://me@host/db?password=***&a=b"),
        ("cannot reach http://a:sec:ret@b now", "cannot reach http://a:***@b now"),
        ("sqlite:////a/b.db", "sqlite:////a/b.db"),
    ],
)
def test_a_password_is_never_shown(address: str, shown: str) -> None:
    assert without_password(address) == shown


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that takes connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("scheme", ["postgresql+psycopg", "http"])
def test_a_server_that_takes_connections_and_says_nothing_is_one_line_soon(
    scheme: str, silent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "SECONDS_TO_CONNECT", 2)
    monkeypatch.setenv("PGCONNECT_TIMEOUT", "2")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"{scheme}://127.0.0.1:{silent}/db")
    began = time.monotonic()
    with pytest.raises(UserError, match="can't be opened") as refused:
        Store.open("digits")
    assert "\n" not in str(refused.value)
    assert time.monotonic() - began < 20


def test_nor_by_what_says_that_a_server_is_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://me:secret@127.0.0.1:9/db")
    began = time.monotonic()
    with pytest.raises(UserError, match="can't be opened") as refused:
        Store.open("digits")
    assert "secret" not in str(refused.value)
    assert time.monotonic() - began < 15
