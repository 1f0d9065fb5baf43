"""Makers of imbalance: how many examples of each class stay, and which ones."""

from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

import numpy as np

from harness.config.experiment import (
    Counts,
    Imbalance,
    LongTail,
    Merge,
    NoImbalance,
    OneVersusRest,
    Step,
)
from harness.data.classes import named_class
from harness.data.examples import Examples, Integers
from harness.errors import UserError


def imbalance(examples: Examples, section: Imbalance, rng: np.random.Generator) -> Examples:
    """Return a view with as many examples of each class as `section` asks for, order kept.

    `one_vs_rest` and `merge` change labels, not counts (see `relabel`): the examples come back as
    they are. Raises UserError for a class that does not exist or has fewer examples than asked for.
    """
    return _drawn(examples, _wanted(examples, section), rng)


def imbalance_test(
    test: Examples, section: Imbalance, train_counts: Integers, rng: np.random.Generator
) -> Examples:
    """Return a view of the test set that is as imbalanced as `section` makes the training set.

    `counts` names numbers of training examples, so the test set takes their proportions: those
    of `train_counts` `[C]`, as many as it has examples for and at least one of each class.
    """
    if isinstance(section, Counts):
        return _drawn(test, _in_proportion(test.counts, train_counts), rng)
    return imbalance(test, section, rng)


def relabel(examples: Examples, section: Imbalance) -> Examples:
    """Return the examples with the labels that `section` asks for: fewer classes out of many.

    `one_vs_rest` makes two; `merge` puts a class where the first of those was that it is made of.
    Raises UserError for a class that does not exist.
    """
    if isinstance(section, Merge):
        return _merged(examples, section)
    if not isinstance(section, OneVersusRest):
        return examples
    label = named_class(section.class_, examples.class_names, "imbalance.class")
    name = examples.class_names[label]
    rest = "others" if name == "rest" else "rest"
    labels = (examples.labels == label).astype(np.int64)
    return replace(examples, labels=labels, class_names=(rest, name))


def _merged(examples: Examples, section: Merge) -> Examples:
    names = list(examples.class_names)
    taken: set[int] = set()
    for name, parts in section.into.items():
        labels = {named_class(part, examples.class_names, "imbalance.into") for part in parts}
        if again := taken & labels:
            which = examples.class_names[min(again)]
            raise UserError(f"imbalance.into puts class {which!r} into two classes")
        taken |= labels
        for label in labels:
            names[label] = name
    kept = [name for label, name in enumerate(names) if label not in taken]
    for name in section.into:
        if name in kept:
            raise UserError(f"imbalance.into makes {name!r}, which another class is called already")
    merged = tuple(dict.fromkeys(names))
    if len(merged) < 2:
        raise UserError(f"imbalance.into leaves one class, {merged[0]!r}; at least 2 are needed")
    new = np.array([merged.index(name) for name in names], np.int64)
    return replace(examples, labels=new[examples.labels], class_names=merged)


def _drawn(examples: Examples, wanted: Integers, rng: np.random.Generator) -> Examples:
    if np.array_equal(wanted, examples.counts):
        return examples
    chosen = [
        rng.choice(np.flatnonzero(examples.labels == label), size, replace=False)
        for label, size in enumerate(wanted)
    ]
    return examples.take(np.sort(np.concatenate(chosen)))


def _wanted(examples: Examples, section: Imbalance) -> Integers:
    match section:
        case NoImbalance() | OneVersusRest() | Merge():
            return examples.counts
        case LongTail():
            return _long_tail(examples, section)
        case Step():
            return _step(examples, section)
        case Counts():
            return _counts(examples, section)
    assert_never(section)


def _long_tail(examples: Examples, section: LongTail) -> Integers:
    last = max(examples.n_classes - 1, 1)
    falling = section.ratio ** (-np.arange(examples.n_classes) / last)
    return _limited((examples.counts[0] * falling + 1e-9).astype(np.int64), examples.counts)


def _step(examples: Examples, section: Step) -> Integers:
    minority = _minority(examples.class_names, section)
    wanted = examples.counts.copy()
    largest = int(np.delete(wanted, minority).max())
    wanted[minority] = int(largest / section.ratio + 1e-9)
    return _limited(wanted, examples.counts)


def _minority(class_names: Sequence[str], section: Step) -> list[int]:
    n_classes, asked = len(class_names), section.minority_classes
    if isinstance(asked, list):
        where = "imbalance.minority_classes"
        labels = sorted({named_class(name, class_names, where) for name in asked})
    else:
        count = asked if isinstance(asked, int) else max(1, int(asked * n_classes + 1e-9))
        labels = list(range(max(n_classes - count, 0), n_classes))
    if not 0 < len(labels) < n_classes:
        raise UserError(
            f"imbalance.minority_classes names {len(labels)} of {n_classes} classes; "
            "at least one must be a minority and at least one must not"
        )
    return labels


def _counts(examples: Examples, section: Counts) -> Integers:
    wanted = examples.counts.copy()
    seen: set[int] = set()
    for name, count in section.counts.items():
        label = named_class(name, examples.class_names, "imbalance.counts")
        if label in seen:
            raise UserError(f"imbalance.counts names class {examples.class_names[label]!r} twice")
        if count > examples.counts[label]:
            raise UserError(
                f"imbalance.counts asks for {count} examples of class "
                f"{examples.class_names[label]!r}, but only {examples.counts[label]} are there "
                "for training and validation"
            )
        seen.add(label)
        wanted[label] = count
    return wanted


def _in_proportion(available: Integers, shares: Integers) -> Integers:
    scale = (available / np.maximum(shares, 1)).min()
    return _limited(np.rint(shares * scale).astype(np.int64), available)


def _limited(wanted: Integers, available: Integers) -> Integers:
    return np.minimum(np.maximum(wanted, 1), available)
