"""Ctrl-C arrives, whatever runs when it comes, and leaves nothing locked."""

import signal
import sqlite3
import time
from pathlib import Path

import pytest

from harness.processes.exits import no_swallowed_ctrl_c, release


class Interrupted:
    """Ctrl-C comes while this is destroyed, where Python drops it."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


def test_ctrl_c_that_python_drops_comes_again() -> None:
    begun = time.monotonic()
    with no_swallowed_ctrl_c(), pytest.raises(KeyboardInterrupt):
        del [Interrupted()][:]
        time.sleep(30)
    assert time.monotonic() - begun < 20  # it wakes what waits


def read_half(path: Path) -> None:
    cursor = sqlite3.connect(path).execute("SELECT * FROM numbers")
    cursor.fetchone()
    try:
        raise ValueError
    except ValueError:
        raise KeyboardInterrupt from None


def test_a_read_that_is_interrupted_leaves_no_lock_once_it_is_released(tmp_path: Path) -> None:
    path = tmp_path / "numbers.db"
    with sqlite3.connect(path, timeout=0) as connection:
        connection.execute("CREATE TABLE numbers (number INTEGER)")
        connection.executemany("INSERT INTO numbers VALUES (?)", [(n,) for n in range(10_000)])
    try:
        read_half(path)
    except KeyboardInterrupt as error:
        with pytest.raises(sqlite3.OperationalError, match="locked"), connection:
            connection.execute("DELETE FROM numbers")
        release(error)
        with connection:
            connection.execute("DELETE FROM numbers")
