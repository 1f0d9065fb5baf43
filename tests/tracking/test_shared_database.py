"""A store on a database server that other machines use too, and that is stopped now and then."""

import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest
from servers import Database

from harness.errors import RecordAway, UserError
from harness.tracking import away, client
from harness.tracking.store import Store

NAME = "digits"


@pytest.fixture(scope="module")
def address(database: Database) -> str:
    return database.new("shared")


@pytest.fixture
def store(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("harness.tracking.place.records", lambda: tmp_path)
    yield Store.open(NAME)
    client._contacts.clear()


def stopped(database: Database, seconds: float) -> threading.Timer:
    """Stop a server, and start it again after so many seconds."""
    database.kill()
    timer = threading.Timer(seconds, database.start)
    timer.start()
    return timer


def test_connections_that_died_with_the_server_are_made_anew(
    store: Store, database: Database
) -> None:
    run_id = store.start("before", {"trial": "t"}, {"a": 1})
    database.kill()
    database.start()
    store.curves(run_id, [("loss", 0, 1.0)])
    assert store.run(run_id).metrics == {"loss": 1.0}


def test_a_server_that_comes_back_costs_the_wait_alone(store: Store, database: Database) -> None:
    began = monotonic()
    back = stopped(database, 0.5)
    run_id = store.start("meanwhile", {"trial": "u"}, {"a": 1})
    with store.claim("u") as mine:
        assert mine
    assert monotonic() - began >= 0.5
    back.join()
    assert [run.run_id for run in store.runs("tags.trial = 'u'")] == [run_id]


def test_a_store_that_a_command_has_reached_before_is_waited_for_by_its_workers(
    store: Store, database: Database
) -> None:
    client._contacts.clear()  # as in a process that has just begun
    back = stopped(database, 0.5)
    assert Store.open(NAME, known=True).start("of a worker", {}, {})
    back.join()


def test_one_that_stays_away_is_one_line(
    store: Store, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(away, "SECONDS_TO_RETURN", 1.0)
    database.kill()
    try:
        with pytest.raises(RecordAway, match=r"postgresql.* is away") as lost:
            store.start("never", {}, {})
        assert "\n" not in str(lost.value)
    finally:
        database.start()


def test_what_one_process_holds_no_other_machine_gets(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "another home"))
    elsewhere = Store.open(NAME)
    with store.claim("trial") as mine, elsewhere.claim("trial", wait=False) as theirs:
        assert mine
        assert not theirs
    with elsewhere.claim("trial", wait=False) as theirs:
        assert theirs


def test_runs_of_a_trial_that_died_elsewhere_are_marked_by_who_claims_it(store: Store) -> None:
    run_id = store.start("of a machine that is no more", {"trial": "v"}, {})
    store._client.set_tag(run_id, "process", "elsewhere:1:1")
    store.reap()
    assert store.run(run_id).status == "RUNNING"
    with store.claim("v"):
        store.reap_trial("v")
    assert store.run(run_id).status == "KILLED"


def test_a_machine_that_does_not_see_the_files_says_which_and_where(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.tracking.experiments.local_folder", lambda uri: Path("/not/here"))
    with pytest.raises(UserError, match=r"'digits' are kept in /not/here, which .* does not see"):
        Store.open(NAME)


def test_waiting_ends_with_ctrl_c(store: Store, database: Database) -> None:
    database.kill()
    try:
        threading.Timer(1.0, client.stop_waiting).start()
        began = monotonic()
        with pytest.raises(RecordAway):
            store.start("never", {}, {})
        assert monotonic() - began < 30
    finally:
        database.start()
