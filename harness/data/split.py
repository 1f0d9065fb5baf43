"""Train, validation and a sealed test set, stratified, and decided by one seed."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.config.experiment import Experiment
from harness.config.experiment import Split as Shares
from harness.data.cuts import folds_of, part, units_per_class
from harness.data.examples import Examples, Identities, Integers, Marks
from harness.data.frozen import contents, frozen
from harness.data.groups import refuse_straddling, without_groups
from harness.data.imbalance import imbalance, imbalance_test, relabel
from harness.data.originals import Originals
from harness.data.sources import Source
from harness.errors import UserError
from harness.seeds import generator

LIMITED = (
    "split.validation_per_class changes the class shares of validation: its precision, F1 and "
    "calibration are not those of the data"
)
FOLDED = "every example is tested once a repeat: {} seeds in a row test the folds of one cut"
NOTHING_TO_FOLD = (
    "split.folds cuts test sets, but these data bring a test set of their own; leave split.folds "
    "out, or leave that set out of the data"
)


class Sealed:
    """The test examples behind a seal: how many there are is known, what they are only once open.

    `opened` counts how often they were opened.
    """

    def __init__(self, examples: Examples) -> None:
        self._examples = examples
        self.opened = 0

    def __len__(self) -> int:
        return len(self._examples)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the `C` classes."""
        return self._examples.class_names

    @property
    def counts(self) -> Integers:
        """Number of examples of each class, `[C]`."""
        return self._examples.counts

    @property
    def digest(self) -> str:
        """The fingerprint of the examples behind the seal."""
        return self._examples.digest

    @property
    def n_groups(self) -> int | None:
        """How many groups the examples are of, or None where there are no groups."""
        return self._examples.n_groups

    @property
    def units_per_class(self) -> Integers:
        """How many groups of each class there are, or else examples, `[C]`."""
        return units_per_class(self._examples)

    @property
    def marks(self) -> Marks:
        """What the audit needs: ids, labels and names, but no input."""
        return self._examples.marks

    @property
    def ids(self) -> Identities:
        """A number for each input that follows from its content alone, `[N]`."""
        return self._examples.ids

    def contents(self, *others: Examples) -> str:
        """Return the fingerprint of what is in memory of these examples and of others."""
        return contents(*others, self._examples)

    def anew(self) -> "Sealed":
        """Return the same examples behind a seal that is whole."""
        return Sealed(self._examples)

    def open(self) -> Examples:
        """Break the seal: return the test examples."""
        self.opened += 1
        return self._examples


@dataclass(frozen=True, eq=False)
class Splits:
    """What to train on, what to choose by, what to judge by, and a fingerprint of all three.

    `contents` tells whether what is in memory of them is as it was when they were split, `source`
    is the fingerprint of all the data that they come from. `test_is_cut` where the test set was cut
    from all examples, so that it could have been another. `originals` are the image files of all
    three, of a source that reads such.
    """

    train: Examples
    validation: Examples
    test: Sealed
    notes: tuple[str, ...]
    digest: str
    contents: str = ""
    source: str = ""
    test_is_cut: bool = False
    originals: Originals | None = None

    @property
    def intact(self) -> bool:
        """Whether nobody has changed the data in memory since."""
        return not self.contents or self.contents == self.test.contents(self.train, self.validation)

    @property
    def units(self) -> Integers:
        """How many groups of each class there are in all, or else examples, `[C]`."""
        learnt = units_per_class(self.train) + units_per_class(self.validation)
        return learnt + self.test.units_per_class


