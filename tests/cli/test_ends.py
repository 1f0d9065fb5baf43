"""How commands end: by signals, by a closed pipe, on a terminal that can't show everything."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from commands import begin, end

pytestmark = pytest.mark.usefixtures("record")


def answers(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
            return True
    except (URLError, OSError):
        return False


def test_the_ui_ends_with_its_command_even_if_that_is_killed() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = begin("ui", "--port", str(port))
    while not answers(port):
        assert process.poll() is None
        time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)  # as long as anyone holds its standard output
    assert not answers(port)


def test_run_is_ended_by_sigterm_with_a_line_and_its_run_is_marked(record: Path) -> None:
    process = begin("run", "none", "--set", "train.epochs=100000", "--set", "model.name=mlp")
    with sqlite3.connect(record / "mlflow.db", timeout=60) as connection:
        while not (rows := connection.execute("SELECT status FROM runs").fetchall()):
            assert process.poll() is None
            time.sleep(0.1)
        assert rows == [("RUNNING",)]
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 128 + signal.SIGTERM
        assert err.splitlines()[-1].startswith("harness: interrupted by SIGTERM; ")
        assert connection.execute("SELECT status FROM runs").fetchall() == [("FAILED",)]


def test_a_pipe_that_is_closed_early_is_no_error() -> None:
    command = [sys.executable, "-m", "harness", "strategies"]
    read, write = os.pipe()
    os.close(read)
    process = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert (process.returncode, process.stderr) == (0, b"")


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_what_a_terminal_cannot_show_is_replaced(
    encoding: str, record: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    (record / "plugin.py").write_text(
        "import harness\nclass Odd(harness.Strategy):\n"
        '    """Does \u65e5\u672c \u2192 nothing."""\n'
        "    def plan(self, base, rng):\n        return base\n",
        "utf-8",
    )
    assert "nothing" in end(begin("strategies", "odd", "--plugin", "plugin.py"))


def test_the_version_is_told() -> None:
    assert end(begin("--version")).startswith("harness ")
