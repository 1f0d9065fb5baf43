"""Where things lie: the record, and beside it the folders of claims and reports."""

import hashlib
import os
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from harness.data.cache import cache_directory

SQLITE = "sqlite:///"


def records() -> Path:
    """Return the folder of the record, made if missing: `mlruns` in the checkout, else here."""
    checkout = Path(__file__).resolve().parents[2]
    in_checkout = (checkout / "pyproject.toml").is_file() and (checkout / "configs").is_dir()
    folder = (checkout if in_checkout else Path.cwd()) / "mlruns"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def tracking_uri() -> str:
    """Return where MLflow records: MLFLOW_TRACKING_URI, or the database in `records()`."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"{SQLITE}{records() / 'mlflow.db'}"


def reports_folder() -> Path:
    """Return the folder of reports, beside the record if that is a file; made if missing."""
    database = database_of(tracking_uri())
    folder = (records() if database is None else database.parent) / "reports"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def claims_folder(uri: str) -> Path:
    """Return the folder of claims: beside the database, or with this machine's other caches."""
    database = database_of(uri)
    if database is not None:
        return database.parent / "claims"
    return cache_directory() / "claims" / hashlib.blake2b(uri.encode(), digest_size=8).hexdigest()


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
