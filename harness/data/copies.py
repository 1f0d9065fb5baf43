"""Examples that are the same to the last bit: found, named, and treated as configured."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.config.experiment import Imbalance, NoImbalance
from harness.data.examples import Examples, Integers, Marks
from harness.data.imbalance import relabel
from harness.data.sources import Source
from harness.errors import UserError

Booleans = NDArray[np.bool_]
NAMED = 3
DROPPED = "dropped from"
AS_THEY_ARE = NoImbalance(kind="none")


class Copies:
    """Sets of identical examples over several splits; the first of each set is its original.

    Splits come in the order given. `copy` tells which examples are no originals, `mixed` which
    stand in a set with two or more labels, both `[N]` over all splits, end to end.
    """

    def __init__(self, splits: Mapping[str, Marks]) -> None:
        self._splits = tuple(splits.values())
        lengths = [len(part) for part in self._splits]
        self._starts = np.concatenate([[0], np.cumsum(lengths)])
        self._slices = {
            name: slice(start, start + length)
            for name, start, length in zip(splits, self._starts.tolist(), lengths, strict=False)
        }
        _, first, self._sets = np.unique(
            np.concatenate([part.ids for part in self._splits]),
            return_index=True,
            return_inverse=True,
        )
        self._labels = np.concatenate([part.labels for part in self._splits])
        self._first: Integers = first[self._sets]
        mixed = np.zeros(len(first), np.bool_)
        mixed[self._sets[self._labels != self._labels[self._first]]] = True
        self.copy: Booleans = self._first != np.arange(len(self._labels))
        self.mixed: Booleans = mixed[self._sets]

    def within(self, split: str) -> slice:
        """Return where the examples of a split lie in `copy` and `mixed`."""
        return self._slices[split]

    def original_in(self, split: str) -> Booleans:
        """Tell which examples have the original of their set in a split, `[N]`."""
        place = self._slices[split]
        inside: Booleans = (self._first >= place.start) & (self._first < place.stop)
        return inside

    def contradictions(self, among: Booleans) -> list[Integers]:
        """Return the first few sets with two or more labels that have examples `among` these."""
        sets = np.unique(self._first[among & self.mixed])[:NAMED]
        return [np.flatnonzero(self._first == first) for first in sets]

    def n_contradictions(self, among: Booleans) -> int:
        """Return how many sets with two or more labels have examples `among` these."""
        return len(np.unique(self._sets[among & self.mixed]))

    def named_copies(self, among: Booleans) -> list[tuple[str, str]]:
        """Return the first few copies `among` these with their originals, where names are known."""
        found = np.flatnonzero(among & self.copy)[:NAMED]
        pairs = [(self._name(row), self._name(int(self._first[row]))) for row in found.tolist()]
        return [(copy, original) for copy, original in pairs if copy and original]

    def named_contradictions(self, among: Booleans) -> list[list[tuple[str, str]]]:
        """Return (name, class) of a few examples of each of the first contradictory sets."""
        named = [
            [(self._name(row), self._class_name(row)) for row in self._differing(rows)]
            for rows in self.contradictions(among)
        ]
        return [members for members in named if all(name for name, _ in members)]

    def _differing(self, rows: Integers) -> list[int]:
        """Return the first example of each label in a set, the first few of them."""
        _, first = np.unique(self._labels[rows], return_index=True)
        return [int(row) for row in np.sort(rows[first])[:NAMED]]

    def _class_name(self, row: int) -> str:
        return self._splits[0].class_names[int(self._labels[row])]

    def _name(self, row: int) -> str:
        """Return what the source calls an example, or nothing where it has no names."""
        part = int(np.searchsorted(self._starts, row, side="right")) - 1
        names = self._splits[part].names
        return "" if names is None else str(names[np.array([row - self._starts[part]])][0])


def treated(
    source: Source, how: Literal["warn", "drop", "error"], section: Imbalance = AS_THEY_ARE
) -> Source:
    """Return a source without identical examples if they are to be dropped.

    Of each set of them one stays: in the source's own test set or else in its validation set, if
    there is one, else the first in train. Only train loses examples, and validation those that the
    test set has. Of inputs that stand under several labels nobody knows which is right: train
    loses all of them; labels are those that `section` makes of them (one against the rest). Raises
    UserError if there are identical examples but must not be.
    """
    if how == "warn":
        return source
    parts = {"test": source.test, "validation": source.validation, "train": source.train}
    held = {name: part for name, part in parts.items() if part is not None}
    copies = Copies({name: _marks(part, section) for name, part in held.items()})
    if how == "error":
        _refuse(copies)
        return source
    keeps: dict[str, Examples] = {}
    train = np.zeros(len(copies.copy), np.bool_)
    train[copies.within("train")] = True
    dropped = train & (copies.copy | copies.mixed)
    if {"test", "validation"} <= held.keys():
        leaked = copies.original_in("test")
        dropped[copies.within("validation")] = leaked[copies.within("validation")]
    for name, part in held.items():
        gone = dropped[copies.within(name)]
        keeps[name] = part.take(np.flatnonzero(~gone)) if gone.any() else part
    return replace(
        source,
        train=keeps["train"],
        validation=keeps.get("validation"),
        notes=(*source.notes, *_notes(copies, dropped, train)),
    )


def _marks(part: Examples, section: Imbalance) -> Marks:
    seen = relabel(part, section)
    return Marks(part.ids, seen.labels, seen.class_names, part.names)


def _refuse(copies: Copies) -> None:
    everything = np.ones(len(copies.copy), np.bool_)
    if not copies.copy.any():
        return
    notes = [copies_in_words(copies, everything), contradictions_in_words(copies, everything)]
    raise UserError(
        f"data.duplicates is error: {'; '.join(line for line in notes if line)}; remove them, or "
        "let data.duplicates: drop do so"
    )


def _notes(copies: Copies, dropped: Booleans, train: Booleans) -> list[str]:
    plain, mixed = dropped & train & ~copies.mixed, dropped & train & copies.mixed
    leaked = int((dropped & ~train).sum())
    lines = []
    if plain.any():
        lines.append(f"{DROPPED} train: {copies_in_words(copies, plain)}")
    if mixed.any():
        count = int(mixed.sum())
        lines.append(
            f"{DROPPED} train: {count} example{'s' * (count != 1)}, because "
            f"{contradictions_in_words(copies, mixed)}"
        )
    if leaked:
        lines.append(f"{DROPPED} validation: {leaked}, because the test set has the same")
    return lines


def copies_in_words(copies: Copies, among: Booleans) -> str:
    """Return how many of these are exact copies of others, the first few by name, or nothing."""
    count = int((copies.copy & among).sum())
    if not count:
        return ""
    are = "example is an exact copy" if count == 1 else "examples are exact copies"
    pairs = [f"{copy} of {original}" for copy, original in copies.named_copies(among)]
    return f"{count:,} {are} of another one{_listed(pairs, count)}"


def contradictions_in_words(copies: Copies, among: Booleans) -> str:
    """Return how many inputs of these stand under several labels, the first few by name."""
    count = copies.n_contradictions(among)
    if not count:
        return ""
    stand = "input stands" if count == 1 else "inputs stand"
    sets = [
        " and ".join(f"{name} ({label})" for name, label in members)
        for members in copies.named_contradictions(among)
    ]
    return f"{count:,} {stand} under more than one label{_listed(sets, count)}"


def _listed(named: Sequence[str], count: int) -> str:
    more = ", …" if count > len(named) else ""
    return f": {', '.join(named)}{more}" if named else ""
