"""What trials say of their test examples, and which classes have too few to say anything."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.integer[Any]]
Float64s = NDArray[np.float64]

# With fewer, not even a class whose every example turns the same way shows a difference: the sign
# test's least p is 2 / 2**n.
FEWEST_UNITS = 6
CLASS_MEANS = (
    "balanced_accuracy",
    "f1_macro",
    "g_mean",
    "roc_auc",
    "average_precision",
    "precision_at_recall",
)


@dataclass(frozen=True, eq=False)
class HeldOut:
    """One seed's test examples: labels `[n]`, content hashes `ids`, uint64 `[n]`, groups `[n]`.

    Groups (patients, say) are numbered alike in all seeds; None where examples are independent.
    """

    labels: Integers
    ids: NDArray[np.uint64]
    groups: Integers | None = None

    @property
    def units(self) -> Integers:
        """What is drawn independently of each other: groups where there are some, else examples."""
        return self.ids if self.groups is None else self.groups

    def take(self, rows: NDArray[np.bool_]) -> "HeldOut":
        """Return the examples of these rows."""
        groups = None if self.groups is None else self.groups[rows]
        return HeldOut(self.labels[rows], self.ids[rows], groups)


@dataclass(frozen=True, eq=False)
class Logits:
    """What one strategy says of one seed's test set: logits `[n, C]` with the decision's offsets.

    `label` gives the label (argmax), `probability` the probabilities (softmax).
    """

    label: Float64s
    probability: Float64s

    def take(self, rows: NDArray[np.bool_]) -> "Logits":
        """Return what is said of these rows."""
        return Logits(self.label[rows], self.probability[rows])


def comparable(tests: Sequence[HeldOut]) -> list[HeldOut]:
    """Return the tests with groups if each of them knows its groups, else without."""
    grouped = all(test.groups is not None for test in tests)
    return [test if grouped else replace(test, groups=None) for test in tests]


def units_per_class(tests: Sequence[HeldOut], n_classes: int) -> NDArray[np.int64]:
    """Return how many distinct examples or groups the tests have of each class, `[C]`."""
    labels = np.concatenate([test.labels for test in tests])
    units = np.unique(np.concatenate([test.units for test in tests]), return_inverse=True)[1]
    return distinct_units(labels, units, n_classes)


def distinct_units(labels: Integers, units: Integers, n_classes: int) -> NDArray[np.int64]:
    """Return how many distinct units, numbered from 0, the examples `[n]` of each class are of."""
    pairs = np.unique(units.astype(np.int64) * n_classes + labels)
    return np.bincount(pairs % n_classes, minlength=n_classes)


def tiny_classes(tests: Sequence[HeldOut], n_classes: int) -> list[int]:
    """Return the classes that are tested on too few examples or groups to say anything."""
    counts = units_per_class(tests, n_classes)
    return [int(index) for index in np.flatnonzero((counts > 0) & (counts < FEWEST_UNITS))]


def shared_units(units: Sequence[Integers]) -> NDArray[np.int64]:
    """Return how many units every two tests share, `[S, S]`, from each one's units."""
    from scipy.sparse import csr_array

    distinct = [np.unique(each) for each in units]
    places = np.unique(np.concatenate(distinct), return_inverse=True)[1]
    rows = np.repeat(np.arange(len(distinct)), [len(each) for each in distinct])
    held = csr_array((np.ones(len(places), np.int64), (rows, places)))
    shared: NDArray[np.int64] = (held @ held.T).toarray()
    return shared


def outside(test: HeldOut, classes: Collection[int]) -> NDArray[np.bool_]:
    """Return which rows are of none of these classes, `[n]`."""
    return ~np.isin(test.labels, list(classes))
