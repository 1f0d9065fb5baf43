from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from harness.data.cache import remembered
from harness.data.examples import Array

ROWS = np.arange(70, dtype=np.uint8).reshape(10, 7)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def blocks() -> Iterator[Array]:
    yield from np.array_split(ROWS, 3)


def never() -> Iterator[Array]:
    raise AssertionError("made again")


def whole(rows: object) -> Array:
    kept: Array = rows[np.arange(10)]  # type: ignore[index]
    return kept


def test_rows_are_made_once_in_blocks_and_then_read() -> None:
    first = remembered("key", 10, blocks)
    assert first.shape == (10, 7)
    np.testing.assert_array_equal(whole(first), ROWS)
    np.testing.assert_array_equal(whole(remembered("key", 10, never)), ROWS)


def test_a_maker_that_fails_leaves_nothing(cache: Path) -> None:
    def fails() -> Iterator[Array]:
        yield ROWS[:4]
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        remembered("key", 10, fails)
    assert list(cache.iterdir()) == []


def test_a_damaged_file_is_made_anew(cache: Path) -> None:
    remembered("key", 10, blocks)
    file = cache / "key.npy"
    content = file.read_bytes()
    header = content[:10] + b"{'descr': (" + content[21:]
    for damaged in (content[:-1], b"", b"something else", header):
        file.write_bytes(damaged)
        np.testing.assert_array_equal(whole(remembered("key", 10, blocks)), ROWS)
        assert file.stat().st_size == 128 + 70


def test_without_a_place_to_write_they_are_held(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    np.testing.assert_array_equal(whole(remembered("key", 10, blocks)), ROWS)


def test_a_disk_that_fills_up_does_no_harm(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.data.cache._header", _full)
    np.testing.assert_array_equal(whole(remembered("key", 10, blocks)), ROWS)
    assert [path.name for path in cache.iterdir()] == []


def _full(*_: object) -> None:
    raise OSError(28, "No space left on device")
