"""How commands end: by signals, by a closed pipe, on a terminal that can't show everything."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from commands import begin, end

from harness import load_trials
from harness.__main__ import main

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
    process.communicate(timeout=120)  # as long as anyone holds its standard output
    assert not answers(port)


def test_run_is_ended_by_sigterm_with_a_line_and_its_run_is_marked(record: Path) -> None:
    process = begin("run", "none", "--set", "train.epochs=100000", "--set", "model.name=mlp")
    with sqlite3.connect(record / "mlflow.db", timeout=60) as connection:
        while not connection.execute("SELECT * FROM params").fetchall():
            assert process.poll() is None
            time.sleep(0.1)
        time.sleep(0.5)  # until the run is known to the command, not to the database alone
        assert connection.execute("SELECT status FROM runs").fetchall() == [("RUNNING",)]
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=120)
        assert process.returncode == 128 + signal.SIGTERM
        assert err.splitlines()[-1].startswith("harness: interrupted by SIGTERM; ")
        assert connection.execute("SELECT status FROM runs").fetchall() == [("FAILED",)]


@pytest.fixture
def closed_pipe() -> Iterator[int]:
    read, write = os.pipe()
    os.close(read)
    yield write
    os.close(write)


@pytest.mark.parametrize("words", [("strategies",), ("data", "--json")])
def test_a_pipe_that_is_closed_early_is_no_error(words: tuple[str, ...], closed_pipe: int) -> None:
    command = [sys.executable, "-m", "harness", *words]
    process = subprocess.run(command, stdout=closed_pipe, stderr=subprocess.PIPE, check=False)
    assert (process.returncode, process.stderr) == (0, b"")


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    "words", [("run", "none"), ("compare", "none", "focal_loss", "--seeds", "1", "--json")]
)
def test_nor_keeps_it_work_from_being_done(
    words: tuple[str, ...], closed_pipe: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = ("--set", "train.epochs=1", "--set", "model.name=mlp")
    monkeypatch.setattr(sys, "argv", ["harness", *words, *quick])
    monkeypatch.setattr(sys, "stdout", os.fdopen(os.dup(closed_pipe), "w"))
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert len(load_trials("digits")) == (1 if words[0] == "run" else 2)


@pytest.mark.parametrize(
    ("words", "status"), [("strategies", 0), ("data --json", 0), ("no-such-command", 2)]
)
def test_a_command_needs_no_standard_streams(words: str, status: int) -> None:
    shell = f"exec {sys.executable} -m harness {words} <&- >&- 2>&-"
    assert subprocess.run(["sh", "-c", shell], check=False).returncode == status


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
