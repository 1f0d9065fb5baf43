"""The audit of the data: what would make a score look better than it is."""

from dataclasses import dataclass

import numpy as np

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


def duplicates(splits: Splits) -> Duplicates:
    """Count exact duplicates between the splits; only their inputs' digests are compared."""
    train, validation, test = splits.train.ids, splits.validation.ids, splits.test.ids
    return Duplicates(
        int(np.isin(validation, train).sum()),
        int(np.isin(test, train).sum()),
        int(np.isin(test, validation).sum()),
    )
