from pathlib import Path

import pytest
from image_folders import COUNT, write


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for position in range(COUNT):
        write(tmp_path / "images" / f"{position:02}.png", position)
    return tmp_path / "images"
