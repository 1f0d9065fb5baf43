"""Servers on this machine that a benchmark or a test starts, kills and starts again."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from time import monotonic, sleep
from urllib.request import urlopen
from uuid import uuid4

SECONDS_TO_START = 120.0
KEEPER = (sys.executable, "-m", "harness.processes.keeper")


class NotInstalled(Exception):
    """What is needed to start a server is not installed: one line that says what."""


def free_port() -> int:
    """Return the number of a port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Database:
    """A PostgreSQL server, as Debian installs it; run by another user if this one is root."""

    folder: Path
    binaries: Path
    port: int

    @property
    def url(self) -> str:
        """The address of its first database, as libpq takes it."""
        return f"postgresql://me@127.0.0.1:{self.port}/postgres"

    def new(self, name: str) -> str:
        """Make another database in it; return its address, as SQLAlchemy takes it."""
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return f"postgresql+psycopg://me@127.0.0.1:{self.port}/{name}"

    def make(self) -> None:
        """Make its files."""
        self._run("initdb", "-U", "me", "-A", "trust")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        self._run("pg_ctl", "-w", "-o", options, "-l", str(self.folder / "log"), "start")

    def kill(self) -> None:
        """Stop it at once, whatever it is doing."""
        self._run("pg_ctl", "-w", "-m", "immediate", "stop")

    def _run(self, program: str, *words: str) -> None:
        become = ["runuser", "-u", "nobody", "--"] if os.geteuid() == 0 else []
        command = [*become, str(self.binaries / program), "-D", str(self.folder / "data"), *words]
        done = subprocess.run(command, capture_output=True, text=True, cwd="/", check=False)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)


@contextmanager
def database_server() -> Iterator[Database]:
    """Yield a new PostgreSQL server that runs; raises NotInstalled."""
    folders = [
        *Path("/usr/lib/postgresql").glob("*/bin"),
        Path(shutil.which("initdb") or "").parent,
    ]
    binaries = next((folder for folder in folders if (folder / "initdb").exists()), None)
    if binaries is None:
        raise NotInstalled("no PostgreSQL server is installed (apt install postgresql)")
    if find_spec("psycopg") is None:
        raise NotInstalled("no driver is installed (pip install 'imbalance-harness[postgresql]')")
    folder = Path("/tmp") / f"harness-postgresql-{uuid4().hex[:8]}"  # sockets need a short path
    folder.mkdir()
    folder.chmod(0o777)
    database = Database(folder, binaries, free_port())
    try:
        database.make()
        database.start()
        yield database
    finally:
        with suppress(RuntimeError):
            database.kill()
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class TrackingServer:
    """An MLflow server over a database, through which artifacts go as well.

    The database's address is as SQLAlchemy takes it.
    """

    database: str
    folder: Path
    port: int = field(default_factory=free_port)
    _process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it answers; it ends with this process, however that ends."""
        command = [
            *(sys.executable, "-m", "mlflow", "server", "--workers", "1"),
            *("--backend-store-uri", self.database),
            *("--artifacts-destination", str(self.folder / "artifacts"), "--serve-artifacts"),
            *("--host", "127.0.0.1", "--port", str(self.port)),
        ]
        environment = os.environ | {
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }
        environment.pop("MLFLOW_TRACKING_URI", None)
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*KEEPER, *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=environment,
                start_new_session=True,
            )
        until = monotonic() + SECONDS_TO_START
        while not self._answers():
            if self._process.poll() is not None or monotonic() > until:
                raise RuntimeError((self.folder / "log").read_text()[-2000:])
            sleep(0.1)

    def kill(self) -> None:
        """Kill it with -9, and all that it has started."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _answers(self) -> bool:
        try:
            with urlopen(f"{self.url}/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


@contextmanager
def tracking_server(database: str, folder: Path) -> Iterator[TrackingServer]:
    """Yield a new MLflow server that runs."""
    server = TrackingServer(database, folder)
    try:
        server.start()
        yield server
    finally:
        server.kill()
