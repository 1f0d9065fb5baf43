"""Small comparisons that have really run, each in a record of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from harness.cli.comparing import compare
from harness.comparison.records import RecordedTrial
from harness.comparison.setup import setup
from harness.config.experiment import Experiment
from harness.execution.schedule import Schedule
from harness.report.content import Content
from harness.tracking.store import Store

STRATEGIES = ("none", "undersampling", "offline_augmentation")
SEEDS = 2


@dataclass(frozen=True)
class Recorded:
    """A comparison: where it is recorded, its document, its page's content and its trials."""

    uri: str
    facts: dict[str, Any]
    content: Content
    trials: dict[str, list[RecordedTrial]]


def record(folder: Path, imbalance: Mapping[str, object]) -> Recorded:
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    experiment = Experiment.model_validate(
        {
            "imbalance": imbalance,
            "model": {"name": "mlp"},
            "train": {"epochs": 2, "batch_size": 64},
        }
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", uri)
        schedule = Schedule(1, False)
        given = setup(experiment, STRATEGIES, seeds=SEEDS)
        done = compare(given, schedule, Console(quiet=True), None)
        schedule.close()
        store = Store.open(experiment.name)
    assert done.content is not None
    trials: dict[str, list[RecordedTrial]] = {name: [] for name in STRATEGIES}
    for each in done.document["trials"]:
        trials[each["strategy"]].append(RecordedTrial(store, store.run(each["run_id"])))
    return Recorded(uri, done.document, done.content, trials)
