"""The outbox: what has been trained reaches a store that was away, once, whatever is killed."""

import errno
import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from harness.errors import RecordAway
from harness.tracking import outbox
from harness.tracking.client import PatientClient
from harness.tracking.outbox import Parcel, keeps, record, send_waiting
from harness.tracking.place import outbox_folder, outbox_note, tracking_uri
from harness.tracking.store import Store


@pytest.fixture
def store(migrated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A record that counts as one behind a server."""
    shutil.copy(migrated, tmp_path / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("harness.tracking.store.is_served", lambda uri: True)
    return Store.open("digits")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "plan.json").write_text("{}")
    return folder


def begun(store: Store, trial: str = "t") -> Parcel:
    tags, params = {"trial": trial}, {"seed": 0}
    return Parcel(
        run_id=store.start("none, seed 0", tags, params),
        trial=trial,
        title="none, seed 0",
        parent=None,
        fresh=False,
        tags=tags,
        params=params,
        points=tuple(("epoch/loss", step, 0.5, 1000 + step) for step in range(3)),
        sent=0,
        metrics={"test/mcc": 0.25},
        dataset=("digits", "ab" * 16, {"train": [1, 2]}),
        results={"warnings": ""},
        needed=("plan.json",),
    )


def kept(store: Store) -> list[str]:
    folder = outbox_folder(tracking_uri(), store.name)
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def statuses(store: Store) -> list[str]:
    return sorted(run.status for run in store.runs(""))


def fail(patch: pytest.MonkeyPatch, name: str, error: type[BaseException] = RecordAway) -> None:
    """Let a method of stores fail."""

    def failing(*_: Any, **__: Any) -> None:
        raise error("the record is away")

    patch.setattr(Store, name, failing)


CALLS = 7
"""So many calls of the store it takes to finish a run."""


def fail_at(
    patch: pytest.MonkeyPatch, number: int, done: bool, error: type[BaseException]
) -> list[str]:
    """Let the store's calls fail from one on, which is done or not; return what was called."""
    usual, called = PatientClient.__getattr__, []

    def method(self: PatientClient, name: str) -> Any:
        def call(*words: Any, **options: Any) -> Any:
            called.append(name)
            if len(called) > number or (len(called) == number and not done):
                raise error("the record is away")
            answer = usual(self, name)(*words, **options)
            if len(called) == number:
                raise error("the record is away")
            return answer

        return call

    patch.setattr(PatientClient, "__getattr__", method)
    return called


@pytest.mark.parametrize("error", [RecordAway, KeyboardInterrupt])
@pytest.mark.parametrize("done", [False, True], ids=["not done", "done"])
@pytest.mark.parametrize("number", range(1, CALLS + 1))
def test_what_breaks_off_at_any_call_is_sent_once_by_the_next_that_opens_the_store(
    number: int,
    done: bool,
    error: type[BaseException],
    store: Store,
    files: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    parcel = begun(store)
    with monkeypatch.context() as patch:
        called = fail_at(patch, number, done, error)
        with pytest.raises(error):
            record(store, parcel, files)
    assert len(called) == number
    assert keeps(store, parcel.run_id)
    assert kept(store) == [parcel.run_id]
    again = Store.open("digits")
    line = capsys.readouterr().err
    assert line == "harness: sent 1 trial of digits that the record had been away for\n"
    (run,) = again.runs("")
    assert (run.run_id, run.status) == (parcel.run_id, "FINISHED")
    assert run.metrics == {"test/mcc": 0.25, "epoch/loss": 0.5}
    assert len(again.curve(run.run_id, "epoch/loss")) == 3
    with again.artifact(run.run_id, "plan.json") as path:
        assert path.read_text() == "{}"
    assert kept(store) == []
    Store.open("digits")
    assert capsys.readouterr().err == ""


def test_a_line_says_how_many_are_kept_and_where(
    store: Store, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert outbox_note() == ""
    fail(monkeypatch, "finish")
    notes = []
    for trial in ("a", "b"):
        with pytest.raises(RecordAway):
            record(store, begun(store, trial), files)
        notes.append(outbox_note())
    assert notes[0].startswith(f"1 trained trial is kept in {tmp_path / 'cache'}")
    assert notes[1].startswith("2 trained trials are kept in ")
    assert notes[1].endswith(", and sent by the next command")


def leave_waiting(store: Store, parcel: Parcel, files: Path) -> None:
    """Record a trained trial in a store that is away as its run is finished."""
    with pytest.MonkeyPatch.context() as patch:
        fail(patch, "finish")
        with pytest.raises(RecordAway):
            record(store, parcel, files)


def test_what_reaches_the_store_leaves_nothing(store: Store, files: Path) -> None:
    parcel = begun(store)
    assert record(store, parcel, files) == parcel.run_id
    assert kept(store) == []
    assert statuses(store) == ["FINISHED"]


def test_a_run_that_was_marked_as_killed_meanwhile_is_finished(store: Store, files: Path) -> None:
    parcel = begun(store)
    leave_waiting(store, parcel, files)
    store.reap(mine=True)
    assert statuses(store) == ["KILLED"]
    send_waiting(store)
    assert statuses(store) == ["FINISHED"]


@pytest.mark.parametrize("waits", [False, True])
def test_a_trial_that_another_machine_has_finished_meanwhile_is_not_doubled(
    waits: bool, store: Store, files: Path
) -> None:
    mine, theirs = begun(store), begun(store)
    if waits:
        leave_waiting(store, mine, files)
    assert record(store, theirs, files) == theirs.run_id
    if waits:
        send_waiting(store)
    else:
        assert record(store, mine, files) == theirs.run_id
    assert statuses(store) == ["FINISHED", "KILLED"]
    assert store.run(theirs.run_id).status == "FINISHED"
    assert kept(store) == []


def test_unless_it_was_to_be_a_fresh_one(store: Store, files: Path) -> None:
    mine, theirs = begun(store), begun(store)
    record(store, theirs, files)
    assert record(store, replace(mine, fresh=True), files) == mine.run_id
    assert statuses(store) == ["FINISHED", "FINISHED"]


def test_or_the_other_one_has_lost_its_files(store: Store, files: Path) -> None:
    mine, theirs = begun(store), begun(store)
    record(store, theirs, files)
    with store.artifact(theirs.run_id, "plan.json") as path:
        path.unlink()
    assert record(store, mine, files) == mine.run_id


def test_what_another_process_is_sending_is_left_to_it(store: Store, files: Path) -> None:
    parcel = begun(store)
    leave_waiting(store, parcel, files)
    with store.claim(parcel.trial):
        send_waiting(store)
        assert kept(store) == [parcel.run_id]
    send_waiting(store)
    assert kept(store) == []


def test_a_run_that_is_gone_from_the_store_is_made_anew(
    store: Store, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parcel = begun(store)
    with monkeypatch.context() as patch:
        fail(patch, "points")
        with pytest.raises(RecordAway):
            record(store, replace(parcel, run_id="f" * 32), files)
    send_waiting(store)
    assert statuses(store) == ["FINISHED", "RUNNING"]


def test_what_the_store_refuses_is_not_kept(
    store: Store, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail(monkeypatch, "finish", error=ValueError)
    with pytest.raises(ValueError, match="away"):
        record(store, begun(store), files)
    assert kept(store) == []


def test_a_damaged_one_is_named_and_stands_in_nobody_s_way(
    store: Store, files: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = begun(store, "good"), begun(store, "bad")
    with monkeypatch.context() as patch:
        fail(patch, "finish")
        for parcel in (good, bad):
            with pytest.raises(RecordAway):
                record(store, parcel, files)
    (outbox_folder(tracking_uri(), "digits") / bad.run_id / outbox.FACTS).write_text("{")
    send_waiting(store)
    lines = sorted(capsys.readouterr().err.splitlines())
    assert len(lines) == 2
    assert bad.run_id in lines[0]
    assert kept(store) == [bad.run_id]


def test_a_kill_while_one_is_taken_out_leaves_no_part_of_it_to_be_sent(
    store: Store, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    parcel = begun(store)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            record(store, parcel, files)
    assert kept(store) == [f"{outbox.ASIDE}{parcel.run_id}"]
    send_waiting(store)
    assert statuses(store) == ["FINISHED"]


def test_a_disk_that_takes_nothing_is_no_reason_not_to_send(
    store: Store, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copytree", full)
    record(store, begun(store), files)
    assert statuses(store) == ["FINISHED"]


def test_what_a_kill_has_left_half_written_is_never_sent_and_removed_in_the_end(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = outbox_folder(tracking_uri(), "digits")
    half = folder / f"{outbox.ASIDE}{'0' * 32}"
    half.mkdir(parents=True)
    send_waiting(store)
    assert half.is_dir()
    monkeypatch.setattr(outbox, "SECONDS_TO_LITTER", -1.0)
    send_waiting(store)
    assert kept(store) == []


def test_a_parcel_is_the_same_when_it_is_read_again(store: Store) -> None:
    parcel = begun(store)
    assert outbox._parcel(json.loads(json.dumps(asdict(parcel)))) == parcel
