import shutil
from pathlib import Path

import pytest
from recorded import Recorded, record


@pytest.fixture(scope="session")
def ten_classes(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    folder = tmp_path_factory.mktemp("ten")
    shutil.copy(migrated, folder / "mlflow.db")
    return record(folder, {"kind": "long_tail", "ratio": 20})


@pytest.fixture(scope="session")
def two_classes(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    folder = tmp_path_factory.mktemp("two")
    shutil.copy(migrated, folder / "mlflow.db")
    return record(folder, {"kind": "one_vs_rest", "class": "8"})
