"""Recorded trials, their metrics and predictions as Parquet tables, and read back to the bit."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from harness.data.examples import Array
from harness.errors import UserError
from harness.tracking.run import RecordedRun
from harness.tracking.store import Row

TRIALS, METRICS, PREDICTIONS = "trials.parquet", "metrics.parquet", "predictions.parquet"
TEXTS = pa.map_(pa.string(), pa.string())
TRIAL_COLUMNS = pa.schema(
    [
        ("trial", pa.string()),
        ("run_id", pa.string()),
        ("name", pa.string()),
        ("strategy", pa.string()),
        ("seed", pa.int64()),
        ("conditions", pa.string()),
        ("dataset", pa.string()),
        ("ended", pa.timestamp("us", "UTC")),
        ("tags", TEXTS),
        ("params", TEXTS),
    ]
)
METRIC_COLUMNS = pa.schema(
    [
        ("run_id", pa.string()),
        ("metric", pa.string()),
        ("step", pa.int64()),
        ("value", pa.float64()),
    ]
)
PREDICTION_COLUMNS = pa.schema(
    [
        ("run_id", pa.string()),
        ("split", pa.string()),
        ("label", pa.int64()),
        ("id", pa.uint64()),
        ("group", pa.int64()),
        ("logits", pa.list_(pa.float32())),
        ("last_logits", pa.list_(pa.float32())),
    ]
)
SPLITS = ("validation", "test")
MOST_LOGITS = 2**31 - 1  # what the offsets of Arrow's lists can count


def write_trials(path: Path, runs: Sequence[RecordedRun]) -> None:
    """Write a row for each finished trial."""
    rows = [
        {
            "trial": run.tags["trial"],
            "run_id": run.run_id,
            "name": run.name,
            "strategy": run.tags["strategy"],
            "seed": int(run.tags["seed"]),
            "conditions": run.tags.get("conditions"),
            "dataset": run.tags.get("dataset"),
            "ended": run.ended,
            "tags": sorted(run.tags.items()),
            "params": sorted(run.params.items()),
        }
        for run in runs
    ]
    _write(path, rows, TRIAL_COLUMNS)


def write_metrics(path: Path, points: Mapping[str, Iterable[Row]]) -> None:
    """Write the points of all metrics (name, step, value) by the run's id."""
    rows = [
        {"run_id": run_id, "metric": name, "step": step, "value": value}
        for run_id, each in points.items()
        for name, step, value in each
    ]
    _write(path, rows, METRIC_COLUMNS)


def _write(path: Path, rows: list[dict[str, Any]], columns: Any) -> None:
    pq.write_table(pa.Table.from_pylist(rows, columns), path, compression="zstd")


@contextmanager
def prediction_writer(path: Path) -> Iterator["PredictionWriter"]:
    """Yield what writes predictions trial by trial, so that one at a time is in memory."""
    with pq.ParquetWriter(path, PREDICTION_COLUMNS, compression="zstd") as writer:
        yield PredictionWriter(writer)


