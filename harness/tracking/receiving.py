"""Trials of another record, taken into this one: each as a run of its own."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.tracking.place import is_read_only, shown_uri, tracking_uri
from harness.tracking.run import RecordedRun
from harness.tracking.store import Row, Store

EPOCHS = "epoch/"
OF_MLFLOW, ORIGIN = "mlflow.", "origin"


def points(store: Store, run: RecordedRun) -> list[Row]:
    """Return what a run's metrics were, (name, step, value); of curves over epochs all points."""
    rows: list[Row] = []
    for name, value in sorted(run.metrics.items()):
        rows += store.curve(run.run_id, name) if name.startswith(EPOCHS) else [(name, 0, value)]
    return rows


def refuse_read_only() -> None:
    """Raise UserError if the record takes nothing."""
    if is_read_only(tracking_uri()):
        raise UserError(
            f"the record at {shown_uri()} is read-only; set MLFLOW_TRACKING_URI to one of your own"
        )


class Receiving(Store):
    """An experiment that takes trials which ran elsewhere."""

    def receive(
        self,
        run: RecordedRun,
        rows: Sequence[Row],
        dataset: tuple[str, str, Mapping[str, Any]],
        artifacts: Path,
    ) -> str:
        """Record a finished trial under an id of its own, which is returned.

        `rows` are the points of its metrics, `dataset` is as in `finish`, `artifacts` the folder
        of its files. The run has the id that it comes from as its tag `origin`.
        """
        tags = {key: text for key, text in run.tags.items() if not key.startswith(OF_MLFLOW)}
        run_id = self._started(run.name, tags | {ORIGIN: run.run_id}, run.params, None)
        try:
            self.curves(run_id, [row for row in rows if row[0].startswith(EPOCHS)])
            last = {name: value for name, _, value in rows if not name.startswith(EPOCHS)}
            self.finish(run_id, last, dataset, artifacts, {})
        except BaseException as error:
            self.fail(run_id, str(error) or type(error).__name__)
            raise
        return run_id
