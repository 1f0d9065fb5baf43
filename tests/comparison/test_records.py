"""What is read of a recorded trial's files."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from harness.comparison.records import RecordedTrial
from harness.tracking.run import RecordedRun

NONE = {"label": [0.0, 0.0], "probability": [0.0, 0.0]}


class Folder:
    """Stands for a store of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def artifact(self, run_id: str, name: str) -> Iterator[Path]:
        yield self.path / name


@pytest.mark.parametrize("groups", [np.array([3, 3, 7]), None])
def test_groups_are_read_where_there_are_some(
    tmp_path: Path, groups: np.ndarray[tuple[int], np.dtype[np.int64]] | None
) -> None:
    labels = np.array([0, 1, 1])
    arrays = {f"{part}_logits": np.zeros((3, 2)) for part in ("validation", "test")}
    arrays |= {f"{part}_labels": labels for part in ("validation", "test")}
    arrays |= {"test_ids": np.arange(3, dtype=np.uint64)}
    arrays |= {} if groups is None else {"test_groups": groups}
    np.savez(tmp_path / "predictions.npz", allow_pickle=False, **arrays)
    offsets = dict.fromkeys(("argmax", "prior_corrected", "tuned_threshold"), NONE)
    plan = {"class_names": ["a", "b"], "decision_offsets": offsets}
    (tmp_path / "plan.json").write_text(json.dumps(plan), "utf-8")
    run = RecordedRun("1", "FINISHED", {}, {}, {})
    held_out = RecordedTrial(Folder(tmp_path), run).predictions.held_out  # type: ignore[arg-type]
    if groups is None:
        assert held_out.units.tolist() == [0, 1, 2]
    else:
        assert held_out.units.tolist() == groups.tolist()
