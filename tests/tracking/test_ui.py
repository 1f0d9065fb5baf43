"""`harness ui` starts one server on this machine alone, and nothing besides."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from harness.tracking.ui import serve


class Process:
    """Stands for the server's process, of which it keeps how it was started."""

    def __init__(self, command: list[str], env: dict[str, str], **options: Any) -> None:
        self.started = (command, env, options)

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def wait(self) -> int:
        return 0


def test_its_record_is_told_by_the_environment_and_only_a_local_server_is_started(
    record: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Process] = []

    def start(*words: Any, **options: Any) -> Process:
        started.append(Process(*words, **options))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", start)
    assert serve(5099) == 0
    ((command, environment, options),) = (each.started for each in started)
    assert options["start_new_session"]
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert command[command.index("--workers") + 1] == "1"
    assert not any("mlflow.db" in word for word in command)
    assert environment["MLFLOW_BACKEND_STORE_URI"] == f"sqlite:///{record / 'mlflow.db'}"
    assert environment["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
