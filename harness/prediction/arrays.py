"""Arrays of inputs: an `.npy` file, or an `.npz` archive with `x`, and `y` if classes are known."""

from pathlib import Path
from typing import Any

import numpy as np

from harness.data import value_range
from harness.data.examples import Array, Inputs, Integers
from harness.data.sources.arrays import refuse_channels_first
from harness.data.sources.npy import mapped
from harness.data.stored import StoredRows
from harness.decoding.depth import Extent, Scale
from harness.errors import UserError
from harness.export.description import Input
from harness.prediction.parts import UNKNOWN, Classes, Rows

SUFFIXES = (".npy", ".npz")
INPUTS, LABELS = "x", "y"
BLOCK_BYTES = 16 << 20


def opened(path: Path, classes: Classes, takes: Input) -> Rows:
    """Return the rows of an array, and their classes where an archive has them.

    Raises UserError for what is no plain array, or of another size than the model takes.
    """
    array, truth = mapped(path), None
    if isinstance(array, np.lib.npyio.NpzFile):
        array, truth = _of_archive(path, array)
        inputs: Inputs = array
    elif array.flags.c_contiguous:
        inputs = StoredRows(path, array.offset, array.shape, array.dtype)
    else:
        raise UserError(f"{path} is in Fortran order; save numpy.ascontiguousarray of it")
    if not (len(inputs.shape) and len(inputs)):
        raise UserError(f"{path} is empty; it must hold {_shape(takes)}")
    _refuse_other(path, inputs, takes)
    labels, notes = _labels(path, truth, len(inputs), classes)
    by = f"array {LABELS}" if (labels >= 0).any() else ""
    return Rows(str(path), inputs, labels, _scale(path, inputs, takes), by, notes)


def blocks(inputs: Inputs, most: int | None = None) -> list[Integers]:
    """Return the numbers of all rows, in blocks of at most so many, or of so little memory."""
    row_bytes = int(np.prod(inputs.shape[1:], dtype=np.int64)) * inputs.dtype.itemsize
    step = most or max(1, BLOCK_BYTES // max(1, row_bytes))
    return [
        np.arange(start, min(start + step, len(inputs))) for start in range(0, len(inputs), step)
    ]


def _of_archive(path: Path, archive: Any) -> tuple[Array, Array | None]:
    with archive:
        names = [INPUTS] if INPUTS in archive.files else archive.files
        if len(names) != 1:
            found = ", ".join(archive.files) or "none"
            raise UserError(f"{path} must hold the array {INPUTS}; it holds {found}")
        try:
            return archive[names[0]], archive[LABELS] if LABELS in archive.files else None
        except Exception as error:  # what reading a damaged archive raises has no common base
            reason = " ".join(str(error).split()) or type(error).__name__
            if "allow_pickle" in reason:
                reason = "it holds Python objects, which are not read; save numbers"
            raise UserError(f"{path} cannot be read: {reason}") from error


def _refuse_other(path: Path, inputs: Inputs, takes: Input) -> None:
    refuse_channels_first(inputs.shape, str(path))
    shape = inputs.shape[1:] if takes.size is None or len(inputs.shape) == 4 else _grey(inputs)
    if shape != takes.shape or inputs.dtype.kind not in "uif":
        raise UserError(
            f"{path} is {inputs.dtype} {list(inputs.shape)}, but the model takes {_shape(takes)}; "
            "image files are resized, arrays are not"
        )


def _grey(inputs: Inputs) -> tuple[int, ...]:
    return (*inputs.shape[1:], 1)


def _shape(takes: Input) -> str:
    return f"{takes.dtype} [N, {', '.join(map(str, takes.shape))}]"


def _labels(
    path: Path, truth: Array | None, count: int, classes: Classes
) -> tuple[Integers, tuple[str, ...]]:
    """Return classes as indices `[N]`: by their names, or by numbers where no name is a number."""
    if truth is None:
        return np.full(count, UNKNOWN, np.int64), ()
    flat = truth.ravel()
    if len(flat) != count or flat.dtype.kind not in "biuU":
        raise UserError(
            f"{path}: {LABELS} is {truth.dtype} {list(truth.shape)}; it must be the "
            f"{count} classes of {INPUTS}, as integers or strings"
        )
    labels, notes = classes.indices([str(value) for value in flat.tolist()])
    if flat.dtype.kind != "U" and (labels == UNKNOWN).all():
        places = flat.astype(np.int64)
        known = (places >= 0) & (places < len(classes.names))
        if known.all():
            return places, ()
    return labels, tuple(f"{path}: {note}" for note in notes)


def _scale(path: Path, inputs: Inputs, takes: Input) -> Scale | None:
    """Return which values become black and white, as training takes them; None: they stay."""
    if takes.dtype != "uint8" or inputs.dtype == np.uint8:
        return None
    if takes.value_range is not None:
        return takes.value_range
    extents = (_extent(inputs[rows]) for rows in blocks(inputs))
    found = value_range.overall(each for each in extents if each is not None)
    if found is None:
        return None
    try:
        return value_range.chosen(None, found, str(path))
    except UserError as error:
        raise UserError(
            f"{path}: values go from {found.low:g} to {found.high:g}, which is not the scale of "
            f"their type (0 to {found.full:g}), as the model takes them; save uint8"
        ) from error


def _extent(values: Array) -> Extent | None:
    """Return the lowest and the highest finite value, and the full scale of the type."""
    finite = values[np.isfinite(values)]
    full = 1.0 if values.dtype.kind == "f" else float(np.iinfo(values.dtype).max)
    return Extent(float(finite.min()), float(finite.max()), full) if finite.size else None
