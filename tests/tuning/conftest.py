import shutil
from pathlib import Path
from typing import Any

import pytest
from small_study import Make, experiment

from harness.execution.task import Candidate
from harness.tuning.setup import Tuning, tuning


@pytest.fixture
def make(
    preloaded_workers: None,
    undrawn: None,
    migrated: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Make:
    """Return what makes a small study, recorded in a folder of its own."""
    shutil.copy(migrated, tmp_path / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")

    def made(
        strategy: str = "focal_loss",
        trials: int = 4,
        parameters: dict[str, Any] | None = None,
        plugin: Path | None = None,
        train: dict[str, Any] | None = None,
        **options: Any,
    ) -> Tuning:
        plugins = () if plugin is None else (plugin,)
        candidate = Candidate(strategy, parameters or {}, plugins)
        chosen = {"inner_seeds": 2} | options
        return tuning(experiment(**(train or {})), candidate, trials, **chosen)

    return made
