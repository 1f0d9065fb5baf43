"""A cache of made arrays on disk, by the content that they were made from."""

import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any

import numpy as np

from harness.data.examples import Array, Inputs
from harness.data.stored import StoredRows


def cache_directory() -> Path:
    """Return where made arrays are kept: `HARNESS_CACHE`, else the user's cache directory."""
    configured = os.environ.get("HARNESS_CACHE")
    if configured:
        return Path(configured)
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "imbalance-harness"


def remembered(key: str, count: int, make: Callable[[], Iterable[Array]]) -> Inputs:
    """Return the `count` rows of a key, read as they are asked for: made and kept if not there.

    `make` yields them in blocks, `[n, ...]` each, so that memory never holds all of them. They are
    written beside their place and then moved there, so a killed process leaves no half of it. Where
    the directory can't be written, they are made anew each time, and held in memory.
    """
    path = cache_directory() / f"{key}.npy"
    if (kept := _opened(path)) is not None:
        return kept
    try:
        _write(path, count, make())
    except OSError:
        return np.concatenate(list(make()))
    return _opened(path) or np.concatenate(list(make()))


def _opened(path: Path) -> StoredRows | None:
    try:
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
        return StoredRows(path, mapped.offset, mapped.shape, mapped.dtype)
    except Exception:  # what reading a damaged header raises has no common base
        return None


def _write(path: Path, count: int, blocks: Iterable[Array]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        try:
            for number, block in enumerate(blocks):
                if number == 0:
                    _header(file, (count, *block.shape[1:]), block.dtype)
                file.write(np.ascontiguousarray(block).data)
        except BaseException:
            Path(file.name).unlink()
            raise
    Path(file.name).replace(path)


def _header(file: IO[bytes], shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    kind = np.lib.format.dtype_to_descr(dtype)
    header = {"descr": kind, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
