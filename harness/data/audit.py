"""The audit of the data: what would make a score look better than it is."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.data.copies import Copies, contradictions_in_words, copies_in_words
from harness.data.split import Splits


@dataclass(frozen=True)
class Duplicates:
    """How many examples of one split are, to the last bit, in another one as well."""

    validation_in_train: int
    test_in_train: int
    test_in_validation: int

    @property
    def notes(self) -> tuple[str, ...]:
        """What to tell the user, a line each."""
        found = (
            (self.validation_in_train, "validation", "train"),
            (self.test_in_train, "test", "train"),
            (self.test_in_validation, "test", "validation"),
        )
        return tuple(
            f"{count} {'example' if count == 1 else 'examples'} of the {inner} split "
            f"{'is' if count == 1 else 'are'} in the {outer} split as well: scores there flatter"
            for count, inner, outer in found
            if count
        )


@dataclass(frozen=True)
class Identical:
    """Identical examples of all splits, as JSON-ready `facts` and as lines for the user.

    `copies` repeat an earlier example; those of `copies_in_train` repeat one of train itself.
    `contradictions` counts the inputs that stand under more than one label. Of both, the first
    few are named where the source has names.
    """

    facts: dict[str, Any]
    notes: tuple[str, ...]


def duplicates(splits: Splits) -> Duplicates:
    """Count exact duplicates between the splits; only their inputs' digests are compared."""
    train, validation, test = splits.train.ids, splits.validation.ids, splits.test.ids
    return Duplicates(
        int(np.isin(validation, train).sum()),
        int(np.isin(test, train).sum()),
        int(np.isin(test, validation).sum()),
    )


def identical(splits: Splits) -> Identical:
    """Find identical examples, also within a split, by their inputs' digests; the seal holds."""
    copies = Copies(
        {
            "train": splits.train.marks,
            "validation": splits.validation.marks,
            "test": splits.test.marks,
        }
    )
    everything = np.ones(len(copies.copy), np.bool_)
    facts = {
        "copies": int(copies.copy.sum()),
        "copies_in_train": int(copies.copy[copies.within("train")].sum()),
        "contradictions": copies.n_contradictions(everything),
        "named_copies": copies.named_copies(everything),
        "named_contradictions": copies.named_contradictions(everything),
    }
    lines = (copies_in_words(copies, everything), contradictions_in_words(copies, everything))
    return Identical(facts, tuple(f"{line} (see data.duplicates)" for line in lines if line))
