import gc
import multiprocessing
import os
import shutil
import signal
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from multiprocessing import spawn
from multiprocessing.popen_fork import Popen
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from hypothesis import settings
from preloaded import kill_what_runs, python, wait_for_no_disk
from quick import Quick
from undrawn import undrawn

from harness.tracking.store import Store
from harness.training.threads import OF_OPERATIONS, VARIABLE

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
from servers import Database, NotInstalled, database_server

# What a shell's background job or nohup ignores, every command that a test starts would ignore too.
for number in (signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.default_int_handler)
# One number of threads for all experiments that this process tries.
os.environ[VARIABLE] = os.environ[OF_OPERATIONS] = "1"
os.environ["OMP_NUM_THREADS"] = "1"  # several of scikit-learn's spin while another test computes
wait_for_no_disk()

# A machine that is busy with something else fails no test; each run draws other examples.
settings.register_profile("patient", deadline=None, max_examples=50)
settings.load_profile("patient")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="no framework, process or database")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("quick"):
        config.pluginmanager.register(Quick())
        settings.register_profile("quick", deadline=None, max_examples=15)
        settings.load_profile("quick")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, Any, Any]:
    """Search no garbage while modules load, nor later among what they hold."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
        gc.callbacks.append(LongSearches())


class LongSearches:
    """Lets garbage be searched no more among what a long search has found in use."""

    def __init__(self) -> None:
        self._began = 0.0

    def __call__(self, phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            self._began = time.perf_counter()
        elif time.perf_counter() - self._began > 0.1:
            gc.freeze()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty record, its tables made once for all processes of a run."""
    base = tmp_path_factory.getbasetemp()
    path = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "record" / "mlflow.db"
    path.parent.mkdir(exist_ok=True)
    made = path.with_name("made")
    with FileLock(path.with_name("lock")), pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{path}")
        if not made.exists():
            Store.open("template")
            made.touch()
    return path


@pytest.fixture
def record(migrated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an empty record that is the test's alone, which is also the current folder."""
    shutil.copy(migrated, tmp_path / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def preloaded_workers() -> Iterator[None]:
    """Have workers forked that have loaded the heavy libraries, which takes seconds for each."""
    usual, send_signal = spawn.get_executable(), Popen._send_signal
    multiprocessing.set_executable(python())
    kill_what_runs(Path(python()))
    yield
    multiprocessing.set_executable(usual)
    Popen._send_signal = send_signal


@pytest.fixture(scope="session")
def database() -> Iterator[Database]:
    """A PostgreSQL server that runs."""
    with ExitStack() as stack:
        try:
            running = stack.enter_context(database_server())
        except NotInstalled as error:
            pytest.skip(str(error))
        yield running


@pytest.fixture(name="undrawn")
def _undrawn() -> Iterator[None]:
    with undrawn():
        yield


@pytest.fixture
def undrawn_but_for_pages() -> Iterator[None]:
    with undrawn(pages=True):
        yield
