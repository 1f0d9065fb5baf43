"""The SQLite database of a record: made whole or not at all, and at home wherever it was moved."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from filelock import FileLock

from harness.errors import UserError
from harness.tracking.place import artifacts_folder, local_folder

SECONDS_TO_WAIT = 60


def prepare(database: Path) -> None:
    """Make the database unless it is there, and point it at the artifacts beside it.

    Several processes may do so at once. One that is killed meanwhile leaves nothing that stands in
    the way of the next.

    Raises:
        UserError: what stands there is no database, or another program's.

    """
    if database.exists() and not database.is_file():
        raise UserError(f"{database} is no file; give the path of a database")
    database.parent.mkdir(parents=True, exist_ok=True)
    with _alone(database):
        if not database.exists() or _holds_nothing(database):
            _make(database)
        elif os.access(database, os.W_OK):
            _follow(database)


@contextmanager
def _alone(database: Path) -> Iterator[None]:
    """Hold the database's lock; a place that can't be written to needs none."""
    lock = FileLock(f"{database}.lock")
    try:
        lock.acquire()
    except OSError:
        if not database.exists():
            raise
    try:
        yield
    finally:
        lock.release()


def _make(database: Path) -> None:
    """Have MLflow make its tables aside, which takes it seconds, and move them into place."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    aside = database.with_name(f".{database.name}.new")
    aside.unlink(missing_ok=True)
    store = SqlAlchemyStore(f"sqlite:///{aside}", artifacts_folder(database).as_uri())
    store.engine.dispose()
    aside.replace(database)


def _holds_nothing(database: Path) -> bool:
    """Tell whether a database is empty or was left half made: it has MLflow's tables, if any."""
    from mlflow.store.db.base_sql_model import Base

    with closing(_connected(database)) as connection:
        query = "SELECT name FROM sqlite_master WHERE type = 'table'"
        tables = {name for (name,) in connection.execute(query)} - {"sqlite_sequence"}
        if "experiments" in tables:
            return connection.execute("SELECT 1 FROM experiments LIMIT 1").fetchone() is None
    if tables <= {*Base.metadata.tables, "alembic_version"}:
        return True
    raise UserError(f"{database} is a database of another program; give another path")


def _follow(database: Path) -> None:
    """Write down where artifacts are, where the database and they have moved or were copied.

    An experiment has moved if files of its runs lie beside the database, or it has none and its
    folder is gone. One whose artifacts its user keeps elsewhere stays as it is.
    """
    home = artifacts_folder(database)
    with closing(_connected(database)) as connection, connection:
        rows = connection.execute("SELECT experiment_id, artifact_location FROM experiments")
        for experiment, location in rows.fetchall():
            folder = local_folder(location or "")
            if folder is None or folder == home or folder.name != home.name:
                continue
            runs = "SELECT run_uuid FROM runs WHERE experiment_id = ?"
            names = [name for (name,) in connection.execute(runs, (experiment,))]
            if any((home / name).is_dir() for name in names) or not (names or folder.exists()):
                _move(connection, experiment, location, home.as_uri())


def _move(connection: sqlite3.Connection, experiment: int, old: str, new: str) -> None:
    connection.execute(
        "UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?", (new, experiment)
    )
    connection.execute(
        "UPDATE runs SET artifact_uri = ? || substr(artifact_uri, ?) "
        "WHERE experiment_id = ? AND substr(artifact_uri, 1, ?) = ?",
        (new, len(old) + 1, experiment, len(old), old),
    )


def _connected(database: Path) -> sqlite3.Connection:
    return sqlite3.connect(database, timeout=SECONDS_TO_WAIT)
