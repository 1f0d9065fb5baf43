"""Data that nobody may change: arrays without a way to write them, and a digest to tell by."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.data.examples import Array, Examples, Groups, Inputs, Joined, Subset, constant


def frozen(examples: Examples) -> Examples:
    """Return the same examples with arrays that can't be written, neither by their bases.

    Labels, rows and groups are copied into memory that no flag makes writable again. Inputs are
    marked as read-only where they are: there may be gigabytes of them.
    """
    groups = examples.groups
    return replace(
        examples,
        inputs=_frozen_inputs(examples.inputs),
        labels=constant(examples.labels),
        groups=groups and Groups(constant(groups.places), tuple(groups.names)),
        names=None if examples.names is None else _frozen_inputs(examples.names),
    )


def contents(*parts: Examples) -> str:
    """Return a fingerprint of what is in memory of some examples; what lies in files is left out.

    It takes a second for a gigabyte, far less than it takes to train on that.
    """
    summary, done = hashlib.blake2b(digest_size=16), set[int]()
    for part in parts:
        summary.update(repr((part.class_names, part.inputs.shape)).encode())
        for array in _arrays(part):
            if id(array) not in done:
                done.add(id(array))
                summary.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return summary.hexdigest()


def _arrays(examples: Examples) -> Iterator[NDArray[Any]]:
    yield examples.labels
    yield examples.counts
    if examples.groups is not None:
        yield examples.groups.places
    yield from _in_memory(examples.inputs)


def _in_memory(inputs: Inputs) -> Iterator[NDArray[Any]]:
    if isinstance(inputs, Subset):
        yield inputs.rows
        yield from _in_memory(inputs.inputs)
    elif isinstance(inputs, Joined):
        for part in inputs.parts:
            yield from _in_memory(part)
    elif isinstance(inputs, np.ndarray) and not isinstance(inputs, np.memmap):
        yield inputs


def _frozen_inputs(inputs: Inputs) -> Inputs:
    if isinstance(inputs, Subset):
        return Subset(_frozen_inputs(inputs.inputs), constant(inputs.rows))
    if isinstance(inputs, Joined):
        return Joined(tuple(map(_frozen_inputs, inputs.parts)))
    if isinstance(inputs, np.ndarray):
        _lock(inputs)
    return inputs


def _lock(array: Array) -> None:
    """Mark an array as read-only, and all that it is a view of."""
    while isinstance(array, np.ndarray):
        array.setflags(write=False)
        array = array.base  # type: ignore[assignment]
