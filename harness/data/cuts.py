"""Cutting a part off, or into folds: stratified, at random, with groups left whole."""

import hashlib
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from harness.data.examples import Examples, Integers, constant
from harness.data.group_cut import group_cut
from harness.errors import UserError
from harness.seeds import generator

FEWEST_FOR_FOLDS = 3


def part(
    examples: Examples,
    share: float,
    cuts: int,
    rng: np.random.Generator,
    limit: int | None = None,
) -> NDArray[np.bool_]:
    """Return which examples are cut, `[N]`: of each class `share`, at least 1, leaving at least 1.

    Without groups it is no more than `limit` of a class. Groups stay whole, and enough of them for
    all `cuts`: this one and those that follow. Raises UserError where groups are too few.
    """
    groups = examples.groups
    if groups is None or len(np.unique(groups.places)) == len(examples):
        return _stratified(examples, share, rng, limit)
    return group_cut(examples, groups, share, cuts, rng)


def folds_of(examples: Examples, folds: int, repeat: int) -> Integers:
    """Return the fold of each example in a repeat's cut, `[N]`, from 0: every class is in each.

    The last cuts are kept, for the folds of a repeat are asked for one after the other.
    Raises UserError for a class with fewer examples, or groups, than folds.
    """
    _refuse_few(examples, folds)
    bare = replace(examples, inputs=examples.labels, names=None, identities=None)
    return _folds_of(_Cut(_what_decides(examples), folds, repeat, bare))


@dataclass(frozen=True)
class _Cut:
    """A repeat's cut, which is the same for the same labels and groups."""

    digest: str
    folds: int
    repeat: int
    examples: Examples = field(compare=False)


def _what_decides(examples: Examples) -> str:
    summary = hashlib.blake2b(repr(examples.class_names).encode(), digest_size=16)
    summary.update(np.ascontiguousarray(examples.labels).tobytes())
    if examples.groups is not None:
        summary.update(np.ascontiguousarray(examples.groups.places).tobytes())
    return summary.hexdigest()


@lru_cache(maxsize=4)
def _folds_of(cut: _Cut) -> Integers:
    rng = generator(cut.repeat, "test cut")
    fold_of = np.full(len(cut.examples), cut.folds - 1)
    left = np.arange(len(cut.examples))
    for fold in range(cut.folds - 1):
        share, cuts = 1 / (cut.folds - fold), cut.folds - 1 - fold
        chosen = part(cut.examples.take(left), share, cuts, rng)
        fold_of[left[chosen]] = fold
        left = left[~chosen]
    return constant(fold_of)


def units_per_class(examples: Examples) -> NDArray[np.int64]:
    """Return how many groups each class lives in, or where there are none, its examples, `[C]`."""
    if examples.groups is None:
        return examples.counts.astype(np.int64)
    pairs = np.unique(np.stack([examples.labels, examples.groups.places]), axis=1)
    return np.bincount(pairs[0], minlength=examples.n_classes)


def _stratified(
    examples: Examples, share: float, rng: np.random.Generator, limit: int | None
) -> NDArray[np.bool_]:
    cut = np.zeros(len(examples), dtype=np.bool_)
    for label, count in enumerate(examples.counts.tolist()):
        size = min(max(round(count * share), 1), count - 1, limit or count)
        cut[rng.choice(np.flatnonzero(examples.labels == label), size, replace=False)] = True
    return cut


def _refuse_few(examples: Examples, folds: int) -> None:
    units = units_per_class(examples)
    fewest = int(units.argmin())
    needed = 4 if folds == 2 else folds  # two of a class are left for the other splits
    if (count := int(units[fewest])) >= needed:
        return
    of = "groups" if examples.groups is not None else "examples"
    mend = f"set split.folds={count}, or " if count >= FEWEST_FOR_FOLDS else ""
    raise UserError(
        f"class {examples.class_names[fewest]!r} has {count} {of}, but split.folds: {folds} needs "
        f"{needed}, for every fold to test every class; {mend}leave the class out by data.classes"
    )
