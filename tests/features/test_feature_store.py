"""Rows on disk by key: what is told of is whole, whoever was killed while it was written."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from threading import Thread

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.data.examples import Identities
from harness.features.store import KEYS, NOWHERE, ROWS, Store

WIDTH = 3


def rows_of(keys: Identities) -> np.ndarray:
    return np.outer(keys.astype(np.float64) % 1000, [1.0, 2.0, 3.0]).astype(np.float32)


def fill(store: Store, *keys: int) -> None:
    added = np.array(keys, np.uint64)
    with store.writing(WIDTH) as writer:
        writer.add(added, rows_of(added))


def test_an_empty_store_knows_no_key(tmp_path: Path) -> None:
    store = Store(tmp_path / "none")
    assert len(store) == 0
    assert store.find(np.array([1, 2], np.uint64)).tolist() == [NOWHERE, NOWHERE]


@given(st.lists(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=9), max_size=5))
def test_a_key_leads_to_its_row_in_whatever_order_rows_came(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[int]]
) -> None:
    store = Store(tmp_path_factory.mktemp("store"))
    for batch in batches:
        fill(store, *batch)
    keys = np.array([key for batch in batches for key in batch], np.uint64)
    places = store.find(keys)
    assert (places != NOWHERE).all()
    if len(keys):
        np.testing.assert_array_equal(store.rows()[places], rows_of(keys))


@pytest.mark.parametrize("name", [ROWS, KEYS])
def test_what_was_half_written_is_written_over(tmp_path: Path, name: str) -> None:
    store = Store(tmp_path)
    fill(store, 1, 2)
    with (tmp_path / name).open("ab") as file:
        file.write(b"half")
    assert len(store) == 2
    fill(store, 3)
    keys = np.array([1, 2, 3], np.uint64)
    np.testing.assert_array_equal(store.rows()[store.find(keys)], rows_of(keys))


def test_rows_without_keys_do_not_count(tmp_path: Path) -> None:
    store = Store(tmp_path)
    fill(store, 1)
    with (tmp_path / ROWS).open("ab") as file:
        file.write(rows_of(np.array([9], np.uint64)).tobytes())
    assert store.find(np.array([9], np.uint64)).tolist() == [NOWHERE]


def test_a_writer_that_is_killed_leaves_whole_rows(tmp_path: Path) -> None:
    script = dedent(
        f"""
        import numpy as np
        from pathlib import Path
        from harness.features.store import Store

        key = 0
        with Store(Path({str(tmp_path)!r})).writing({WIDTH}) as writer:
            while True:
                keys = np.arange(key, key + 50, dtype=np.uint64)
                rows = np.outer(keys.astype(np.float64) % 1000, [1.0, 2.0, 3.0])
                writer.add(keys, rows.astype(np.float32))
                print(flush=True)
                key += 50
        """
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for _ in range(3):
            process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
    store = Store(tmp_path)
    keys = np.arange(len(store), dtype=np.uint64)
    assert len(keys) >= 150
    np.testing.assert_array_equal(store.rows()[store.find(keys)], rows_of(keys))
    fill(store, 5000)
    assert store.find(np.array([5000], np.uint64)).tolist() == [len(keys)]


def test_one_writes_after_the_other(tmp_path: Path) -> None:
    store = Store(tmp_path)
    writers = [Thread(target=fill, args=(store, *range(start, start + 20))) for start in (0, 20)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    keys = np.arange(40, dtype=np.uint64)
    np.testing.assert_array_equal(store.rows()[store.find(keys)], rows_of(keys))
