"""What is kept of a comparison, and which of several is read again."""

import re
import shutil
import time
from pathlib import Path

import pytest

from harness.comparison.keep import find, read
from harness.errors import UserError
from harness.tracking.store import Store


@pytest.fixture(autouse=True)
def record(migrated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(migrated, tmp_path / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    return tmp_path


def test_experiment_that_is_not_recorded_is_one_line() -> None:
    Store.open("digits")
    with pytest.raises(UserError, match="digits") as told:
        read("digit")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("begun", [False, True])
def test_comparison_that_has_not_ended_is_one_line(begun: bool) -> None:
    store = Store.open("digits")
    if begun:
        store.comparison("0123", "a name", "digits")
    with pytest.raises(UserError, match="no comparison that has ended") as told:
        read("digits")
    assert "\n" not in str(told.value)


def ended(store: Store, digest: str, folder: Path) -> str:
    run_id = store.comparison(digest, f"comparison {digest}", "digits")
    folder.mkdir(exist_ok=True)
    store.end_comparison(run_id, f"comparison {digest}", {}, folder)
    return run_id


def test_the_one_that_ended_last_is_found_whatever_was_begun_or_interrupted_since(
    tmp_path: Path,
) -> None:
    store, folder = Store.open("digits"), tmp_path / "files"
    older, newer = ended(store, "aa11", folder), ended(store, "bb22", folder)
    assert find(store, "digits").run_id == newer
    assert ended(store, "aa11", folder) == older  # run again, though begun first
    assert find(store, "digits").run_id == older
    interrupted = store.comparison("cc33", "", "digits")
    store.fail(interrupted, "interrupted")
    assert find(store, "digits").run_id == older
    store.fail(store.comparison("aa11", "", "digits"), "interrupted")  # the very same, resumed
    assert find(store, "digits").run_id == older
    assert find(store, "digits", "bb").run_id == newer
    assert find(store, "digits", newer).run_id == newer


def test_when_it_ended_is_recorded_to_the_microsecond(tmp_path: Path) -> None:
    store = Store.open("digits")
    tag = store.run(ended(store, "aa11", tmp_path / "files")).tags["comparison_ended"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", tag)


def test_a_record_from_before_the_end_was_a_tag_still_works(tmp_path: Path) -> None:
    store = Store.open("digits")
    (empty := tmp_path / "empty").mkdir()
    runs = [store.start(name, {"comparison": name}, {}) for name in ("aa11", "bb22", "cc33")]
    for run_id in reversed(runs[:2]):
        store.close(run_id, {}, empty, "")
        time.sleep(0.01)
    store.fail(runs[2], "interrupted")
    assert find(store, "digits").run_id == runs[0]
    newer = ended(store, "dd44", tmp_path / "files")
    assert find(store, "digits").run_id == newer


@pytest.mark.parametrize("wanted", ["ff", "", "a"])
def test_an_unknown_or_ambiguous_one_is_a_line_with_those_there_are(
    wanted: str, tmp_path: Path
) -> None:
    store = Store.open("digits")
    for digest in ("aa11223344", "ab11223344"):
        ended(store, digest, tmp_path / "files")
    with pytest.raises(UserError, match=r"ab112233 is comparison ab11.*; aa112233 is") as caught:
        find(store, "digits", wanted)
    assert "\n" not in str(caught.value)
