import os
import socket
import subprocess
from concurrent import futures
from pathlib import Path
from time import monotonic

import pytest
from optuna.storages import RDBStorage
from preloaded import python
from servers import Database, free_port
from small_study import Make

from harness.errors import UserError
from harness.tuning import storage
from harness.tuning.storage import default_url, open_storage, shown
from harness.tuning.study import OpenStudy
from harness.tuning.tune import tune


def test_the_default_lies_beside_the_record(make: Make, tmp_path: Path) -> None:
    assert default_url() == f"sqlite:///{tmp_path / 'optuna.db'}"
    OpenStudy.of(make())
    assert (tmp_path / "optuna.db").is_file()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense", "no storage URL"),
        ("redis://somewhere/0", "cannot be opened"),
        ("sqlite:////proc/none/optuna.db", "cannot make its folder"),
        ("journal:///proc/none/log", "cannot open"),
        ("grpc://localhost", "write grpc://host:port"),
        ("postgresql+nosuchdriver://u@h/d", "driver nosuchdriver is not installed"),
    ],
)
def test_a_storage_that_cannot_be_opened_is_refused_in_one_line(url: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        open_storage(url)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_address_where_nothing_answers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.tuning.storage.SECONDS_TO_CONNECT", 0.2)
    with pytest.raises(UserError, match="nothing answers there"):
        open_storage(f"grpc://127.0.0.1:{free_port()}")


def test_passwords_are_not_shown() -> None:
    assert shown("postgresql://me:secret@host/name") == "postgresql://me:***@host/name"
    assert shown("journal:///a/b") == "journal:///a/b"


def test_databases_have_a_heartbeat(tmp_path: Path) -> None:
    storage = open_storage(f"sqlite:///{tmp_path / 'optuna.db'}")
    assert storage.get_heartbeat_interval() == 15  # type: ignore[attr-defined]


def test_processes_that_meet_a_fresh_database_all_open_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'optuna.db'}"
    with futures.ThreadPoolExecutor(4) as threads:
        assert len(list(threads.map(open_storage, [url] * 4))) == 4


def test_a_journal_holds_a_study_and_the_dead_are_known_there_too(
    make: Make, tmp_path: Path
) -> None:
    tuning = make(trials=2, inner_seeds=1, storage=f"journal://{tmp_path / 'study.log'}")
    tuned = tune(tuning)
    assert tuned.complete == 2
    assert tune(tuning) == tuned


def test_a_proxy_passes_a_study_on(make: Make, tmp_path: Path) -> None:
    pytest.importorskip("grpc")
    from optuna.storages._grpc.server import make_server

    port = free_port()
    server = make_server(RDBStorage(f"sqlite:///{tmp_path / 'far.db'}"), "127.0.0.1", port)
    server.start()
    try:
        tuned = tune(make(trials=2, inner_seeds=1, storage=f"grpc://127.0.0.1:{port}"))
    finally:
        server.stop(None)
    assert tuned.complete == 2


@pytest.fixture
def postgresql(database: Database) -> str:
    return database.url


def test_two_workers_share_a_study_on_postgresql(make: Make, postgresql: str) -> None:
    tuning = make(trials=8, inner_seeds=1, storage=postgresql)
    tuned = tune(tuning, jobs=2)
    trials = OpenStudy.of(tuning).trials()
    assert tuned.complete + tuned.pruned == len(trials) == 8
    assert sorted(each.user_attrs["slot"] for each in trials) == list(range(8))


def test_a_study_on_postgresql_goes_on(make: Make, postgresql: str) -> None:
    tuning = make("balanced_class_weight", trials=2, inner_seeds=1, storage=postgresql)
    assert tune(tuning) == tune(tuning)
    assert shown(postgresql).startswith("postgresql://me@")


def test_a_pipe_in_the_place_of_a_journal_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="is no file; give the path of a journal"):
        open_storage(f"journal://{tmp_path / 'pipe'}")


def test_a_server_that_takes_connections_and_says_nothing_is_one_line_soon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(storage, "SECONDS_TO_CONNECT", 2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        began = monotonic()
        with pytest.raises(UserError, match="cannot be opened") as refused:
            open_storage(f"postgresql://me:secret@127.0.0.1:{server.getsockname()[1]}/db")
    assert "secret" not in str(refused.value)
    assert "\n" not in str(refused.value)
    assert monotonic() - began < 20


def test_a_password_in_what_is_no_address_is_not_shown() -> None:
    with pytest.raises(UserError, match="no storage URL") as refused:
        open_storage("what://me:secret@host:port")
    assert "secret" not in str(refused.value)


def test_two_processes_that_meet_a_fresh_record_on_postgresql_both_succeed(
    postgresql: str, tmp_path: Path
) -> None:
    code = (
        "from harness.tracking.store import Store; "
        "print(Store.open('same').start('x', {'trial': 't'}, {'a': 1}))"
    )
    import psycopg

    with psycopg.connect(postgresql, autocommit=True) as connection:
        connection.execute("create database record")
    uri = (
        postgresql.replace("postgresql:", "postgresql+psycopg:").removesuffix("postgres") + "record"
    )
    processes = []
    for number in range(2):  # as on two machines, they share no folder of claims
        cache = {"HARNESS_CACHE": str(tmp_path / str(number)), "MLFLOW_TRACKING_URI": uri}
        processes.append(subprocess.Popen([python(), "-c", code], env=os.environ | cache))
    assert [process.wait(timeout=300) for process in processes] == [0, 0]
