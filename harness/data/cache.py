"""A cache of made arrays on disk, by the content that they were made from."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from harness.data.examples import Array


def cache_directory() -> Path:
    """Return where made arrays are kept: `HARNESS_CACHE`, else the user's cache directory."""
    given = os.environ.get("HARNESS_CACHE")
    if given:
        return Path(given)
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "imbalance-harness"


def remembered(key: str, make: Callable[[], Array]) -> Array:
    """Return the array of a key: read if it is there, else made and kept.

    It is written beside its place and then moved there, so a killed process leaves no half of
    one. Where the directory can't be written, the array is made anew each time.
    """
    path = cache_directory() / f"{key}.npy"
    try:
        kept: Array = np.load(path, allow_pickle=False)
    except (OSError, ValueError):
        made = make()
        _keep(path, made)
        return made
    return kept


def _keep(path: Path, array: Array) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            np.save(file, array)
        Path(file.name).replace(path)
    except OSError:
        return
