"""Numbers that a user gives class by class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from harness.errors import UserError, unknown

if TYPE_CHECKING:
    from harness.data.examples import Floats


def per_class(what: str, given: Mapping[str | int, float], names: Sequence[str]) -> Floats:
    """Return one positive number for each class, `[C]`, from a mapping by name or index.

    Raises:
        UserError: a class is unknown, given twice or left out, or its number is not positive.

    """
    import numpy as np

    from harness.data.examples import class_index

    values = np.full(len(names), np.nan)
    for key, value in given.items():
        index = class_index(key, names)
        if index is None:
            raise UserError(f"{what}: " + unknown("class", str(key), names))
        if not np.isnan(values[index]):
            raise UserError(f"{what}: class {names[index]!r} is given twice")
        if not (np.isfinite(value) and value > 0):
            raise UserError(f"{what}: class {names[index]!r} has {value}, not a positive number")
        values[index] = value
    missing = [name for name, value in zip(names, values, strict=True) if np.isnan(value)]
    if missing:
        raise UserError(f"{what}: every class must get a number, but {', '.join(missing)} got none")
    return values
