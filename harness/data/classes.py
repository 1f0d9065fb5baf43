"""Classes: as a user names them, and by how many examples they have."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from harness.data.examples import Floats, Integers
from harness.data.names import composed
from harness.errors import UserError, first_few, unknown

_INDEX = re.compile(r"index ([0-9]{1,9})")


def named_class(name: str | int, class_names: Sequence[str], where: str = "") -> int:
    """Return the index of a class given by its name, or as `index 3`: its place, counted from 0.

    A number is the name that it is written as.

    Raises:
        UserError: there is none; the line begins with `where` it was named.

    """
    text = composed(str(name))
    if text in class_names:
        return class_names.index(text)
    found = _INDEX.fullmatch(text)
    if found and int(found[1]) < len(class_names):
        return int(found[1])
    line = unknown("class", text, class_names)
    if text.isdecimal() and int(text) < len(class_names):
        line += f"; a class by its place, counted from 0, is written 'index {int(text)}'"
    raise UserError(f"{where}: " * bool(where) + line)


def per_class(where: str, numbers: Mapping[Any, float], class_names: Sequence[str]) -> Floats:
    """Return one positive number for each class, `[C]`, from a mapping by name or index.

    Raises:
        UserError: a class is unknown, given twice or left out, or its number is not positive.

    """
    values = np.full(len(class_names), np.nan)
    for key, value in numbers.items():
        index = named_class(key, class_names, where)
        name = class_names[index]
        if not np.isnan(values[index]):
            raise UserError(f"{where}: class {name!r} is given twice")
        if not (np.isfinite(value) and value > 0):
            raise UserError(f"{where}: class {name!r} has {value}, not a positive number")
        values[index] = value
    missing = [name for name, value in zip(class_names, values, strict=True) if np.isnan(value)]
    if missing:
        raise UserError(
            f"{where}: every class must get a number, but {first_few(missing)} got none"
        )
    return values


def rarest(counts: Integers) -> int:
    """Return the class with the fewest training examples, the last one of several."""
    return int(len(counts) - 1 - np.argmin(counts[::-1]))


def few_of_each(labels: Integers, n_classes: int, few: int = 8) -> Integers:
    """Return the positions of the first few examples of each class."""
    found = [np.flatnonzero(labels == index)[:few] for index in range(n_classes)]
    return np.concatenate(found).astype(np.int64)
