"""Inputs as the model takes them, some at a time: decoded by the rule that training decodes by."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from harness.data import value_range
from harness.data.examples import Array, Integers
from harness.data.images.workers import Workers
from harness.decoding.decoder import Decoder
from harness.decoding.depth import Extent
from harness.decoding.files import File
from harness.export.description import Input
from harness.prediction.arrays import blocks
from harness.prediction.parts import Files, Item, Part, Rows

MOST, BYTES = 256, 32 << 20
LISTED = 8192
NOT_FINITE = "it holds values that are not finite"
Each = TypeVar("Each")
Booleans = NDArray[np.bool_]


class Unreadable(NamedTuple):
    """An input that can't be read, and why."""

    name: str
    reason: str


@dataclass(frozen=True, eq=False)
class Batch:
    """Inputs `[n, ...]` that could be read, their names and true classes (-1: unknown), `[n]`.

    `extent` are the values of those among them that have more than 8 bits.
    """

    names: Sequence[str]
    inputs: Array
    labels: Integers
    unreadable: Sequence[Unreadable] = ()
    extent: Extent | None = None

    def only(self, rows: Booleans, reason: str) -> "Batch":
        """Return it with these rows, `[n]`; the others count as unreadable."""
        names = np.array(self.names, object)
        others = [Unreadable(name, reason) for name in names[~rows]]
        return replace(
            self,
            names=names[rows].tolist(),
            inputs=self.inputs[rows],
            labels=self.labels[rows],
            unreadable=[*self.unreadable, *others],
        )


def batches(parts: Iterable[Part], takes: Input) -> Iterator[Batch]:
    """Yield all inputs in order, at most 256 at a time, and fewer of large ones."""
    size = min(MOST, max(1, BYTES // int(np.prod(takes.shape))))
    for part in parts:
        yield from _rows(part, takes, size) if isinstance(part, Rows) else _files(part, takes, size)


def _files(part: Files, takes: Input, size: int) -> Iterator[Batch]:
    assert takes.size is not None, "a model of vectors is given no files"
    decoder = Decoder(*takes.size, takes.channels, takes.max_pixels, takes.value_range)
    with closing(Workers(Path(), decoder)) as workers:
        for pairs in _in_portions(_decoded(part.items(), workers), size):
            yield _batch(pairs, decoder)


def _decoded(items: Iterator[Item], workers: Workers) -> Iterator[tuple[Item, File]]:
    for listed in _in_portions(items, LISTED):
        examined = workers.examine([item.path for item in listed])
        yield from zip(listed, (file for files in examined for file in files), strict=True)


def _batch(pairs: Sequence[tuple[Item, File]], decoder: Decoder) -> Batch:
    good = [(item, file) for item, file in pairs if file.reason is None]
    pixels = np.frombuffer(b"".join(file.pixels for _, file in good), np.uint8)
    return Batch(
        [item.name for item, _ in good],
        pixels.reshape(len(good), *decoder.shape),
        np.array([item.label for item, _ in good], np.int64),
        [Unreadable(item.name, file.reason) for item, file in pairs if file.reason is not None],
        value_range.overall(file.extent for _, file in good if file.extent is not None),
    )


def _rows(part: Rows, takes: Input, size: int) -> Iterator[Batch]:
    for rows in blocks(part.inputs, size):
        values = part.inputs[rows].reshape(len(rows), *takes.shape)
        if part.scale is None:
            with np.errstate(over="ignore"):
                values = values.astype(takes.dtype, copy=False)
        finite = np.isfinite(values).reshape(len(rows), -1).all(axis=1)
        kept = values[finite]
        yield Batch(
            [_name(part, row) for row in rows[finite].tolist()],
            kept if part.scale is None else value_range.as_bytes(kept, part.scale),
            part.labels[rows[finite]],
            [Unreadable(_name(part, row), NOT_FINITE) for row in rows[~finite].tolist()],
        )


def _name(part: Rows, row: int) -> str:
    return f"{part.name}[{row}]"


def _in_portions(each: Iterable[Each], size: int) -> Iterator[list[Each]]:
    rest = iter(each)
    while portion := list(islice(rest, size)):
        yield portion
