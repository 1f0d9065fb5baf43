"""What is kept of a comparison, and which of several is read again."""

import shutil
from pathlib import Path

import pytest

from harness.comparison.keep import read
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
        store.comparison("0123", "digits")
    with pytest.raises(UserError, match="no comparison that has ended") as told:
        read("digits")
    assert "\n" not in str(told.value)