def split(source: Source, experiment: Experiment, seed: int) -> Splits:
    """Relabel, cut the test set, make the imbalance, cut validation; `seed` decides every draw.

    With `split.folds`, so many seeds in a row test the folds of one cut. With `split.test_seed`,
    that seed decides the test set instead. A source's own test and validation sets are kept as
    such. Examples of one group never stand in two of the three. With `split.validation_per_class`,
    validation holds no more than so many of a class; what is over stays for training, or is left
    out where groups or the source decide what is for validation.
    Raises UserError for a class that would end with no example in one of the three.
    """
    section, shares, notes = experiment.imbalance, experiment.split, source.notes
    pool = relabel(source.train, section)
    own_validation = source.validation and relabel(source.validation, section)
    own_test = source.test and relabel(source.test, section)
    if own_test is not None and shares.folds is not None:
        raise UserError(NOTHING_TO_FOLD)
    share = _validation_share(shares, own_test is None)
    test_seed = seed if shares.test_seed is None else shares.test_seed

    refuse_straddling(
        {"train": pool, "validation": own_validation, "test": own_test},
        without_groups(experiment.data),
    )
    if shares.folds is not None:
        notes = (*notes, FOLDED.format(shares.folds))
    cuts = 1 if own_validation is None else 0
    if own_test is None:
        pool, test = _test_cut(pool, shares, seed, cuts + 1)
    else:
        test = own_test
    pool = imbalance(pool, section, generator(seed, "imbalance"))
    if section.test == "imbalanced":
        test = imbalance_test(test, section, pool.counts, generator(test_seed, "test imbalance"))
    if own_validation is None:
        rng = generator(seed, "validation cut")
        train, validation = _cut(pool, share, "validation", cuts, rng, shares.validation_per_class)
    else:
        train, validation = pool, own_validation
    if shares.validation_per_class is not None:
        rng = generator(seed, "validation limit")
        validation = _at_most(validation, shares.validation_per_class, rng)
        notes = (*notes, LIMITED)

    for name, examples in (("train", train), ("validation", validation), ("test", test)):
        _refuse_empty_class(name, examples)
    train, validation, test = frozen(train), frozen(validation), frozen(test)
    digest, kept = _digest_of(train, validation, test), contents(train, validation, test)
    is_cut = own_test is None
    return Splits(train, validation, Sealed(test), notes, digest, kept, test_is_cut=is_cut)


def _validation_share(shares: Shares, test_is_cut: bool) -> float:
    if not test_is_cut:
        return shares.validation
    test = shares.test if shares.folds is None else 1 / shares.folds
    if shares.validation + test >= 1:
        source = "split.test" if shares.folds is None else f"split.folds {shares.folds}, a test of"
        raise UserError(
            f"split.validation {shares.validation} and {source} {test:g} leave nothing "
            "to train on; their sum must be below 1"
        )
    return shares.validation / (1 - test)


def _test_cut(pool: Examples, shares: Shares, seed: int, cuts: int) -> tuple[Examples, Examples]:
    """Return what stays and the test set: a share of all, or the seed's fold of its repeat."""
    if shares.folds is None:
        test_seed = seed if shares.test_seed is None else shares.test_seed
        return _cut(pool, shares.test, "test", cuts, generator(test_seed, "test cut"))
    repeat, fold = shares.repeat_and_fold(seed)
    return _apart(pool, folds_of(pool, shares.folds, repeat) == fold)


def _cut(
    examples: Examples,
    share: float,
    name: str,
    cuts: int,
    rng: np.random.Generator,
    limit: int | None = None,
) -> tuple[Examples, Examples]:
    """Return what stays and what is cut: of each class `share`, at least 1, leaving at least 1.

    Without groups it is no more than `limit` of a class. Groups stay whole, and enough of them for
    all `cuts`: this one and those that follow.
    """
    for class_name, count in zip(examples.class_names, examples.counts.tolist(), strict=True):
        if count <= cuts:
            raise UserError(_too_few(class_name, name, count, cuts))
    return _apart(examples, part(examples, share, cuts, rng, limit))


def _apart(examples: Examples, cut: NDArray[np.bool_]) -> tuple[Examples, Examples]:
    return examples.take(np.flatnonzero(~cut)), examples.take(np.flatnonzero(cut))


def _at_most(examples: Examples, limit: int, rng: np.random.Generator) -> Examples:
    """Return the examples, of each class no more than `limit`, drawn at random."""
    if examples.counts.max() <= limit:
        return examples
    members = (np.flatnonzero(examples.labels == label) for label in range(examples.n_classes))
    kept = [rng.permutation(each)[:limit] for each in members]
    return examples.take(np.sort(np.concatenate(kept)))


def _too_few(class_name: str, name: str, count: int, cuts: int) -> str:
    has = "1 example" if count == 1 else f"{count} examples"
    both = "the test split, the validation split" if cuts == 2 else f"the {name} split"
    return (
        f"class {class_name!r} would end with no example in {both} or in what is left for "
        f"training: it has {has} there; give it at least {cuts + 1}, or choose others by "
        "data.classes"
    )


def _refuse_empty_class(name: str, examples: Examples) -> None:
    for class_name, count in zip(examples.class_names, examples.counts, strict=True):
        if count == 0:
            raise UserError(
                f"class {class_name!r} has 0 examples in the {name} split; "
                "it needs at least 1, or leave it out by data.classes"
            )


def _digest_of(*parts: Examples) -> str:
    joined = "/".join(part.digest for part in parts)
    return hashlib.blake2b(joined.encode(), digest_size=16).hexdigest()