class PredictionWriter:
    """The table of predictions: a row for each validation or test example of a trial."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer

    def add(self, run_id: str, arrays: Mapping[str, Array]) -> None:
        """Add the arrays of a `predictions.npz`; raises UserError if they are too many."""
        parts = [_part(run_id, split, arrays) for split in SPLITS]
        whole = pa.concat_tables(parts).combine_chunks()
        self._writer.write_table(whole, row_group_size=max(1, len(whole)))


def _part(run_id: str, split: str, arrays: Mapping[str, Array]) -> Any:
    labels = np.asarray(arrays[f"{split}_labels"], np.int64)
    count = len(labels)
    columns = [
        pa.array([run_id] * count, pa.string()),
        pa.array([split] * count, pa.string()),
        pa.array(labels),
        _optional(arrays.get(f"{split}_ids"), pa.uint64(), count),
        _optional(arrays.get(f"{split}_groups"), pa.int64(), count),
        _lists(arrays[f"{split}_logits"]),
        _lists(arrays.get(f"last_{split}_logits"), count),
    ]
    return pa.Table.from_arrays(columns, schema=PREDICTION_COLUMNS)


def _optional(values: Array | None, kind: Any, count: int) -> Any:
    return pa.nulls(count, kind) if values is None else pa.array(values).cast(kind)


def _lists(logits: Array | None, count: int = 0) -> Any:
    if logits is None:
        return pa.nulls(count, pa.list_(pa.float32()))
    rows, width = logits.shape
    if logits.size > MOST_LOGITS:
        raise UserError(
            f"a trial has {rows} examples of {width} classes in one split, and a pack takes at "
            f"most {MOST_LOGITS} logits of one; hold out fewer examples"
        )
    starts = pa.array(np.arange(rows + 1, dtype=np.int32) * np.int32(width))
    return pa.ListArray.from_arrays(starts, pa.array(logits.ravel(), pa.float32()))


def read_runs(trials: Any, points: Mapping[str, Sequence[Row]]) -> list[RecordedRun]:
    """Return the runs of a table of trials, each with the latest value of its metrics."""
    found = []
    for row in pq.read_table(trials, schema=TRIAL_COLUMNS).to_pylist():
        latest: dict[str, tuple[int, float]] = {}
        for name, step, value in points.get(row["run_id"], ()):
            if name not in latest or step >= latest[name][0]:
                latest[name] = (step, value)
        found.append(
            RecordedRun(
                run_id=row["run_id"],
                status="FINISHED",
                metrics={name: value for name, (_, value) in latest.items()},
                params=dict(row["params"]),
                tags=dict(row["tags"]),
                name=row["name"],
                ended=row["ended"],
            )
        )
    return found


def read_points(metrics: Any) -> dict[str, list[Row]]:
    """Return the points of all metrics (name, step, value) by the run's id."""
    found: dict[str, list[Row]] = {}
    columns = pq.read_table(metrics, schema=METRIC_COLUMNS).to_pydict()
    for run_id, *point in zip(*(columns[name] for name in METRIC_COLUMNS.names), strict=True):
        found.setdefault(run_id, []).append(tuple(point))
    return found


@dataclass(frozen=True, eq=False)
class PredictionTable:
    """A table of predictions whose row groups are one trial each."""

    file: Any

    @cached_property
    def _table(self) -> Any:
        return pq.ParquetFile(self.file)

    @cached_property
    def _groups(self) -> dict[str, int]:
        metadata = self._table.metadata
        column = PREDICTION_COLUMNS.names.index("run_id")
        statistics = (
            metadata.row_group(index).column(column).statistics
            for index in range(metadata.num_row_groups)
        )
        return {each.min: index for index, each in enumerate(statistics)}

    def arrays(self, run_id: str) -> dict[str, Array]:
        """Return the arrays of a trial's `predictions.npz`; raises KeyError if there are none."""
        table = self._table.read_row_group(self._groups[run_id])
        splits = table.column("split").to_numpy()
        found: dict[str, Array] = {}
        for split in SPLITS:
            part = table.filter(pa.array(splits == split))
            found[f"{split}_labels"] = part.column("label").to_numpy()
            columns = (("id", f"{split}_ids"), ("group", f"{split}_groups"))
            found |= {
                name: part.column(column).to_numpy()
                for column, name in columns
                if not part.column(column).null_count
            }
            columns = (("logits", f"{split}_logits"), ("last_logits", f"last_{split}_logits"))
            found |= {
                name: _matrix(part.column(column))
                for column, name in columns
                if not part.column(column).null_count
            }
        return found


def _matrix(column: Any) -> Array:
    values = column.combine_chunks().flatten().to_numpy()
    return np.ascontiguousarray(values.reshape(len(column), -1))
