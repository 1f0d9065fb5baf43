"""The client of the record: it waits for what is busy, and says in one line what is gone."""

import logging
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from time import monotonic, sleep
from typing import Any

from filelock import FileLock

from harness.errors import RecordLost, UserError
from harness.tracking.database import prepare
from harness.tracking.place import claims_folder, database_of, without_password

SECONDS_TO_WAIT = 60.0
SECONDS_BETWEEN_TRIES = 0.2
SECONDS_TO_CONNECT = 10
TRIES_TO_OPEN = 3
BUSY = "database is locked"
AUTOFLUSH = re.compile(r"\(raised as a result of [^)]*\)")
GONE = ("INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "BAD_REQUEST")
DEFAULTS = {
    # MLflow's own seven retries, ever further apart, and two minutes for each keep a wrong address
    # silent for a quarter of an hour.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "PGCONNECT_TIMEOUT": str(SECONDS_TO_CONNECT),
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


class PatientClient:
    """MLflow's client, each of whose calls is repeated while the database is locked by another.

    What can't be mended by waiting raises RecordLost.
    """

    def __init__(self, client: Any, uri: str) -> None:
        self._client, self._uri = client, uri

    def __getattr__(self, name: str) -> Any:
        return _patient(getattr(self._client, name), self._uri)


def connect(uri: str) -> PatientClient:
    """Return a client of the record, whose tables are made if missing; for `reached` to guard."""
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    if (database := database_of(uri)) is not None:
        prepare(database)
    elif "://" in uri and not uri.startswith("http"):
        return _of_server(uri)
    return _client(uri)


@contextmanager
def reached(uri: str) -> Iterator[None]:
    """Turn whatever keeps the record from being opened into one line."""
    with _quiet():
        try:
            yield
        except UserError:
            raise
        except Exception as error:  # MLflow, SQLAlchemy and the file system each have their own
            raise UserError(
                f"the record at {without_password(uri)} can't be opened: {_short(error)}; set "
                "MLFLOW_TRACKING_URI to a reachable store, or unset it for the default one"
            ) from error


def _client(uri: str) -> PatientClient:
    from mlflow import MlflowClient

    return PatientClient(MlflowClient(tracking_uri=uri), uri)


def _of_server(uri: str) -> PatientClient:
    """Return a client of a database server; who comes first makes the tables, one at a time.

    Processes of other machines may be as fast, so what a race breaks is tried again.
    """
    _answers(uri)
    claims = claims_folder(uri)
    claims.mkdir(parents=True, exist_ok=True)
    with FileLock(claims / "opening.lock"):
        for attempt in range(TRIES_TO_OPEN):
            try:
                client = _client(uri)
                client.get_experiment("0")
                return client
            except Exception:  # whichever of MLflow, Alembic and the driver met the other process
                if attempt + 1 == TRIES_TO_OPEN:
                    raise
                sleep(1)
    raise AssertionError("every attempt returns or raises")


def _answers(uri: str) -> None:
    """Ask a database server for a connection once, as MLflow would for minutes."""
    from sqlalchemy import create_engine

    options: dict[str, Any] = {"connect_timeout": SECONDS_TO_CONNECT}
    if uri.startswith(("mysql", "mariadb")):
        options["read_timeout"] = SECONDS_TO_CONNECT
    elif not uri.startswith("postgres"):
        options = {}
    engine = create_engine(uri, connect_args=options)
    engine.connect().close()
    engine.dispose()


def _patient(method: Callable[..., Any], uri: str) -> Callable[..., Any]:
    @wraps(method)
    def call(*words: Any, **options: Any) -> Any:
        until = monotonic() + SECONDS_TO_WAIT
        while True:
            try:
                return method(*words, **options)
            except Exception as error:  # MLflow, SQLAlchemy, the file system each have their own
                if BUSY in str(error) and monotonic() < until:
                    sleep(SECONDS_BETWEEN_TRIES)
                elif isinstance(error, OSError) or getattr(error, "error_code", "") in GONE:
                    where = without_password(uri)
                    raise RecordLost(f"the record at {where} fails: {_short(error)}") from error
                else:
                    raise

    return call


def _short(error: Exception) -> str:
    """Return what an exception says in one short line, without SQL, parameters or passwords."""
    text = AUTOFLUSH.sub("", str(error)).split("[SQL:")[0].split("(Background on")[0]
    return without_password(" ".join(text.split())[:200].strip()) or type(error).__name__


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the database's migrations from being told line by line, and MLflow silent after."""
    previous = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(previous)
        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
