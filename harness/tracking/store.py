"""The record of trials: one MLflow run each. No other module imports mlflow."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isnan
from pathlib import Path
from tempfile import TemporaryDirectory
from time import time
from typing import Any

from filelock import FileLock, Timeout

from harness.errors import DamagedRecord, RecordLost, UserError, unknown
from harness.processes import liveness
from harness.tracking.client import connect, reached
from harness.tracking.names import parameter_names
from harness.tracking.place import (
    artifacts_folder,
    claims_folder,
    database_of,
    is_read_only,
    local_folder,
    shown_uri,
    tracking_uri,
)
from harness.tracking.view import TAGS, VIEW_TAG

Row = tuple[str, int, float]
METRICS_A_CALL, PARAMS_A_CALL = 1000, 100
LONGEST_PARAM = 6000
LONGEST_TAG = 5000
LONGEST_PROFILE = 60_000
PARENT = "mlflow.parentRunId"
YEARS = 1e9  # no end, which filelock calls a deadlock where another thread of the process holds on
COMPARISON, COMPARISON_ENDED = "comparison", "comparison_ended"


@dataclass(frozen=True)
class RecordedRun:
    """What the record holds of one run; a metric's value is its latest.

    `ended` is when it last finished: a comparison that was resumed since keeps it.
    """

    run_id: str
    status: str
    metrics: dict[str, float]
    params: dict[str, str]
    tags: dict[str, str]
    name: str = ""
    ended: datetime | None = None


def experiment_names() -> list[str]:
    """Return the names of all experiments in the record."""
    return [experiment.name for experiment in _experiments(tracking_uri())]


def viewed_experiments() -> dict[str, str]:
    """Return the ids of all experiments by name, the newest first, each with a view for the UI."""
    uri = tracking_uri()
    found = _experiments(uri)
    with reached(uri):
        for experiment in found:
            if experiment.tags.get(VIEW_TAG) != TAGS[VIEW_TAG] and not is_read_only(uri):
                for key, value in TAGS.items():
                    connect(uri).set_experiment_tag(experiment.experiment_id, key, value)
    newest = sorted(found, key=lambda experiment: experiment.creation_time, reverse=True)
    return {experiment.name: experiment.experiment_id for experiment in newest}


def _experiments(uri: str) -> list[Any]:
    database = database_of(uri)
    if database is not None and not database.exists():
        return []
    with reached(uri):
        return list(connect(uri).search_experiments(filter_string="name != 'Default'"))


class Store:
    """One MLflow experiment, opened by `Store.open`, and the runs in it."""

    def __init__(self, client: Any, experiment_id: str, claims: Path) -> None:
        self._client = client
        self._experiment_id = experiment_id
        self._claims = claims

    @classmethod
    def open(cls, experiment_name: str) -> "Store":
        """Open the experiment, made if missing; several processes may do so at once.

        Raises UserError if the experiment was deleted or the record can't be reached.
        """
        uri = tracking_uri()
        with reached(uri):
            client = connect(uri)
            experiment_id, claims = _experiment(client, experiment_name, uri), claims_folder(uri)
        if is_read_only(uri):
            from harness.tracking.read_only import ReadOnly

            return ReadOnly(client, experiment_id, claims)
        return cls(client, experiment_id, claims)

    @classmethod
    def existing(cls, experiment_name: str) -> "Store":
        """Open an experiment that was recorded before; raises UserError if there is none."""
        known = experiment_names()
        if experiment_name not in known:
            raise UserError(
                unknown("experiment", experiment_name, known)
                if known
                else f"nothing is recorded yet in {shown_uri()}: start with harness compare"
            )
        return cls.open(experiment_name)

    @classmethod
    def anywhere(cls) -> "Store":
        """Open the record to read single runs of any experiment."""
        uri = tracking_uri()
        with reached(uri):
            return cls(connect(uri), "", claims_folder(uri))

    def run(self, run_id: str) -> RecordedRun:
        """Return one run; raises UserError if there is none of this id."""
        from mlflow.exceptions import MlflowException

        try:
            return _recorded(self._client.get_run(run_id))
        except MlflowException as error:
            raise UserError(f"no run {run_id!r} in the record at {shown_uri()}") from error

    def finished(
        self, fingerprint: str, accepts: Callable[[RecordedRun], bool] = lambda run: True
    ) -> RecordedRun | None:
        """Return the newest finished run of the trial with this fingerprint that is accepted."""
        filter_string = f"tags.trial = '{fingerprint}' and attributes.status = 'FINISHED'"
        return next(filter(accepts, self.runs(filter_string)), None)

    def runs(self, filter_string: str) -> Iterator[RecordedRun]:
        """Yield the runs of this experiment that pass MLflow's filter, the newest first."""
        token: str | None = None
        while True:
            page = self._client.search_runs([self._experiment_id], filter_string, page_token=token)
            yield from map(_recorded, page)
            token = page.token
            if not token:
                return

    @contextmanager
    def claim(self, key: str, wait: bool = True) -> Iterator[bool]:
        """Hold what `key` names for this process; yield False if another one has it.

        With `wait`, its end is waited for. A process that dies, even of kill -9, lets go; one
        thread may let go of what another has claimed.
        """
        self._claims.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self._claims / f"{key}.lock", thread_local=False)
        try:
            lock.acquire(timeout=YEARS if wait else 0)
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def start(
        self,
        name: str,
        tags: Mapping[str, object],
        params: Mapping[str, object],
        parent: str | None = None,
    ) -> str:
        """Record a new running run with its tags and parameters, nested or not; return its id."""
        return self._started(name, tags, parameter_names(params), parent)

    def _started(
        self, name: str, tags: Mapping[str, object], params: Mapping[str, str], parent: str | None
    ) -> str:
        from mlflow.entities import Param

        texts = {key: _cut(str(value), LONGEST_TAG) for key, value in tags.items()}
        texts["process"] = liveness.identity(os.getpid())
        if parent is not None:
            texts[PARENT] = parent
        run = self._client.create_run(self._experiment_id, tags=texts, run_name=name)
        run_id = str(run.info.run_id)
        entries = [Param(key, _cut(value, LONGEST_PARAM)) for key, value in params.items()]
        try:
            for chunk in _chunks(entries, PARAMS_A_CALL):
                self._client.log_batch(run_id, params=chunk)
        except BaseException as error:
            self.fail(run_id, str(error) or type(error).__name__)
            raise
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

    def curve(self, run_id: str, name: str) -> list[Row]:
        """Return the points (name, step, value) of a curve."""
        points = self._client.get_metric_history(run_id, name)
        return [(name, point.step, point.value) for point in points]

    def finish(
        self,
        run_id: str,
        metrics: Mapping[str, float],
        dataset: tuple[str, str, Mapping[str, Any]],
        artifacts: Path,
        tags: Mapping[str, str],
    ) -> None:
        """Record the files in `artifacts`, the data set (name, digest, profile), metrics and tags.

        The status comes last, so that a finished run is a complete one. Raises NotADirectoryError
        if there is no such folder, which MLflow alone would pass over in silence.
        """
        if not artifacts.is_dir():
            raise NotADirectoryError(artifacts)
        self._client.log_artifacts(run_id, str(artifacts))
        self._client.log_inputs(run_id, datasets=[_dataset_input(*dataset)])
        for key, value in tags.items():
            self._client.set_tag(run_id, key, _cut(value, LONGEST_TAG))
        self.curves(run_id, [(name, 0, value) for name, value in metrics.items()])
        self._client.set_terminated(run_id, "FINISHED")

    def resume(self, run_id: str) -> None:
        """Record that a run which had ended goes on in this process."""
        self._client.set_tag(run_id, "process", liveness.identity(os.getpid()))
        self._client.update_run(run_id, "RUNNING")

    def comparison(self, digest: str, name: str, experiment_name: str) -> str:
        """Return the run of the comparison with this digest, which is made if missing."""
        with self.claim(f"comparison-{digest}"):
            found = next(self.runs(f"tags.{COMPARISON} = '{digest}'"), None)
            if found is None:
                tags = {COMPARISON: digest, "experiment": experiment_name}
                return self.start(name, tags, {})
        self.resume(found.run_id)
        return found.run_id

    def ended_comparisons(self) -> list[RecordedRun]:
        """Return the comparisons of this experiment that have ended, the one that did last first.

        One that was resumed and interrupted since still counts, for what it held is there.
        """
        ended = [(run.ended, run) for run in self.runs(f"tags.{COMPARISON} != ''") if run.ended]
        return [run for _, run in sorted(ended, key=lambda pair: pair[0], reverse=True)]

    def close(self, run_id: str, metrics: Mapping[str, float], artifacts: Path, note: str) -> None:
        """Record numbers, files and a note of a run without data of its own, and that it ended."""
        self._client.set_tag(run_id, "mlflow.note.content", _cut(note, LONGEST_TAG))
        self._client.log_artifacts(run_id, str(artifacts))
        self.curves(run_id, [(name, 0, value) for name, value in metrics.items()])
        self._client.set_terminated(run_id, "FINISHED")

    def end_comparison(
        self, run_id: str, name: str, metrics: Mapping[str, float], artifacts: Path
    ) -> None:
        """Record numbers and files of a comparison, what it is called now, and that it ended."""
        self._client.log_artifacts(run_id, str(artifacts))
        self.curves(run_id, [(metric, 0, value) for metric, value in metrics.items()])
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        self._client.set_tag(run_id, COMPARISON_ENDED, now)
        self._client.update_run(run_id, name=name)
        self._client.set_terminated(run_id, "FINISHED")

    def tag(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Record tags of a run, instead of those of the same names."""
        for key, value in tags.items():
            self._client.set_tag(run_id, key, _cut(value, LONGEST_TAG))

    def publish(self, run_id: str, artifacts: Path, note: str) -> None:
        """Record files and a note that are drawn from what a comparison's run holds."""
        self._client.log_artifacts(run_id, str(artifacts))
        self._client.set_tag(run_id, "mlflow.note.content", _cut(note, LONGEST_TAG))

    def adopt(self, run: RecordedRun, parent: str) -> None:
        """Show a run below `parent`, unless it stands there already."""
        if run.tags.get(PARENT) != parent:
            self._client.set_tag(run.run_id, PARENT, parent)

    @contextmanager
    def artifact(self, run_id: str, name: str) -> Iterator[Path]:
        """Yield where a file of a run can be read: in place, or in a copy that is removed after.

        Raises DamagedRecord if the run has no such file.
        """
        from mlflow.exceptions import MlflowException

        missing = f"run {run_id} has no {name} in the record"
        folder = local_folder(self._client.get_run(run_id).info.artifact_uri)
        beside = artifacts_folder(database_of(tracking_uri())) / run_id / "artifacts"
        if folder is not None:
            if beside.is_dir():  # where a record that can't be written to has moved
                folder = beside
            if not (folder / name).is_file():
                raise DamagedRecord(missing)
            yield folder / name
            return
        with TemporaryDirectory(prefix="harness-artifact-") as copies:
            try:
                path = Path(self._client.download_artifacts(run_id, name, copies))
            except (MlflowException, OSError) as error:
                raise DamagedRecord(missing) from error
            yield path

    def fail(self, run_id: str, message: str) -> None:
        """Record that the run ended without a result, and why."""
        self._client.set_tag(run_id, "error", _cut(message, LONGEST_TAG))
        self._client.set_terminated(run_id, "FAILED")

    def reap(self, mine: bool = False) -> None:
        """Mark as killed what this machine's dead processes left running in this experiment.

        So are this process's runs where they are included, because it is about to end.
        """
        here = liveness.identity(os.getpid())
        for run in list(self.runs("attributes.status = 'RUNNING'")):
            process = run.tags.get("process", "")
            if liveness.is_dead(process) or (mine and process == here):
                self._client.set_terminated(run.run_id, "KILLED")


def _recorded(run: Any) -> RecordedRun:
    info, data = run.info, run.data
    return RecordedRun(
        run_id=info.run_id,
        status=info.status,
        metrics=dict(data.metrics),
        params=dict(data.params),
        tags=dict(data.tags),
        name=info.run_name,
        ended=_ended(info, data.tags),
    )


def _ended(info: Any, tags: Mapping[str, str]) -> datetime | None:
    if text := tags.get(COMPARISON_ENDED):
        return datetime.fromisoformat(text)
    if info.status == "FINISHED" and info.end_time:
        return datetime.fromtimestamp(info.end_time / 1000, UTC)
    return None


def _experiment(client: Any, name: str, uri: str) -> str:
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        served = uri.startswith("http")  # the server decides where it keeps files
        location = None if served else artifacts_folder(database_of(uri)).as_uri()
        try:
            return str(client.create_experiment(name, location, TAGS))
        except (MlflowException, RecordLost):
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    if found.lifecycle_stage != "active":
        raise UserError(
            f"experiment {name!r} was deleted from the record: restore it with "
            f"`mlflow experiments restore -x {found.experiment_id}` or give another name"
        )
    return str(found.experiment_id)


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


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _chunks(entries: list[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(entries), size):
        yield entries[start : start + size]
