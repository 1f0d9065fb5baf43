"""The record of trials: one MLflow run each. No other module imports mlflow."""

import json
import logging
import os
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from time import time
from typing import Any

from filelock import FileLock

from harness.errors import UserError

Row = tuple[str, int, float]
METRICS_A_CALL = 1000
PARAMS_A_CALL = 100
LONGEST_PARAM = 6000
LONGEST_TAG = 5000
LONGEST_PROFILE = 60_000
SQLITE = "sqlite:///"


@dataclass(frozen=True)
class RecordedRun:
    """What the record holds of one run; a metric's value is its latest."""

    run_id: str
    metrics: dict[str, float]
    params: dict[str, str]
    tags: dict[str, str]


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


class Store:
    """One MLflow experiment, opened by `Store.open`, and the runs in it."""

    def __init__(self, client: Any, experiment_id: str) -> None:
        self._client = client
        self._experiment_id = experiment_id

    @classmethod
    def open(cls, experiment_name: str) -> "Store":
        """Open the experiment, made if missing; several processes may do so at once.

        Raises UserError if the experiment was deleted or the record can't be reached.
        """
        uri = tracking_uri()
        try:
            return cls._opened(uri, experiment_name)
        except UserError:
            raise
        except Exception as error:  # MLflow, SQLAlchemy and the file system each have their own
            reason = " ".join(str(error).split())[:200]
            raise UserError(
                f"the record at {uri} can't be opened: {reason}; set MLFLOW_TRACKING_URI to a "
                "reachable store, or unset it for the default one"
            ) from error

    @classmethod
    def _opened(cls, uri: str, experiment_name: str) -> "Store":
        database = _database(uri)
        if database is not None:
            database.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{database}.lock") if database is not None else nullcontext(), _quiet():
            client = _client(uri)
            return cls(client, _experiment(client, experiment_name, database))

    def finished(self, fingerprint: str) -> RecordedRun | None:
        """Return a finished run of the trial with this fingerprint, or None."""
        filter_string = f"tags.trial = '{fingerprint}' and attributes.status = 'FINISHED'"
        runs = self._client.search_runs([self._experiment_id], filter_string, max_results=1)
        if not runs:
            return None
        run = runs[0]
        return RecordedRun(
            run.info.run_id,
            dict(run.data.metrics),
            dict(run.data.params),
            dict(run.data.tags),
        )

    def start(self, name: str, tags: Mapping[str, object], params: Mapping[str, object]) -> str:
        """Record a new running run with its tags and parameters; return its id."""
        from mlflow.entities import Param

        texts = {key: _cut(str(value), LONGEST_TAG) for key, value in tags.items()}
        texts["process"] = _process(os.getpid())
        run = self._client.create_run(self._experiment_id, tags=texts, run_name=name)
        run_id = str(run.info.run_id)
        entries = [Param(key, _cut(str(value), LONGEST_PARAM)) for key, value in params.items()]
        for chunk in _chunks(entries, PARAMS_A_CALL):
            self._client.log_batch(run_id, params=chunk)
        return run_id

    def curves(self, run_id: str, rows: Sequence[Row]) -> None:
        """Record points (name, step, value) of curves; NaN values are left out."""
        from mlflow.entities import Metric

        now = int(time() * 1000)
        points = [
            Metric(name, float(value), now, step) for name, step, value in rows if not isnan(value)
        ]
        for chunk in _chunks(points, METRICS_A_CALL):
            self._client.log_batch(run_id, metrics=chunk)

    def finish(
        self,
        run_id: str,
        metrics: Mapping[str, float],
        dataset: tuple[str, str, Mapping[str, Any]],
        artifacts: Path,
    ) -> None:
        """Record the files in `artifacts`, the data set (name, digest, profile) and the metrics.

        The status comes last, so that a finished run is a complete one. Raises NotADirectoryError
        if there is no such folder, which MLflow alone would pass over in silence.
        """
        if not artifacts.is_dir():
            raise NotADirectoryError(artifacts)
        self._client.log_artifacts(run_id, str(artifacts))
        self._client.log_inputs(run_id, datasets=[_dataset_input(*dataset)])
        self.curves(run_id, [(name, 0, value) for name, value in metrics.items()])
        self._client.set_terminated(run_id, "FINISHED")

    def fail(self, run_id: str, message: str) -> None:
        """Record that the run ended without a result, and why."""
        self._client.set_tag(run_id, "error", _cut(message, LONGEST_TAG))
        self._client.set_terminated(run_id, "FAILED")

    def reap(self) -> None:
        """Mark as killed what this machine's dead processes left running in this experiment."""
        for run in list(self._running()):
            if _is_dead(run.data.tags.get("process", "")):
                self._client.set_terminated(run.info.run_id, "KILLED")

    def _running(self) -> Iterator[Any]:
        token: str | None = None
        while True:
            page = self._client.search_runs(
                [self._experiment_id], "attributes.status = 'RUNNING'", page_token=token
            )
            yield from page
            token = page.token
            if not token:
                return


def _client(uri: str) -> Any:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri)


def _experiment(client: Any, name: str, database: Path | None) -> str:
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        location = None if database is None else (database.parent / "artifacts").as_uri()
        try:
            return str(client.create_experiment(name, artifact_location=location))
        except MlflowException:
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    if found.lifecycle_stage != "active":
        raise UserError(
            f"experiment {name!r} was deleted from the record: restore it with "
            f"`mlflow experiments restore -x {found.experiment_id}` or give another name"
        )
    return str(found.experiment_id)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the database's migrations from being told line by line, and MLflow to errors after."""
    previous = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(previous)
        logging.getLogger("mlflow").setLevel(logging.ERROR)
        logging.getLogger("alembic").setLevel(logging.ERROR)


def _database(uri: str) -> Path | None:
    """Return the file of an SQLite record, or None if the record is of another kind."""
    path = uri.removeprefix(SQLITE).split("?")[0]
    return Path(path).resolve() if uri.startswith(SQLITE) and path else None


def _dataset_input(name: str, digest: str, profile: Mapping[str, Any]) -> Any:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    text = json.dumps(profile)
    dataset = Dataset(
        name=_cut(name, 500),
        digest=digest[:36],
        source_type="local",
        source=json.dumps({"name": name}),
        profile=text if len(text) <= LONGEST_PROFILE else None,
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])


def _process(pid: int) -> str:
    return f"{socket.gethostname()}:{pid}:{_started(pid) or 'unknown'}"


def _is_dead(process: str) -> bool:
    """Tell whether a process of this machine is gone; one that cannot be judged counts as alive."""
    parts = process.rsplit(":", 2)
    if len(parts) != 3 or parts[0] != socket.gethostname() or parts[2] == "unknown":
        return False
    return _started(int(parts[1])) != parts[2]


def _started(pid: int) -> str | None:
    """Return when a process started, in the system's own words without `:`; None if it is gone."""
    if Path("/proc/self/stat").exists():
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] in "ZX" else fields[19]
    try:
        answer = subprocess.run(
            ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
    except OSError:
        return "unknown"
    return "-".join(answer.stdout.replace(":", "-").split()) or None


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _chunks(entries: list[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(entries), size):
        yield entries[start : start + size]
