"""One run of the record, as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

COMPARISON_ENDED = "comparison_ended"


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


def recorded(run: Any) -> RecordedRun:
    """Return what MLflow's entity of a run says."""
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
