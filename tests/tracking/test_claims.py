"""Claims across machines: each has a folder of file locks of its own, and tags in common."""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from harness.tracking import claims, marks
from harness.tracking.claims import Claims, Tags
from harness.tracking.marks import PREFIX, Heart
from harness.tracking.store import Store


@pytest.fixture
def store(migrated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    shutil.copy(migrated, tmp_path / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    return Store.open("digits")


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in {"SECONDS_BETWEEN_BEATS": 0.02, "SECONDS_TO_DIE": 0.5, "TIE": 0.0}.items():
        monkeypatch.setattr(marks, name, value)
    monkeypatch.setattr(claims, "pauses", lambda: iter([0.05] * 1000))
    monkeypatch.setattr(claims, "_heart", Heart())
    yield
    claims._witnesses.clear()


def machine(name: str, store: Store, tmp_path: Path) -> Claims:
    return Claims(tmp_path / name, Tags(store._client, store._experiment_id))


def left(store: Store) -> list[str]:
    tags = store._client.get_experiment(store._experiment_id).tags
    return [key for key in tags if key.startswith(PREFIX)]


def test_what_one_machine_holds_no_other_gets_until_it_lets_go(
    store: Store, tmp_path: Path
) -> None:
    one, two = (machine(name, store, tmp_path) for name in ("one", "two"))
    with one.claim("trial") as mine:
        assert mine
        with two.claim("trial", wait=False) as theirs:
            assert not theirs
        with two.claim("another trial") as theirs:
            assert theirs
    with two.claim("trial", wait=False) as theirs:
        assert theirs
    assert left(store) == []


def test_its_end_is_waited_for(store: Store, tmp_path: Path) -> None:
    one, two = (machine(name, store, tmp_path) for name in ("one", "two"))
    let_go = threading.Event()
    held = threading.Event()

    def hold() -> None:
        with one.claim("trial"):
            held.set()
            let_go.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(60)
    threading.Timer(1.0, let_go.set).start()  # twice as long as a dead one would get
    with two.claim("trial") as mine:
        assert mine
        assert let_go.is_set()
    holder.join()


def test_of_two_processes_of_a_machine_the_file_lock_decides_and_nothing_is_asked(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = machine("here", store, tmp_path)
    with here.claim("trial"):
        monkeypatch.setattr(Tags, "read", lambda self: pytest.fail("the store was asked"))
        with here.claim("trial", wait=False) as mine:
            assert not mine


def test_what_a_killed_process_of_this_machine_has_left_is_no_hindrance(
    store: Store, tmp_path: Path
) -> None:
    here = machine("here", store, tmp_path)
    with here.claim("trial"):
        (mark,) = left(store)
    store._client.set_experiment_tag(store._experiment_id, mark, f"{place(here)} 7")
    with here.claim("trial", wait=False) as mine:
        assert mine


def test_what_another_machine_has_left_is_free_once_its_mark_has_stood_still(
    store: Store, tmp_path: Path
) -> None:
    other = f"{PREFIX}trial.{'0' * 32}"
    store._client.set_experiment_tag(store._experiment_id, other, "elsewhere/1 7")
    began = monotonic()
    with machine("here", store, tmp_path).claim("trial") as mine:
        assert mine
        assert monotonic() - began >= 0.4
        assert other not in left(store)


def test_a_turn_is_of_this_machine_alone(store: Store, tmp_path: Path) -> None:
    one, two = (machine(name, store, tmp_path) for name in ("one", "two"))
    with one.turn("study") as mine, two.turn("study") as theirs:
        assert mine
        assert theirs
        with one.turn("study", wait=False) as again:
            assert not again


def place(here: Claims) -> str:
    return claims._place(here._folder)
