import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from refusals import holds, refusal


@pytest.fixture(scope="session")
def record(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """One store for all: making one takes seconds."""
    folder = tmp_path_factory.mktemp("record")
    shutil.copy(migrated, folder / "mlflow.db")
    return f"sqlite:///{folder}/mlflow.db"


@pytest.fixture(autouse=True)
def _apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record: str) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", record)
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def refuses(capsys: pytest.CaptureFixture[str]) -> Callable[..., None]:
    """Check that a command is refused in one line, which has all the words of a text."""

    def check(arguments: list[str], words: str) -> None:
        holds(refusal(capsys, *arguments), *words.split(" & "))

    return check
