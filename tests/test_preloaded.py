"""What is run by a preloaded Python has what its caller has, and ends as its caller sees it end."""

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from preloaded import NOT_LOADED, pass_on, python

SHOWS = """
import os, sys
print(sys.argv[1:], os.environ["MINE"], os.getcwd(), sys.stdin.read())
print("and this", file=sys.stderr)
os.write(int(sys.argv[1]), b"through a pipe")
"""


def test_arguments_environment_folder_and_files_are_the_callers(tmp_path: Path) -> None:
    read, write = os.pipe()
    done = subprocess.run(
        [python(), "-c", SHOWS, str(write)],
        input="read",
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={"MINE": "a value"},
        pass_fds=[write],
    )
    os.close(write)
    assert done.stdout == f"['{write}'] a value {tmp_path} read\n"
    assert done.stderr == "and this\n"
    with os.fdopen(read) as pipe:
        assert pipe.read() == "through a pipe"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("", 0),
        ("raise SystemExit(3)", 3),
        ("raise SystemExit('a reason')", 1),
        ("1 / 0", 1),
        ("import os; os.kill(os.getpid(), 9)", -9),
    ],
)
def test_it_ends_alike(code: str, status: int) -> None:
    done = subprocess.run([python(), "-c", code], stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == status
    assert ("a reason" in done.stderr) == ("a reason" in code)
    assert ("ZeroDivisionError" in done.stderr) == ("1 / 0" in code)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_reach_it(number: signal.Signals) -> None:
    code = "import signal, sys, time\nfor n in 2, 15: signal.signal(n, lambda n, _: sys.exit(n))\n"
    code += "print('ready', flush=True)\nwhile True: time.sleep(0.05)"
    with subprocess.Popen([python(), "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
    assert process.returncode == number


def test_a_signal_that_comes_too_late_is_no_error() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    pass_on(process.pid, signal.SIGTERM)


def test_a_package_is_imported_anew_when_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "keras.py").write_text("print('another one')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv(NOT_LOADED, "keras")
    assert subprocess.check_output([python(), "-c", "import keras"]) == b"another one\n"


def test_it_ends_with_its_caller() -> None:
    code = "import time\nprint('ready', flush=True)\ntime.sleep(600)"
    process = subprocess.Popen([python(), "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.kill()
    assert process.stdout.read() == b""
    process.communicate()


def test_what_multiprocessing_has_killed_is_no_more_once_it_is_joined(
    preloaded_workers: None, tmp_path: Path
) -> None:
    path = tmp_path / "runs"
    process = multiprocessing.get_context("spawn").Process(target=stay, args=(path,))
    process.start()
    while not (path.exists() and path.read_text()):
        assert process.is_alive()
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    with pytest.raises(ProcessLookupError):
        os.kill(int(path.read_text()), 0)


def stay(path: Path) -> None:
    path.write_text(str(os.getpid()))
    while True:
        signal.pause()
