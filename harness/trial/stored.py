"""The files of a recorded trial, read again; a trial without them counts as not finished."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from harness.data.examples import Array
from harness.errors import DamagedRecord, reason
from harness.tracking.source import Source

Content = TypeVar("Content")
PLAN, PREDICTIONS = "plan.json", "predictions.npz"
FACTS = ("class_names", "decision_offsets")
NEEDED = ("validation_logits", "validation_labels", "test_logits", "test_labels", "test_ids")


def read_file(store: Source, run_id: str, name: str, reader: Callable[[Path], Content]) -> Content:
    """Return what `reader` makes of a file of a run.

    Raises:
        DamagedRecord: the run has no such file, or it can't be read.

    """
    with store.artifact(run_id, name) as path:
        try:
            return reader(path)
        except Exception as error:  # what reading a damaged file raises has no common base
            raise DamagedRecord(f"{name} of run {run_id} is damaged: {reason(error)}") from error


def read_json(path: Path) -> dict[str, Any]:
    """Return the object that a JSON file holds."""
    facts: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return facts


def read_plan(store: Source, run_id: str) -> dict[str, Any]:
    """Return what `plan.json` says; raises DamagedRecord."""

    def reader(path: Path) -> dict[str, Any]:
        facts = read_json(path)
        return facts | {name: facts[name] for name in FACTS}

    return read_file(store, run_id, PLAN, reader)


def read_predictions(store: Source, run_id: str) -> dict[str, Array]:
    """Return logits, labels and ids, and groups if there are any; raises DamagedRecord."""

    def reader(path: Path) -> dict[str, Array]:
        with np.load(path, allow_pickle=False) as file:
            groups = {"test_groups": file["test_groups"]} if "test_groups" in file else {}
            return {name: file[name] for name in NEEDED} | groups

    return read_file(store, run_id, PREDICTIONS, reader)


def is_whole(store: Source, run_id: str) -> bool:
    """Tell whether the plan and the predictions of a trial can be read."""
    try:
        read_plan(store, run_id)
        read_predictions(store, run_id)
    except DamagedRecord:
        return False
    return True
