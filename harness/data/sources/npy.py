"""A pool: a directory of `.npy` files, however large, whose inputs are read only as needed.

It holds `inputs.npy` and `labels.npy`, the same with `validation_` and `test_` before the name if
there are such sets, and `classes.json` if the labels are indices of named classes.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from harness.config.data import NpyData
from harness.data.examples import Array, Examples, Integers
from harness.data.sources import Source, refuse_special
from harness.data.sources.arrays import refuse_channels_first
from harness.data.stored import StoredRows
from harness.errors import UserError, unknown

SPLITS = {"train": "", "validation": "validation_", "test": "test_"}
CLASSES = "classes.json"
_FINITE_BLOCK_BYTES = 16 << 20


def load(section: NpyData) -> Source:
    """Return uint8 images `[N, H, W, C]` or float32 vectors `[N, F]`, left where they lie.

    Raises UserError, naming the file, for one that is missing, cut short or of the wrong kind.
    """
    root = Path(section.path)
    if not os.path.isdir(root):  # noqa: PTH112  (pathlib's may raise)
        raise UserError(
            f"data.path {root} is no directory; it must hold inputs.npy and labels.npy, as "
            "numpy.save writes them"
        )
    _refuse_unknown(root)
    found = {
        name: prefix for name, prefix in SPLITS.items() if name == "train" or _any(root, prefix)
    }
    inputs = {name: _inputs(root / f"{prefix}inputs.npy") for name, prefix in found.items()}
    shapes = {rows.shape[1:] for rows in inputs.values()}
    if len(shapes) > 1 or len({rows.dtype for rows in inputs.values()}) > 1:
        raise UserError(f"{root} holds inputs of different shapes or types: {sorted(shapes)}")
    labels = {name: _labels(root / f"{prefix}labels.npy") for name, prefix in found.items()}
    for name, rows in inputs.items():
        if len(rows) != len(labels[name]):
            raise UserError(
                f"{rows.path} holds {len(rows)} examples but its labels are {len(labels[name])}"
            )
    encoded, names = _encoded(root, labels)
    parts = {name: Examples(inputs[name], encoded[name], names) for name in found}
    return Source(parts["train"], parts.get("validation"), parts.get("test"), ())


def _any(root: Path, prefix: str) -> bool:
    return any((root / f"{prefix}{kind}.npy").exists() for kind in ("inputs", "labels"))


def _refuse_unknown(root: Path) -> None:
    known = [f"{prefix}{kind}.npy" for prefix in SPLITS.values() for kind in ("inputs", "labels")]
    for path in sorted(root.glob("*.npy")):
        if path.name not in known:
            raise UserError(f"{root}: {unknown('file', path.name, known)}")


def mapped(path: Path) -> Any:
    """Return a file's array, mapped: its header is checked against its size, nothing is read."""
    refuse_special(str(path))
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        raise UserError(f"{path.parent} lacks {path.name}") from error
    except (OSError, ValueError, EOFError) as error:
        reason = " ".join(str(error).split())
        if "pickle" in reason or "Python objects" in reason:
            reason = "it holds no plain array; write it with numpy.save"
        elif "mmap length" in reason:
            reason = "it is cut short: its header says that there is more"
        raise UserError(f"{path} cannot be read as an .npy file: {reason}") from error
    except Exception as error:  # Python's own tokenizer reads headers, and fails in its own ways
        raise UserError(f"{path} cannot be read as an .npy file: its header is damaged") from error


def _inputs(path: Path) -> StoredRows:
    array = mapped(path)
    if not isinstance(array, np.memmap):
        raise UserError(f"{path} is an archive; write one array with numpy.save")
    shape = array.shape
    images = len(shape) in (3, 4) and array.dtype == np.uint8
    if images:
        refuse_channels_first(shape, str(path))
    elif not (len(shape) == 2 and array.dtype == np.dtype("<f4")):
        raise UserError(
            f"{path} is {array.dtype} {list(shape)}; it must be uint8 images [N, H, W] or "
            "[N, H, W, C], or float32 vectors [N, F]"
        )
    if not array.size:
        raise UserError(f"{path} is empty")
    if not array.flags.c_contiguous:
        raise UserError(f"{path} is in Fortran order; save numpy.ascontiguousarray of it")
    rows = StoredRows(path, array.offset, (*shape, 1) if len(shape) == 3 else shape, array.dtype)
    if not images:
        _refuse_not_finite(rows)
    return rows


def _refuse_not_finite(rows: StoredRows) -> None:
    step = max(1, _FINITE_BLOCK_BYTES // (rows.shape[1] * rows.dtype.itemsize))
    for start in range(0, len(rows), step):
        block = rows[np.arange(start, min(start + step, len(rows)))]
        if not np.isfinite(block).all():
            row = start + int(np.flatnonzero(~np.isfinite(block).all(axis=1))[0])
            raise UserError(f"{rows.path} holds numbers that are not finite, in row {row}")


def _labels(path: Path) -> Array:
    array = mapped(path)
    if not isinstance(array, np.ndarray) or array.ndim != 1 or array.dtype.kind not in "biuU":
        kind = f"{array.dtype} {list(array.shape)}" if isinstance(array, np.ndarray) else "archive"
        raise UserError(f"{path} is {kind}; it must be integers or strings [N]")
    return np.array(array if array.dtype.kind == "U" else array.astype(np.int64))


def _encoded(root: Path, labels: dict[str, Array]) -> tuple[dict[str, Integers], tuple[str, ...]]:
    """Return the labels as indices into the class names that are returned beside them."""
    if len({part.dtype.kind for part in labels.values()}) > 1:
        raise UserError(f"{root} mixes integer and string labels")
    values = np.unique(np.concatenate([np.unique(part) for part in labels.values()]))
    names = _class_names(root / CLASSES)
    if names is None:
        encoded = {name: np.searchsorted(values, part) for name, part in labels.items()}
        return encoded, tuple(str(value) for value in values.tolist())
    if values.dtype.kind == "U":
        for value in values.tolist():
            if value not in names:
                raise UserError(f"{root}: {unknown('label', value, names)}")
        index = np.array([names.index(value) for value in values.tolist()], np.int64)
        return {name: index[np.searchsorted(values, part)] for name, part in labels.items()}, names
    if values[0] < 0 or values[-1] >= len(names):
        raise UserError(
            f"{root} has labels from {values[0]} to {values[-1]}; {CLASSES} has {len(names)} "
            f"names, for labels 0 to {len(names) - 1}"
        )
    return labels, names


def _class_names(path: Path) -> tuple[str, ...] | None:
    refuse_special(str(path))
    try:
        names = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UserError(f'{path} must be a list of names, such as ["common", "rare"]')
    if len(set(names)) < len(names):
        raise UserError(f"{path} names a class twice: {names}")
    return tuple(names)
