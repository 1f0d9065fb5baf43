"""Where examples come from: one module a source, imported only when it is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np

from harness.config.data import (
    Data,
    DigitsData,
    FolderData,
    IdxData,
    KerasData,
    NpyData,
    NpzData,
    TableData,
)
from harness.config.section import ClassName
from harness.data.classes import named_class
from harness.data.examples import Examples
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
}


@dataclass(frozen=True)
class Source:
    """What a source holds: training examples, its own validation and test sets if it has any.

    `preparation` is what it took to decode the images of a source that reads image files.
    """

    train: Examples
    validation: Examples | None
    test: Examples | None
    notes: tuple[str, ...]
    preparation: "Preparation | None" = None


def load(data: Data) -> Source:
    """Read the source that `data` describes, with the classes that it keeps.

    Inputs are uint8 images `[N, H, W, C]` or float32 vectors `[N, F]`. Raises UserError for
    whatever cannot be read, for an unknown class, and for fewer than two classes.
    """
    source: Source = import_module(f"{__name__}.{_MODULES[type(data)]}").load(data)
    if data.classes is not None:
        source = _only(source, data.classes)
    if source.train.n_classes < 2:
        raise UserError(
            f"the data have {source.train.n_classes} class(es) {list(source.train.class_names)}; "
            "at least 2 are needed"
        )
    return source


def _only(source: Source, classes: Sequence[ClassName]) -> Source:
    kept = [named_class(name, source.train.class_names) for name in classes]
    if len(set(kept)) < len(kept):
        raise UserError(f"data.classes names a class twice: {list(classes)}")
    return replace(
        source,
        train=_keep(source.train, kept),
        validation=source.validation and _keep(source.validation, kept),
        test=source.test and _keep(source.test, kept),
    )


def _keep(examples: Examples, kept: Sequence[int]) -> Examples:
    new_label = np.full(examples.n_classes, -1, dtype=np.int64)
    new_label[list(kept)] = np.arange(len(kept))
    labels = new_label[examples.labels]
    positions = np.flatnonzero(labels >= 0)
    names = tuple(examples.class_names[label] for label in kept)
    return replace(examples.take(positions), labels=labels[positions], class_names=names)
