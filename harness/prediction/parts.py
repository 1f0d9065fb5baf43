"""What a user names for prediction, opened: image files to be decoded, or rows of an array."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from harness.data.examples import Inputs, Integers
from harness.data.names import composed
from harness.decoding.depth import Scale

UNKNOWN = -1


class Item(NamedTuple):
    """An image file: what to call it, where it lies, and its true class, or -1 if unknown."""

    name: str
    path: str
    label: int


@dataclass(frozen=True, eq=False)
class Files:
    """Image files, listed anew each time, so that memory never holds all of them.

    `labelled` says by what the true classes are known; nothing stands for no classes.
    """

    count: int
    items: Callable[[], Iterator[Item]]
    labelled: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Rows:
    """Inputs in an array `[N, ...]`, read a few at a time, with their classes or -1, `[N]`.

    The ends of `scale` become black and white, where there is one.
    """

    name: str
    inputs: Inputs
    labels: Integers
    scale: Scale | None
    labelled: str = ""
    notes: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """The number of rows."""
        return len(self.inputs)


Part = Files | Rows


class Columns(NamedTuple):
    """How a table names its columns, and where its paths count from; None: as by default."""

    path: str | None = None
    label: str | None = None
    root: str | None = None
    suffix: str = ""


@dataclass(frozen=True)
class Classes:
    """The names of a model's classes, for those who name them."""

    names: tuple[str, ...]

    def index(self, name: str) -> int:
        """Return the place of a class, or -1 for what is none."""
        text = composed(name)
        return self.names.index(text) if text in self.names else UNKNOWN

    def indices(self, names: list[str]) -> tuple[Integers, tuple[str, ...]]:
        """Return the place of each class `[N]`, or -1, and a note on names that are none.

        An empty name is one that is not known.
        """
        known = {name: self.index(name) for name in set(names)}
        labels = np.array([known[name] for name in names], np.int64)
        strange = [name for name in names if name and known[name] == UNKNOWN]
        if not strange:
            return labels, ()
        return labels, (
            f"{len(strange):,} labels are no classes of the model (the first is {strange[0]!r}) "
            "and are not scored",
        )
