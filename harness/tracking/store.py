"""The record of trials: one MLflow run each. No other module imports mlflow."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from math import isnan
from pathlib import Path
from tempfile import TemporaryDirectory
from time import time
from typing import Any

from harness.errors import DamagedRecord, UserError, unknown
from harness.processes import liveness
from harness.tracking.claims import Claims
from harness.tracking.client import connect, reached
from harness.tracking.experiments import experiment_names, experiment_of
from harness.tracking.names import parameter_names
from harness.tracking.place import (
    artifacts_folder,
    database_of,
    is_read_only,
    is_served,
    local_folder,
    shown_uri,
    tracking_uri,
)
from harness.tracking.run import COMPARISON_ENDED, RecordedRun, recorded

Row = tuple[str, int, float]
Point = tuple[str, int, float, int]
METRICS_A_CALL, PARAMS_A_CALL = 1000, 100
LONGEST_PARAM = 6000
LONGEST_TAG = 5000
LONGEST_PROFILE = 60_000
PARENT = "mlflow.parentRunId"
NOTE = "mlflow.note.content"
COMPARISON = "comparison"


class Store:
    """One MLflow experiment, opened by `Store.open`, and the runs in it."""

    def __init__(self, client: Any, name: str, experiment_id: str, claims: Claims) -> None:
        self._client = client
        self._name = name
        self._experiment_id = experiment_id
        self._claims = claims

    @property
    def name(self) -> str:
        """The experiment's name."""
        return self._name

    @property
    def is_served(self) -> bool:
        """Whether it is behind a server, which other machines may share and which may be away."""
        return is_served(tracking_uri())

    @classmethod
    def open(cls, experiment_name: str, known: bool = False) -> "Store":
        """Open the experiment, made if missing; several processes may do so at once.

        Trained trials that its outbox holds are sent first. A store that is `known` to be there, as
        whoever asks works for a command that has opened it, is waited for where it is away.

        Raises UserError if the experiment was deleted or the record can't be reached.
        """
        uri = tracking_uri()
        with reached(uri):
            client = connect(uri, known)
            experiment_id = experiment_of(client, experiment_name, uri)
        claims = Claims.of(uri, client, experiment_id)
        if is_read_only(uri):
            from harness.tracking.read_only import ReadOnly

            return ReadOnly(client, experiment_name, experiment_id, claims)
        store = cls(client, experiment_name, experiment_id, claims)
        if is_served(uri):
            from harness.tracking.outbox import send_waiting

            send_waiting(store)
        return store

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
            client = connect(uri)
        return cls(client, "", "", Claims.of(uri, client, ""))

    def run(self, run_id: str) -> RecordedRun:
        """Return one run; raises UserError if there is none of this id."""
        from mlflow.exceptions import MlflowException

        try:
            return recorded(self._client.get_run(run_id))
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
            yield from map(recorded, page)
            token = page.token
            if not token:
                return

    def claim(self, key: str, wait: bool = True) -> AbstractContextManager[bool]:
        """Hold what `key` names for this process, on any machine; yield False if another has it.

        With `wait`, its end is waited for. A process that dies, even of kill -9, lets go; one
        thread may let go of what another has claimed.
        """
        return self._claims.claim(key, wait)

    def turn(self, key: str) -> AbstractContextManager[bool]:
        """Hold what `key` names among this machine's processes, whose turn each is waited for."""
        return self._claims.turn(key)

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
        now = milliseconds()
        self.points(run_id, [(*row, now) for row in rows])

    def points(self, run_id: str, points: Sequence[Point], wait: bool = True) -> None:
        """Record points (name, step, value, time in milliseconds); NaN values are left out.

        What is recorded already is not recorded twice. Raises RecordAway where the store is away,
        without `wait` at once.
        """
        from mlflow.entities import Metric

        metrics = [
            Metric(name, float(value), when, step)
            for name, step, value, when in points
            if not isnan(value)
        ]
        client = self._client if wait else self._client.hasty
        for chunk in _chunks(metrics, METRICS_A_CALL):
            client.log_batch(run_id, metrics=chunk)

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
        self._client.set_tag(run_id, NOTE, _cut(note, LONGEST_TAG))
        self._client.log_artifacts(run_id, str(artifacts))
        self.curves(run_id, [(name, 0, value) for name, value in metrics.items()])
        self._client.set_terminated(run_id, "FINISHED")

    def end(self, run_id: str, rows: Sequence[Row]) -> None:
        """Record points (name, step, value) of a run without files, and that it ended."""
        self.curves(run_id, rows)
        self._client.set_terminated(run_id, "FINISHED")

    def end_comparison(
        self, run_id: str, name: str, metrics: Mapping[str, float], artifacts: Path
    ) -> None:
        """Record numbers and files of a comparison, what it is called now, and that it ended."""
        self._put_files(run_id, artifacts)
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
        self._put_files(run_id, artifacts)
        self._client.set_tag(run_id, NOTE, _cut(note, LONGEST_TAG))

    def _put_files(self, run_id: str, artifacts: Path) -> None:
        """Record files of a run that other processes may be about to replace as well, in turn."""
        with self.claim(f"files-{run_id}"):
            self._client.log_artifacts(run_id, str(artifacts))

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

    def give_up(self, run_id: str, message: str) -> None:
        """Record that a run is none that counts, and why."""
        self.tag(run_id, {"error": message})
        self._client.set_terminated(run_id, "KILLED")

    def reap_trial(self, fingerprint: str) -> None:
        """Mark as killed the runs of a trial that are left running; for who holds its claim.

        They are of processes that have died, on other machines too.
        """
        for run in self.runs(f"tags.trial = '{fingerprint}' and attributes.status = 'RUNNING'"):
            self._client.set_terminated(run.run_id, "KILLED")

    def reap(self, mine: bool = False) -> None:
        """Mark as killed what this machine's dead processes left running in this experiment.

        So are this process's runs where they are included, because it is about to end.
        """
        here = liveness.identity(os.getpid())
        for run in list(self.runs("attributes.status = 'RUNNING'")):
            process = run.tags.get("process", "")
            if liveness.is_dead(process) or (mine and process == here):
                self._client.set_terminated(run.run_id, "KILLED")


def milliseconds() -> int:
    """Return the time as MLflow counts it."""
    return int(time() * 1000)


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
