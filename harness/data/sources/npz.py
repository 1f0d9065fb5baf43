"""NumPy archives: `x` and `y`, or `x_train`, `y_train` and the same for validation and test."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.config.data import NpzData
from harness.data.examples import Array, Examples, Integers, identities, under
from harness.data.sources import Source
from harness.data.sources.arrays import in_bytes, refuse_channels_first
from harness.data.value_range import Asked
from harness.errors import UserError, unknown

_KEYS = ("x", "y", "x_train", "y_train", "x_validation", "y_validation", "x_test", "y_test")
_SPLITS = {"train": "train", "val": "validation", "valid": "validation", "test": "test"}
_OTHER_KEYS = {  # MedMNIST's, and validation cut short
    f"{split}_{kind}": f"{letter}_{name}"
    for split, name in _SPLITS.items()
    for kind, letter in (("images", "x"), ("labels", "y"))
} | {f"{letter}_{short}": f"{letter}_validation" for letter in "xy" for short in ("val", "valid")}


def load(section: NpzData) -> Source:
    """Return uint8 images `[N, H, W, C]` or float32 vectors `[N, F]`, as the archive has them.

    Raises UserError, naming the file, for arrays that are missing or of the wrong kind.
    """
    path = Path(section.path)
    arrays = _read(path)
    splits = {name: _pair(arrays, suffix, path) for name, suffix in _layout(arrays, path).items()}
    shapes = {inputs.shape[1:] for inputs, _ in splits.values()}
    types = {inputs.dtype for inputs, _ in splits.values()}
    if len(shapes) > 1 or len(types) > 1:
        what = f"{sorted(shapes)}, {sorted(map(str, types))}"
        raise UserError(f"{path} holds inputs of different shapes or types: {what}")
    raw = {name: inputs for name, (inputs, _) in splits.items()}
    inputs, remark = _inputs(raw, section.value_range, str(path))
    labels, names = _encoded(
        {name: labels for name, (_, labels) in splits.items()}, section.class_names, path
    )
    examples = {
        name: Examples(
            inputs[name],
            labels[name],
            names,
            identities=under(identities(np.ascontiguousarray(raw[name])), remark or "")
            if raw[name].dtype != inputs[name].dtype
            else None,
        )
        for name in raw
    }
    notes = (remark,) if remark else ()
    return Source(examples["train"], examples.get("validation"), examples.get("test"), notes)


def _read(path: Path) -> dict[str, Array]:
    try:
        archive = np.load(path, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise UserError(f"{path} is a single array; save it with numpy.savez(path, x=, y=)")
        with archive:
            known = _known(archive.files, path)
            return {name: _array(archive, key) for name, key in known.items()}
    except FileNotFoundError as error:
        raise UserError(f"data.path {path} does not exist; it must be an .npz file") from error
    except UserError:
        raise
    except Exception as error:  # what reading a damaged archive raises has no common base
        raise UserError(f"{path} cannot be read as an .npz file: {_reason(error)}") from error


def _array(archive: Any, key: str) -> Array:
    try:
        array: object = archive[key]
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        raise ValueError(
            f"array {key} holds Python objects, which are not read; save numbers or strings"
        ) from error
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{key} holds no array; save it with numpy.savez")
    return array


def _reason(error: Exception) -> str:
    """Return one line; NumPy takes any file that is not its own for a pickle."""
    if "allow_pickle" in str(error):
        return "it is another kind of file; save it with numpy.savez(path, x=, y=)"
    return " ".join(str(error).split()) or type(error).__name__


def _known(keys: list[str], path: Path) -> dict[str, str]:
    """Return the keys that hold examples by the names that they have here."""
    known: dict[str, str] = {}
    for key in keys:
        name = _OTHER_KEYS.get(key, key)
        if name in known:
            raise UserError(f"{path} holds both {known[name]} and {key}; keep one of them")
        if name in _KEYS:
            known[name] = key
        elif key.startswith(("x_", "y_")):
            raise UserError(f"{path}: {unknown('array', key, _KEYS)}")
    return known


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
    inputs = _checked(arrays[f"x{suffix}"], f"{path}: x{suffix}")
    labels = _labels(arrays[f"y{suffix}"], f"{path}: y{suffix}")
    if len(inputs) != len(labels):
        raise UserError(
            f"{path}: x{suffix} holds {len(inputs)} examples but y{suffix} {len(labels)} labels"
        )
    return inputs, labels


def _checked(array: Array, where: str) -> Array:
    """Return images `[N, H, W, C]` or vectors `[N, F]`, of the numbers that they are saved in."""
    if array.size == 0:
        raise UserError(f"{where} is empty")
    if array.ndim in (3, 4) and array.dtype.kind in "uif":
        refuse_channels_first(array.shape, where)
        return array if array.ndim == 4 else array[..., np.newaxis]
    if array.ndim == 2 and array.dtype.kind in "biuf":
        return _vectors(array, where)
    raise UserError(
        f"{where} is {array.dtype} {list(array.shape)}; it must be images [N, H, W] or "
        "[N, H, W, C], or numbers [N, F]"
    )


def _inputs(raw: Mapping[str, Array], asked: Asked, where: str) -> tuple[Mapping[str, Array], str]:
    """Return uint8 images or float32 vectors, and a remark on what became of other values."""
    first = raw["train"]
    if first.ndim == 2 or first.dtype == np.uint8:
        return raw, ""
    return in_bytes(raw, asked, where)


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
