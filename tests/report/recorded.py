"""Small comparisons that have really run, each in a record of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from undrawn import undrawn

from harness.comparison.compare import compare
from harness.comparison.keep import Kept
from harness.comparison.records import RecordedTrial
from harness.comparison.setup import setup
from harness.config.experiment import Experiment
from harness.report.content import Content
from harness.report.gather import gather
from harness.report.publish import publish

STRATEGIES = ("none", "undersampling", "offline_augmentation")
SEEDS = 2


@dataclass(frozen=True)
class Recorded:
    """A comparison: where it is recorded, what was kept, and what its page shows."""

    uri: str
    kept: Kept
    content: Content

    @property
    def document(self) -> Mapping[str, Any]:
        return self.kept.document

    def trials(self, strategy: str) -> list[RecordedTrial]:
        return [trial for _, trial in sorted(self.kept.trials[strategy].items())]


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
        with undrawn():
            compared = compare(setup(experiment, STRATEGIES, seeds=SEEDS), jobs=1)
        assert compared.kept is not None
        publish(compared.kept)
        return Recorded(uri, compared.kept, gather(compared.kept))
