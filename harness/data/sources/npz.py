"""NumPy archives: `x` and `y`, or `x_train`, `y_train` and the same for validation and test."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.config.data import NpzData
from harness.data.examples import Array, Examples, Integers
from harness.data.sources import Source
from harness.errors import UserError, unknown

_KEYS = ("x", "y", "x_train", "y_train", "x_validation", "y_validation", "x_test", "y_test")


def load(section: NpzData) -> Source:
    """Return uint8 images `[N, H, W, C]` or float32 vectors `[N, F]`, as the archive has them.

    Raises UserError, naming the file, for arrays that are missing or of the wrong kind.
    """
    path = Path(section.path)
    arrays = _read(path)
    splits = {name: _pair(arrays, suffix, path) for name, suffix in _layout(arrays, path).items()}
    shapes = {inputs.shape[1:] for inputs, _ in splits.values()}
    if len(shapes) > 1:
        raise UserError(f"{path} holds inputs of different shapes: {sorted(shapes)}")
    labels, names = _encoded(
        {name: labels for name, (_, labels) in splits.items()}, section.class_names, path
    )
    examples = {name: Examples(inputs, labels[name], names) for name, (inputs, _) in splits.items()}
    return Source(examples["train"], examples.get("validation"), examples.get("test"), ())


def _read(path: Path) -> dict[str, Array]:
    try:
        archive = np.load(path, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise UserError(f"{path} is a single array; save it with numpy.savez(path, x=, y=)")
        with archive:
            return {key: _array(archive, key) for key in _known(archive.files, path)}
    except FileNotFoundError as error:
        raise UserError(f"data.path {path} does not exist; it must be an .npz file") from error
    except UserError:
        raise
    except Exception as error:  # what reading a damaged archive raises has no common base
        raise UserError(f"{path} cannot be read as an .npz file: {_reason(error)}") from error


def _array(archive: Any, key: str) -> Array:
    try:
        array: Array = archive[key]
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        raise ValueError(
            f"array {key} holds Python objects, which are not read; save numbers or strings"
        ) from error
    return array


def _reason(error: Exception) -> str:
    """Return one line; NumPy takes any file that is not its own for a pickle."""
    if "allow_pickle" in str(error):
        return "it is another kind of file; save it with numpy.savez(path, x=, y=)"
    return " ".join(str(error).split()) or type(error).__name__


def _known(keys: list[str], path: Path) -> list[str]:
    for key in keys:
        if key.startswith(("x_", "y_")) and key not in _KEYS:
            raise UserError(f"{path}: {unknown('array', key, _KEYS)}")
    return [key for key in keys if key in _KEYS]


def _layout(arrays: Mapping[str, Array], path: Path) -> dict[str, str]:
    """Return the splits that the archive has, each with the suffix of its keys."""
    train = {suffix for suffix in ("", "_train") if f"x{suffix}" in arrays}
    if len(train) != 1:
        found = ", ".join(sorted(arrays)) or "none of them"
        raise UserError(f"{path} must hold either x and y or x_train and y_train; found {found}")
    others = [
        name for name in ("validation", "test") if f"x_{name}" in arrays or f"y_{name}" in arrays
    ]
    return {"train": train.pop(), **{name: f"_{name}" for name in others}}


def _pair(arrays: Mapping[str, Array], suffix: str, path: Path) -> tuple[Array, Array]:
    for key in (f"x{suffix}", f"y{suffix}"):
        if key not in arrays:
            raise UserError(f"{path} lacks the array {key}")
    inputs = _inputs(arrays[f"x{suffix}"], f"{path}: x{suffix}")
    labels = _labels(arrays[f"y{suffix}"], f"{path}: y{suffix}")
    if len(inputs) != len(labels):
        raise UserError(
            f"{path}: x{suffix} holds {len(inputs)} examples but y{suffix} {len(labels)} labels"
        )
    return inputs, labels


def _inputs(array: Array, where: str) -> Array:
    if array.size == 0:
        raise UserError(f"{where} is empty")
    if array.ndim in (3, 4) and array.dtype == np.uint8:
        return array if array.ndim == 4 else array[..., np.newaxis]
    if array.ndim == 2 and array.dtype.kind in "biuf":
        return _vectors(array, where)
    raise UserError(
        f"{where} is {array.dtype} {list(array.shape)}; it must be uint8 images [N, H, W] or "
        "[N, H, W, C], or numbers [N, F]"
    )


def _vectors(array: Array, where: str) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        vectors = array.astype(np.float32)
    if not np.isfinite(vectors).all():
        raise UserError(f"{where} holds numbers that are not finite as float32")
    return vectors


def _labels(array: Array, where: str) -> Array:
    flat = array.ravel() if array.ndim == 2 and array.shape[1] == 1 else array
    if flat.ndim != 1 or flat.dtype.kind not in "biuUS":
        raise UserError(
            f"{where} is {array.dtype} {list(array.shape)}; it must be integers or strings [N]"
        )
    if flat.dtype.kind != "S":
        return flat.astype(np.int64) if flat.dtype.kind in "biu" else flat
    try:
        return np.char.decode(flat, "utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{where} holds strings that are not UTF-8") from error


def _encoded(
    labels: Mapping[str, Array], class_names: list[str] | None, path: Path
) -> tuple[dict[str, Integers], tuple[str, ...]]:
    """Return the labels as indices into the class names that are returned beside them."""
    if len({part.dtype.kind for part in labels.values()}) > 1:
        raise UserError(f"{path} mixes integer and string labels")
    values: list[Any] = np.unique(np.concatenate(list(labels.values()))).tolist()
    known = values if class_names is None else _given(values, class_names, path)
    index = {value: position for position, value in enumerate(known)}
    encoded = {
        name: np.array([index[value] for value in part.tolist()], dtype=np.int64)
        for name, part in labels.items()
    }
    return encoded, tuple(str(value) for value in class_names or known)


def _given(values: list[Any], class_names: list[str], path: Path) -> list[Any]:
    if len(set(class_names)) < len(class_names):
        raise UserError(f"data.class_names names a class twice: {class_names}")
    if isinstance(values[0], str):
        for value in values:
            if value not in class_names:
                raise UserError(f"{path}: {unknown('label', value, class_names)}")
        return list(class_names)
    if values[0] < 0 or values[-1] >= len(class_names):
        raise UserError(
            f"{path} holds labels from {values[0]} to {values[-1]}; data.class_names has "
            f"{len(class_names)} names, for labels 0 to {len(class_names) - 1}"
        )
    return list(range(len(class_names)))
