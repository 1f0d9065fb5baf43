"""What all predictions come to: how many of each class, and how many were right."""

from typing import Any

import numpy as np

from harness.data import value_range
from harness.data.examples import Integers
from harness.decoding.depth import Extent
from harness.export.description import Input
from harness.prediction.batches import Unreadable
from harness.prediction.predict import Predicted
from harness.scoring.label_metrics import ratio
from harness.scoring.metrics import from_confusion


class Tally:
    """Counts over all predictions so far, of a fixed size but for what can't be read."""

    def __init__(self, class_names: tuple[str, ...]) -> None:
        n_classes = len(class_names)
        self.class_names = class_names
        self.labels: Integers = np.zeros(n_classes, np.int64)
        self.confusion: Integers = np.zeros((n_classes, n_classes), np.int64)
        self.changed = 0
        self.unreadable: list[Unreadable] = []
        self._extent: Extent | None = None

    @property
    def predicted(self) -> int:
        """How many inputs have a label."""
        return int(self.labels.sum())

    @property
    def scored(self) -> int:
        """How many of them have a true class."""
        return int(self.confusion.sum())

    def add(self, predicted: Predicted) -> None:
        """Count what a batch is taken for."""
        batch, n_classes = predicted.batch, len(self.class_names)
        known = batch.labels >= 0
        cells = batch.labels[known] * n_classes + predicted.labels[known]
        self.labels += np.bincount(predicted.labels, minlength=n_classes)
        self.confusion += np.bincount(cells, minlength=n_classes**2).reshape(n_classes, n_classes)
        self.changed += int((predicted.labels != predicted.argmax).sum())
        self.unreadable += batch.unreadable
        extents = (each for each in (self._extent, batch.extent) if each is not None)
        self._extent = value_range.overall(extents)

    def scores(self) -> dict[str, Any] | None:
        """Return balanced accuracy, and recall by class with counts; None without true classes.

        Balanced accuracy is the mean recall of the classes that have inputs.
        """
        if not self.scored:
            return None
        support, hits = self.confusion.sum(axis=1), np.diagonal(self.confusion)
        recalls = ratio(hits, support)
        return {
            "images": self.scored,
            "balanced_accuracy": float(from_confusion("balanced_accuracy", self.confusion)),
            "classes": {
                name: {
                    "images": int(support[index]),
                    "right": int(hits[index]),
                    "recall": float(recalls[index]) if support[index] else None,
                }
                for index, name in enumerate(self.class_names)
            },
        }

    def depth_note(self, takes: Input) -> str:
        """Return what to know of images with more than 8 bits, or nothing."""
        found = self._extent
        if found is None:
            return ""
        low, high = takes.value_range or (0.0, found.full)
        if takes.value_range is None and found.high > found.full / 2 and found.low >= 0:
            return ""
        if takes.value_range is not None and low <= found.low and found.high <= high:
            return ""
        return (
            f"images of more than 8 bits have values from {found.low:g} to {found.high:g}; the "
            f"model was trained to see {low:g} as black and {high:g} as white: their labels may be "
            "wrong"
        )
