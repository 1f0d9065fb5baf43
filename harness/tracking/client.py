"""The client of the record: waits for what is busy or away, and says in one line what is gone."""

import logging
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from time import monotonic, sleep
from typing import Any
from uuid import uuid4

from filelock import FileLock

from harness.errors import RecordAway, RecordLost, UserError
from harness.tracking import away
from harness.tracking.database import prepare
from harness.tracking.place import claims_folder, database_of, is_served, without_password

SECONDS_TO_WAIT = 60.0
SECONDS_BETWEEN_TRIES = 0.2
SECONDS_TO_CONNECT = 10
TRIES_TO_OPEN = 3
BUSY = re.compile(
    "database is locked"
    "|UNIQUE constraint failed|duplicate key value|Duplicate entry"  # another made the same now
)
AUTOFLUSH = re.compile(r"\(raised as a result of [^)]*\)")
GONE = ("INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "BAD_REQUEST")
TOKEN = "token"
"""A tag by which a run is found that was made, though the answer to that was lost."""

DEFAULTS = {
    # MLflow's own seven retries, ever further apart, and two minutes for each keep a wrong address
    # silent for a quarter of an hour, and make a run once more where only the answer was lost.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "PGCONNECT_TIMEOUT": str(SECONDS_TO_CONNECT),
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


class PatientClient:
    """MLflow's client, whose calls are repeated while the database is locked or the store away.

    What can't be mended by waiting raises RecordLost, and RecordAway where the store did not come
    back in time. With `waits` false, an absence is not waited for. A call may arrive twice:
    for all but two of MLflow's that is as once; a run is made once here too, and
    `create_model_version` is not repeated.
    """

    def __init__(self, client: Any, uri: str, waits: bool = True) -> None:
        self._client, self._uri, self._waits = client, uri, waits

    def __getattr__(self, name: str) -> Any:
        waits = self._waits and name != "create_model_version"
        return _patient(getattr(self._client, name), self._uri, waits)

    @property
    def hasty(self) -> "PatientClient":
        """The same client, for what is better left than waited for."""
        return PatientClient(self._client, self._uri, waits=False)

    def create_run(self, experiment_id: str, tags: dict[str, str], run_name: str) -> Any:
        """Make a run, once, however often that has to be tried; return it."""
        if not is_served(self._uri):
            create = _patient(self._client.create_run, self._uri)
            return create(experiment_id, tags=tags, run_name=run_name)
        token, tries = uuid4().hex, 0

        def attempt() -> Any:
            nonlocal tries
            tries += 1
            if tries > 1:
                made = self._client.search_runs([experiment_id], f"tags.{TOKEN} = '{token}'")
                if made:
                    return made[0]
            marked = tags | {TOKEN: token}
            return self._client.create_run(experiment_id, tags=marked, run_name=run_name)

        return _patient(attempt, self._uri, self._waits)()


def connect(uri: str, known: bool = False) -> PatientClient:
    """Return a client of the record, whose tables are made if missing; for `reached` to guard.

    A store that is `known` to be there, as the command that this process works for has reached it,
    is waited for from the beginning.
    """
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    if known:
        _contacts[uri].known = True
    if (database := database_of(uri)) is not None:
        prepare(database)
    elif "://" in uri and not uri.startswith("http"):
        client: PatientClient = _patient(_of_server, uri)(uri)
        return client
    return _client(uri)


def stop_waiting() -> None:
    """Wait for no store that is away, in whichever thread, until it has answered again.

    After Ctrl-C nobody is to sit through an absence.
    """
    for contact in _contacts.values():
        contact.known = False


@contextmanager
def reached(uri: str) -> Iterator[None]:
    """Turn whatever keeps the record from being opened into one line."""
    with _quiet():
        try:
            yield
        except UserError:
            raise
        except Exception as error:  # MLflow, SQLAlchemy and the file system each have their own
            if isinstance(error, RecordAway) and _contacts[uri].known:
                raise
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


_contacts: defaultdict[str, away.Contact] = defaultdict(away.Contact)


def _patient(method: Callable[..., Any], uri: str, waits: bool = True) -> Callable[..., Any]:
    @wraps(method)
    def call(*words: Any, **options: Any) -> Any:
        pauses, until = away.pauses(), monotonic() + SECONDS_TO_WAIT
        while True:
            try:
                answer = method(*words, **options)
            except KeyboardInterrupt:
                stop_waiting()
                raise
            except RecordLost:  # of a call within this one
                raise
            except Exception as error:  # MLflow, SQLAlchemy, the file system each have their own
                if _is_busy(error) and monotonic() < until:
                    sleep(SECONDS_BETWEEN_TRIES)
                elif is_served(uri) and away.is_away(error):
                    if not (_contacts[uri].is_worth_waiting() and waits):
                        raise _lost(RecordAway, uri, error) from error
                    sleep(next(pauses))
                elif isinstance(error, OSError) or getattr(error, "error_code", "") in GONE:
                    raise _lost(RecordLost, uri, error) from error
                else:
                    _contacts[uri].answered()
                    raise
            else:
                _contacts[uri].answered()
                return answer

    return call


def _is_busy(error: Exception) -> bool:
    """Tell whether a call may succeed in a moment; what exists under a name goes on to exist."""
    exists = getattr(error, "error_code", "") == "RESOURCE_ALREADY_EXISTS"
    return not exists and bool(BUSY.search(str(error)))


def _lost(kind: type[RecordLost], uri: str, error: Exception) -> RecordLost:
    what = "is away" if kind is RecordAway else "fails"
    return kind(f"the record at {without_password(uri)} {what}: {_short(error)}")


def _short(error: Exception) -> str:
    """Return what an exception says in one short line, without SQL, parameters or passwords."""
    text = AUTOFLUSH.sub("", str(error)).split("[SQL:")[0].split("(Background on")[0]
    _, cause, inner = text.rpartition("(Caused by ")
    if cause:  # of urllib3: what was tried, and in the end what came of it
        text = re.split(r": |\(['\"]", inner)[-1].rstrip("'\")")
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
