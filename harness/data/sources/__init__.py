"""Where examples come from: one module a source, imported only when it is asked for."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np

from harness.config.data import (
    Data,
    DigitsData,
    FolderData,
    HuggingFaceData,
    IdxData,
    KerasData,
    NpyData,
    NpzData,
    TableData,
)
from harness.config.section import ClassName
from harness.data.classes import named_class
from harness.data.examples import Examples, in_memory
from harness.data.names import alike, composed, merged
from harness.data.originals import Originals
from harness.errors import UserError

if TYPE_CHECKING:
    from harness.data.images import Preparation

_MODULES: dict[type[Data], str] = {
    DigitsData: "digits",
    IdxData: "idx",
    KerasData: "keras_datasets",
    NpzData: "npz",
    NpyData: "npy",
    FolderData: "folder",
    TableData: "table",
    HuggingFaceData: "huggingface",
}


@dataclass(frozen=True)
class Source:
    """What a source holds: training examples, its own validation and test sets if it has any.

    `preparation` is what it took to decode the images of a source that reads image files,
    `originals` what these files were.
    """

    train: Examples
    validation: Examples | None
    test: Examples | None
    notes: tuple[str, ...]
    preparation: "Preparation | None" = None
    originals: Originals | None = None

    def identified(self) -> "Source":
        """Return the same with the ids of all examples, which no view of them computes again."""

        def part(examples: Examples) -> Examples:
            return replace(examples, identities=examples.ids)

        return replace(
            self,
            train=part(self.train),
            validation=self.validation and part(self.validation),
            test=self.test and part(self.test),
        )

    @property
    def is_in_memory(self) -> bool:
        """Whether all inputs are arrays in this process, none of them in a file."""
        parts = (self.train, self.validation, self.test)
        return all(in_memory(part.inputs) for part in parts if part is not None)

    @cached_property
    def digest(self) -> str:
        """A fingerprint of all examples, in their order, whichever of them a seed will use."""
        summary = hashlib.blake2b(digest_size=16)
        for part in (self.train, self.validation, self.test):
            if part is None:
                continue
            summary.update(repr((part.class_names, part.inputs.shape)).encode())
            groups = () if part.groups is None else (part.groups.places,)
            for array in (part.ids, part.labels, *groups):
                summary.update(np.ascontiguousarray(array).data)
        return summary.hexdigest()


def load(data: Data) -> Source:
    """Read the source that `data` describes, with the classes that it keeps.

    Inputs are uint8 images `[N, H, W, C]` or float32 vectors `[N, F]`. Names of classes are in
    composed form (NFC), and classes of one name are one. Raises UserError for whatever cannot be
    read, for an unknown class, and for fewer than two classes.
    """
    refuse_special(getattr(data, "path", None) or "")
    source: Source = import_module(f"{__name__}.{_MODULES[type(data)]}").load(data)
    source = _composed(source)
    if data.classes is not None:
        source = _only(source, data.classes)
    source = replace(source, notes=(*source.notes, *alike(source.train.class_names)))
    if source.train.n_classes < 2:
        raise UserError(
            f"the data have {source.train.n_classes} class(es) {list(source.train.class_names)}; "
            "at least 2 are needed"
        )
    return source


def refuse_special(path: str) -> None:
    """Raise UserError for what is neither file nor folder: a pipe would be waited for for ever."""
    usual = os.path.isfile(path) or os.path.isdir(path)  # noqa: PTH112, PTH113  (pathlib's may raise)
    if not usual and os.path.exists(path):  # noqa: PTH110
        raise UserError(f"{path} is neither a file nor a folder, but a pipe or a device")


def _composed(source: Source) -> Source:
    """Return the source with the names of its classes composed; those that become one are one."""
    names = [composed(name) for name in source.train.class_names]
    if names == list(source.train.class_names):
        return source
    kept = tuple(dict.fromkeys(names))
    relabelled = _relabelled(source, [kept.index(name) for name in names], kept)
    return replace(relabelled, notes=(*source.notes, *merged(source.train.class_names)))


def _only(source: Source, classes: Sequence[ClassName]) -> Source:
    names = source.train.class_names
    kept = [named_class(name, names, "data.classes") for name in classes]
    if len(set(kept)) < len(kept):
        raise UserError(f"data.classes names a class twice: {list(classes)}")
    new = np.full(len(names), -1)
    new[kept] = np.arange(len(kept))
    return _relabelled(source, new.tolist(), tuple(names[label] for label in kept))


def _relabelled(source: Source, new: Sequence[int], names: tuple[str, ...]) -> Source:
    """Return the source with a new label for each old one, and without those that have -1."""

    def part(examples: Examples) -> Examples:
        labels = np.array(new, np.int64)[examples.labels]
        kept = np.flatnonzero(labels >= 0)
        return replace(examples.take(kept), labels=labels[kept], class_names=names)

    return replace(
        source,
        train=part(source.train),
        validation=source.validation and part(source.validation),
        test=source.test and part(source.test),
    )
