"""Inputs with their labels: in memory, in a file, or a view of either that copies nothing."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from harness.decoding.files import identity

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Identities = NDArray[np.uint64]
Array = NDArray[Any]
Number = TypeVar("Number", bound=np.generic)
BLOCK_BYTES = 4 << 20


class Inputs(Protocol):
    """What a pool of inputs must offer; `numpy.ndarray` and `numpy.memmap` do as they are."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Integers, /) -> Array: ...


@dataclass(frozen=True, eq=False)
class Subset:
    """Some rows of other inputs, in a given order, gathered only when asked for."""

    inputs: Inputs
    rows: Integers

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.rows), *self.inputs.shape[1:])

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.inputs.dtype

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: Integers) -> Array:
        return self.inputs[self.rows[rows]]


@dataclass(frozen=True, eq=False)
class Joined:
    """Several inputs of one shape and type, end to end, without copying any of them."""

    parts: tuple[Inputs, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return (sum(len(part) for part in self.parts), *self.parts[0].shape[1:])

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.parts[0].dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Integers) -> Array:
        gathered = np.empty((*rows.shape, *self.shape[1:]), self.dtype)
        start = 0
        for part in self.parts:
            inside = (rows >= start) & (rows < start + len(part))
            gathered[inside] = part[rows[inside] - start]
            start += len(part)
        return gathered


@dataclass(frozen=True, eq=False)
class Groups:
    """Which group (patient, site, video) each example is of: places in `names`, `[N]`."""

    places: Integers
    names: Sequence[str]

    def take(self, positions: Integers) -> "Groups":
        """Return the groups of the examples at `positions`."""
        return Groups(self.places[positions], self.names)


@dataclass(frozen=True, eq=False)
class Marks:
    """What tells examples apart without their inputs: ids `[N]`, labels `[N]` and names."""

    ids: Identities
    labels: Integers
    class_names: tuple[str, ...]
    names: Inputs | None

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class Examples:
    """Inputs `[N, ...]`, labels `[N]` in `0 .. C-1`, and the names of the `C` classes.

    `groups` are those of a source that has some. `names` are what a source calls its examples:
    text `[N]`, such as paths. `identities` are the `ids`, where they are known already.
    """

    inputs: Inputs
    labels: Integers
    class_names: tuple[str, ...]
    groups: Groups | None = None
    names: Inputs | None = None
    identities: Identities | None = None

    def __post_init__(self) -> None:
        if len(self.inputs) != len(self.labels):
            raise ValueError(f"{len(self.inputs)} inputs but {len(self.labels)} labels")

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def n_classes(self) -> int:
        return len(self.class_names)

    @cached_property
    def counts(self) -> Integers:
        """Number of examples of each class, `[C]`."""
        return constant(np.bincount(self.labels, minlength=self.n_classes).astype(np.int64))

    def take(self, positions: Integers) -> "Examples":
        """Return the examples at `positions`, as a view of the same inputs."""
        return Examples(
            _view(self.inputs, positions),
            self.labels[positions],
            self.class_names,
            self.groups and self.groups.take(positions),
            None if self.names is None else _view(self.names, positions),
            None if self.identities is None else self.identities[positions],
        )

    def joined(self, other: "Examples") -> "Examples":
        """Return these examples followed by `other`, without copying the inputs.

        Groups and names do not come along: examples that are made have none.
        """
        known = self.identities
        return Examples(
            Joined((self.inputs, other.inputs)),
            np.concatenate([self.labels, other.labels]),
            self.class_names,
            identities=None if known is None else np.concatenate([known, other.ids]),
        )

    def gather(self, positions: Integers) -> Array:
        """Return the inputs at `positions` as one array, `[*positions.shape, ...]`."""
        return self.inputs[positions]

    @cached_property
    def ids(self) -> Identities:
        """A number for each input that follows from its content alone, `[N]`."""
        if self.identities is not None:
            return constant(self.identities)
        found = np.empty(len(self), np.uint64)
        for rows in _blocks(self.inputs):
            found[rows] = identities(np.ascontiguousarray(self.inputs[rows]))
        return constant(found)

    @property
    def marks(self) -> Marks:
        """What tells these examples apart without their inputs."""
        return Marks(self.ids, self.labels, self.class_names, self.names)

    @property
    def n_groups(self) -> int | None:
        """How many groups the examples are of, or None where there are no groups."""
        return None if self.groups is None else len(np.unique(self.groups.places))

    @cached_property
    def digest(self) -> str:
        """A fingerprint of everything in here: inputs, by their ids, labels and class names."""
        summary = hashlib.blake2b(digest_size=16)
        header = (self.class_names, self.inputs.shape, str(self.inputs.dtype))
        summary.update(repr(header).encode())
        summary.update(np.ascontiguousarray(self.labels, dtype=np.int64).tobytes())
        summary.update(self.ids.tobytes())
        return summary.hexdigest()


def in_memory(inputs: Inputs) -> bool:
    """Tell whether all inputs are in the memory of this process, none of them in a file."""
    if isinstance(inputs, Subset):
        return in_memory(inputs.inputs)
    if isinstance(inputs, Joined):
        return all(map(in_memory, inputs.parts))
    return isinstance(inputs, np.ndarray) and not isinstance(inputs, np.memmap)


def constant(array: NDArray[Number]) -> NDArray[Number]:
    """Return a copy of an array in memory that nobody can write, whatever flag is set."""
    return np.frombuffer(array.tobytes(), array.dtype).reshape(array.shape)


def _view(inputs: Inputs, positions: Integers) -> Subset:
    if isinstance(inputs, Subset):
        return Subset(inputs.inputs, inputs.rows[positions])
    return Subset(inputs, positions)


def identities(inputs: Array) -> Identities:
    """Return a number for each input that follows from its content alone, `[N]`."""
    return np.frombuffer(b"".join(identity(each.data) for each in inputs), np.uint64)


def under(identities: Identities, rule: str) -> Identities:
    """Return other numbers for the same examples, as another rule shows them.

    Where ids follow from what a source holds, not from the inputs that are made of it, the rule
    that makes them tells the inputs apart.
    """
    salt = hashlib.blake2b(rule.encode(), digest_size=8).digest()
    return identities ^ np.frombuffer(salt, np.uint64)


def _blocks(inputs: Inputs) -> Iterator[Integers]:
    """Yield the rows of all inputs, so many at a time that little memory holds them."""
    row_bytes = int(np.prod(inputs.shape[1:], dtype=np.int64)) * inputs.dtype.itemsize
    step = max(1, BLOCK_BYTES // max(1, row_bytes))
    for start in range(0, len(inputs), step):
        yield np.arange(start, min(start + step, len(inputs)))
