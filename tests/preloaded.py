"""A Python that has the heavy libraries loaded: it forks a process where another Python starts one.

`python()` stands for `sys.executable`. What it is asked to run, `-m MODULE` or `-c CODE`, runs in a
process of its own with the caller's arguments, environment, current directory and open files, gets
the caller's signals and ends like it. Only how Python starts isn't tried that way: a test of that,
and of what must be the same in any process, takes `sys.executable`.
"""

import atexit
import contextlib
import fcntl
import functools
import gc
import importlib
import json
import multiprocessing
import os
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import types
from multiprocessing.popen_fork import Popen
from pathlib import Path
from typing import Any, NoReturn

HEAVY = (
    *("tensorflow", "keras", "mlflow.store.tracking.sqlalchemy_store", "optuna", "sklearn.metrics"),
    *("matplotlib.backends.backend_agg", "statsmodels.api", "alembic.command", "pytest"),
    *(
        "imblearn",
        "harness.cli.running",
        "harness.cli.comparing",
        "harness.cli.tuning",
        "harness.cli.exporting",
        "harness.report.publish",
        "harness.trial.fingerprint",
        "undrawn",
    ),
)
SESSION = "harness.training.framework"
"""What starts a session of TensorFlow's: a process that has one can't be forked."""

HASHES = {"PYTHONHASHSEED": "1"}
"""How texts hash in all that is run: a caller that asks for it needs no Python of its own."""
NOT_LOADED = "HARNESS_TESTS_NOT_LOADED"
"""What a test wants to be imported anew, as from another place: the name of a package."""

READ_AT_START = {"PYTHONWARNINGS", "PYTHONHASHSEED", "PYTHONIOENCODING", "PYTHONUTF8"}
PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STREAMS = ((0, "r", "strict"), (1, "w", "strict"), (2, "w", "backslashreplace"))
HIGH = 512
"""From here on files are kept while they move to the numbers that they have in the caller."""


@functools.cache
def python() -> str:
    """Return the program that asks a server, which all processes of a run of tests share.

    The first one starts it; it ends with the process that the run began with.
    """
    if sys.platform != "linux":
        return sys.executable
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    owner = os.getppid() if run else os.getpid()
    folder = Path(tempfile.gettempdir(), f"preloaded-{run}") if run else Path(tempfile.mkdtemp())
    folder.mkdir(mode=0o700, exist_ok=True)
    program = folder / "python"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            _start(folder, owner, program)
    return str(program)


def _start(folder: Path, owner: int, program: Path) -> None:
    """Start the server, and write the program once it can be asked."""
    address = folder / "socket"
    words = [sys.executable, __file__, "serve", str(address), str(owner), str(program)]
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE}
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(words, stderr=log, env=os.environ | HASHES, **streams)
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n", (folder / "log").read_text()
    made = folder / "program"
    made.write_text(f'#!/bin/sh\nexec "{sys.executable}" -IS "{__file__}" ask "{address}" "$@"\n')
    made.chmod(0o755)
    made.rename(program)


def wait_for_no_disk() -> None:
    """Have SQLite write without waiting for the disk: what is killed still leaves all it wrote."""
    import sqlite3

    from sqlalchemy import Engine, event

    def quicken(connection: Any, _: Any) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous = OFF")

    event.listen(Engine, "connect", quicken)


def kill_what_runs(program: Path) -> None:
    """Let `Process.kill` reach what runs, not what asked for it: joined, it is no more."""
    usual = Popen._send_signal

    def send(process: Popen, number: int) -> None:
        if number == signal.SIGKILL:
            with contextlib.suppress(OSError, ValueError):
                os.kill(int(_run_for(program.parent, process.pid).read_text()), number)
                return
        usual(process, number)

    Popen._send_signal = send


def _run_for(folder: Path, process: int) -> Path:
    """Where a process that asks writes down which one runs for it."""
    return folder / str(process)


def ask(address: str, arguments: list[str]) -> NoReturn:
    """Have something run, pass signals on to it, and end as it does."""
    if arguments[0] == "-B":
        del arguments[0]
    read = {key: value for key, value in os.environ.items() if key in READ_AT_START}
    if arguments[0] not in ("-c", "-m") or read not in ({}, HASHES):
        os.execv(sys.executable, [sys.executable, *arguments])
    files = _open_files()
    request = {
        "arguments": arguments,
        "environment": dict(os.environ),
        "folder": str(Path.cwd()),
        "files": files,
        "blocked": [*signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)],
    }
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(address)
        text = json.dumps(request).encode()
        socket.send_fds(server, [len(text).to_bytes(8, "big")], files)
        server.sendall(text)
        process = _number(server)
        noted = _run_for(Path(address).parent, os.getpid())
        noted.write_text(str(process))
        woken, wakes = os.pipe()  # by a signal that comes just before it is waited for as well
        os.set_blocking(wakes, False)
        signal.set_wakeup_fd(wakes)
        for each in PASSED_ON:
            signal.signal(each, lambda number, _: pass_on(process, number))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
        while select.select([server, woken], [], [])[0] == [woken]:
            os.read(woken, 1)
        status = _number(server)
    noted.unlink(missing_ok=True)
    if status < 0:
        with contextlib.suppress(OSError):  # of SIGKILL there is nothing to be set
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


