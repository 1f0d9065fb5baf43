import os
from pathlib import Path

import pytest

from harness.tracking.store import Store
from harness.training.threads import VARIABLE

os.environ[VARIABLE] = "1"  # one number of threads for all experiments that this process tries


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty record, its tables made once."""
    path = tmp_path_factory.mktemp("record") / "mlflow.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{path}")
        Store.open("template")
    return path
