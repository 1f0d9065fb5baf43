"""Where things lie: the record, and beside it the folders of artifacts, claims and reports."""

import hashlib
import os
import re
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from harness.data.cache import cache_directory

SQLITE, DATABASE = "sqlite:///", "mlflow.db"
PASSWORD = re.compile(r"(?<=://)([^\s/@:]*):[^\s@]*@")
QUERY_PASSWORD = re.compile(r"\b((?:password|passwd|pwd|token)=)[^\s&]+", re.IGNORECASE)


def records() -> Path:
    """Return the folder of the record, made if missing: `mlruns` in the checkout, else here."""
    checkout = Path(__file__).resolve().parents[2]
    in_checkout = (checkout / "pyproject.toml").is_file() and (checkout / "configs").is_dir()
    folder = (checkout if in_checkout else Path.cwd()) / "mlruns"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def tracking_uri() -> str:
    """Return where MLflow records: MLFLOW_TRACKING_URI, or the database in `records()`."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"{SQLITE}{records() / DATABASE}"


def shown_uri() -> str:
    """Return where MLflow records, as it may be shown."""
    return without_password(tracking_uri())


def without_password(text: str) -> str:
    """Return a text in which no address shows a password."""
    return QUERY_PASSWORD.sub(r"\1***", PASSWORD.sub(r"\1:***@", text))


def is_read_only(uri: str) -> bool:
    """Tell whether a record can be read but not written to."""
    database = database_of(uri)
    if database is None or not database.exists():
        return False
    return not (os.access(database, os.W_OK) and os.access(database.parent, os.W_OK))


def is_served(uri: str) -> bool:
    """Tell whether a record is behind a server, which may be on another machine and be away."""
    return "://" in uri and not uri.startswith((SQLITE, "file:"))


def beside_the_record() -> Path:
    """Return the folder of the record's database, or that of the files beside a server."""
    database = database_of(tracking_uri())
    return records() if database is None else database.parent


def artifacts_folder(database: Path | None) -> Path:
    """Return the folder of artifacts: beside an SQLite database, else in `records()`."""
    return (records() if database is None else database.parent) / "artifacts"


def reports_folder() -> Path:
    """Return the folder of reports, made if missing: beside the record, and no other record's.

    Those of a record that can only be read are written to the current directory.
    """
    uri = tracking_uri()
    database = database_of(uri)
    if is_read_only(uri):
        return Path.cwd()
    if database is None:
        folder = records() / "reports" / _digest(uri)
    else:
        name = "reports" if database.name == DATABASE else f"reports-{database.stem}"
        folder = database.parent / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def claims_folder(uri: str) -> Path:
    """Return the folder of claims: beside the database, or with this machine's other caches."""
    database = database_of(uri)
    if database is not None:
        return database.parent / "claims"
    return cache_directory() / "claims" / _digest(uri)


def outbox_folder(uri: str, experiment: str) -> Path:
    """Return the folder of trained trials of an experiment that its store has yet to take."""
    return _outboxes(uri) / _digest(experiment)


def outbox_note() -> str:
    """Return what is to be known of trained trials that the store has yet to take, or nothing."""
    folder = _outboxes(tracking_uri())
    count = len([*folder.glob("*/[!.]*")])
    trials = "1 trained trial is" if count == 1 else f"{count} trained trials are"
    return f"{trials} kept in {folder}, and sent by the next command" if count else ""


def database_of(uri: str) -> Path | None:
    """Return the file of an SQLite record, or None if the record is of another kind."""
    path = uri.removeprefix(SQLITE).split("?")[0]
    return Path(path).resolve() if uri.startswith(SQLITE) and path else None


def local_folder(uri: str) -> Path | None:
    """Return the folder that a URI of artifacts names on this machine, or None."""
    parsed = urlsplit(uri)
    if parsed.scheme == "file":
        return Path(url2pathname(parsed.path))
    return None if parsed.scheme else Path(uri)


def _outboxes(uri: str) -> Path:
    return cache_directory() / "outbox" / _digest(uri)


def _digest(uri: str) -> str:
    return hashlib.blake2b(uri.rstrip("/").encode(), digest_size=8).hexdigest()