def pass_on(process: int, number: int) -> None:
    """Send a signal to what runs, unless it has just ended."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, number)


def serve(address: str, owner: str, program: str) -> None:
    """Fork for each request until the owner ends."""
    end = os.pidfd_open(int(owner))
    for name in HEAVY:
        importlib.import_module(name)
    wait_for_no_disk()
    sys.modules["harness.trial.fingerprint"].engine_code()  # half a second for each process
    assert SESSION not in sys.modules
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        print("ready", flush=True)
        while select.select([end, listener], [], [])[0] == [listener]:
            caller, _ = listener.accept()
            if not os.fork():
                break
            caller.close()
            _reap()
        else:
            shutil.rmtree(Path(address).parent)
            return
    _answer(caller, program)


def _reap() -> None:
    """Let those rest that have ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _answer(caller: socket.socket, program: str) -> None:
    """In a process of its own: fork once more to run what is asked for, and report its end."""
    length, files, _, _ = socket.recv_fds(caller, 8, HIGH)
    request = json.loads(_exactly(caller, int.from_bytes(length, "big")))
    process = os.fork()
    if not process:
        _become(request, files)
        try:
            _run(request["arguments"], program)
        except SystemExit as end:
            _end(end.code)
        _end(None)
    for file in files:
        os.close(file)
    with contextlib.suppress(OSError):  # the caller may be killed already
        caller.sendall(process.to_bytes(8, "big", signed=True))
    end = os.pidfd_open(process)
    if end not in select.select([end, caller], [], [])[0]:
        os.kill(process, signal.SIGKILL)  # as the caller was
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    with contextlib.suppress(OSError):
        caller.sendall(status.to_bytes(8, "big", signed=True))
    os._exit(0)


def _become(request: dict[str, Any], files: list[int]) -> None:
    """Let this process have what the caller has."""
    numbers = request["files"]
    moved = [fcntl.fcntl(file, fcntl.F_DUPFD, HIGH) for file in files]
    os.closerange(0, HIGH)
    for file, number in zip(moved, numbers, strict=True):
        os.dup2(file, number)
        os.close(file)
    sys.stdin, sys.stdout, sys.stderr = (
        os.fdopen(number, mode, 1, errors=errors, closefd=False) if number in numbers else None
        for number, mode, errors in STREAMS
    )
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, request["blocked"])


def _run(arguments: list[str], program: str) -> None:
    """Run what follows the name of a Python on a command line."""
    multiprocessing.set_executable(program)
    kill_what_runs(Path(program))
    kind, what, *words = arguments
    sys.argv = [kind, *words]
    added = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[0:1] = [str(Path.cwd()), *filter(None, added)]
    if package := os.environ.get(NOT_LOADED):
        for name in [each for each in sys.modules if each.split(".")[0] == package]:
            del sys.modules[name]
    undrawn = sys.modules["undrawn"]
    undrawn.draw_less(undrawn.pytest.MonkeyPatch())
    if kind == "-m":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        sys.modules["__main__"] = types.ModuleType("__main__")
        exec(what, vars(sys.modules["__main__"]))


def _end(code: str | int | None) -> NoReturn:
    """End as Python does, but leave the memory to the system, which takes no time."""
    if isinstance(code, str):
        print(code, file=sys.stderr)
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
    os._exit(1 if isinstance(code, str) else code or 0)


def _open_files() -> list[int]:
    """Return the numbers of what this process has open."""
    listed = [*Path("/proc/self/fd").iterdir()]
    return [int(path.name) for path in listed if path.exists()]


def _number(connection: socket.socket) -> int:
    return int.from_bytes(_exactly(connection, 8), "big", signed=True)


def _exactly(connection: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        part = connection.recv(length - len(data))
        if not part:
            sys.exit("the server of preloaded processes has ended")
        data += part
    return data


if __name__ == "__main__":
    {"ask": lambda address, *words: ask(address, [*words]), "serve": serve}[sys.argv[1]](
        *sys.argv[2:]
    )
