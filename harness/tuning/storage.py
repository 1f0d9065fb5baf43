"""Where a study lives: any storage of Optuna's, opened by its URL or refused in one line.

A relational database gets a heartbeat, so that the trial of a worker that died on another machine
is taken over (Optuna 5.0, `RDBStorage`); this machine's dead processes are known without one.
"""

import warnings
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from filelock import FileLock
from optuna.exceptions import ExperimentalWarning
from optuna.storages import BaseStorage, GrpcStorageProxy, JournalStorage, RDBStorage, get_storage
from optuna.storages.journal import JournalFileBackend

from harness.errors import UserError
from harness.tracking.place import beside_the_record, without_password

JOURNAL, GRPC = "journal://", "grpc://"
SECONDS_TO_CONNECT = 10
HEARTBEAT_SECONDS = 15
GRACE_SECONDS = 60
DRIVERS = {"postgresql": "psycopg", "mysql": "pymysql", "mariadb": "pymysql"}
TRIES = 3


def default_url() -> str:
    """Return the database beside the record of trials."""
    return f"sqlite:///{beside_the_record() / 'optuna.db'}"


def shown(url: str) -> str:
    """Return a storage's URL without its password."""
    if url.startswith((JOURNAL, GRPC)):
        return url
    from sqlalchemy.engine import make_url

    return make_url(url).render_as_string(hide_password=True)


def open_storage(url: str) -> BaseStorage:
    """Open `sqlite:///…`, another database, `journal://path` or `grpc://host:port`.

    Raises:
        UserError: the URL can't be read, its driver is missing, or nothing answers there.

    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        if url.startswith(JOURNAL):
            return _journal(url)
        return _proxy(url) if url.startswith(GRPC) else _database(url)


def _journal(url: str) -> BaseStorage:
    path = Path(url.removeprefix(JOURNAL)).expanduser()
    if path.exists() and not path.is_file():
        raise UserError(f"--storage {url}: {path} is no file; give the path of a journal")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return JournalStorage(JournalFileBackend(str(path)))
    except OSError as error:
        raise UserError(f"--storage {url}: cannot open {path}: {error.strerror}") from error


def _proxy(url: str) -> BaseStorage:
    host, colon, port = url.removeprefix(GRPC).rpartition(":")
    if not (host and colon and port.isdecimal()):
        raise UserError(
            f"--storage {url}: write grpc://host:port, for instance grpc://localhost:13000"
        )
    proxy = GrpcStorageProxy(host=host, port=int(port))
    try:
        proxy.wait_server_ready(SECONDS_TO_CONNECT)
    except Exception as error:
        raise UserError(
            f"--storage {url}: nothing answers there; start Optuna's gRPC proxy or correct it"
        ) from error
    return proxy


def _database(url: str) -> BaseStorage:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise UserError(
            f"--storage {without_password(url)!r}: no storage URL; write sqlite:///path, "
            "postgresql://user@host/name, "
            "mysql://user@host/name, journal://path or grpc://host:port"
        ) from error
    backend, _, driver = parsed.drivername.partition("+")
    if not driver and (driver := DRIVERS.get(backend, "")):
        parsed = parsed.set(drivername=f"{backend}+{driver}")
    if driver and find_spec(driver) is None:
        raise UserError(
            f"--storage {shown(url)}: the driver {driver} is not installed; "
            f"install it with: pip install {driver}"
        )
    lock: AbstractContextManager[Any] = nullcontext()
    engine: dict[str, Any] = {"pool_pre_ping": True}
    if backend == "sqlite" and parsed.database:
        path = Path(parsed.database).resolve()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"--storage {shown(url)}: cannot make its folder: {error.strerror}"
            ) from error
        lock = FileLock(f"{path}.lock")
        engine = {"connect_args": {"timeout": 60}}
    elif backend in DRIVERS:
        engine["connect_args"] = {"connect_timeout": SECONDS_TO_CONNECT}
        if driver == "pymysql":
            engine["connect_args"] |= {"read_timeout": GRACE_SECONDS}
    with lock:
        return _connected(parsed.render_as_string(hide_password=False), engine)


def _connected(url: str, engine: dict[str, Any]) -> BaseStorage:
    """Connect, again if another process was making the tables at the same moment."""
    for attempt in range(TRIES):
        try:
            return get_storage(
                RDBStorage(
                    url,
                    engine_kwargs=engine,
                    heartbeat_interval=HEARTBEAT_SECONDS,
                    grace_period=GRACE_SECONDS,
                )
            )
        except Exception as error:  # SQLAlchemy, Optuna and the drivers each have their own
            kind = type(error).__name__
            racing = kind in ("IntegrityError", "ProgrammingError", "StorageInternalError")
            if racing and attempt + 1 < TRIES:
                continue
            reason = without_password(" ".join(str(error.__cause__ or error).split()))[:200]
            raise UserError(f"--storage {shown(url)}: cannot be opened: {reason}") from error
    raise AssertionError("every attempt returns or raises")
