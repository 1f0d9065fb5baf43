"""A cut that leaves every group whole, and the classes' shares as near as groups allow."""

from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from harness.data.examples import Examples, Floats, Groups, Integers
from harness.errors import UserError

_SINGLE = 500
_BUNDLES = 500
_FOLDS = 8

Booleans = NDArray[np.bool_]


def group_cut(
    examples: Examples, groups: Groups, share: float, cuts: int, rng: np.random.Generator
) -> Booleans:
    """Return which examples are cut: whole groups, of each class about `share` of its examples.

    The groups are dealt into folds of even class shares; cut are the folds whose class shares are
    nearest to `share`, with every class at least once. `cuts` counts this cut and those that
    follow: so many groups of each class are left. Of more than 1,000 groups, those with the
    classes that the fewest have are dealt one by one, the rest in random bundles: the time to deal
    grows with the number of groups.

    Raises:
        UserError: a class lives in too few groups, or no choice of groups gives every split one.

    """
    _, places = np.unique(groups.places, return_inverse=True)
    _refuse_few_groups(examples, groups, cuts)
    units = _units(places, examples.labels, rng)
    aim = _Aim(_table(units, examples.labels, examples.n_classes), share, cuts)
    chosen = min(_folds(aim.table, share, rng), key=aim.badness)
    repaired = _repaired(chosen, aim)
    if aim.badness(repaired)[0]:
        raise UserError(
            "no choice of groups gives every class an example in every split, because the same "
            "few groups hold several classes; use more groups, or leave classes out by data.classes"
        )
    return repaired[units]


@dataclass(frozen=True, eq=False)
class _Aim:
    """What a cut is judged by; `table` holds each unit's number of examples of each class."""

    table: Integers
    share: float
    cuts: int

    def badness(self, cut: Booleans) -> tuple[int, float]:
        """Return how many units a cut lacks, and how far its class shares are off."""
        lacking, off = self._badness((self.table[cut] > 0).sum(axis=0), self.table[cut].sum(axis=0))
        return int(lacking), float(off)

    def best_move(self, cut: Booleans) -> int:
        """Return the unit whose move to the other side makes the cut the least bad."""
        direction = np.where(cut, -1, 1)[:, np.newaxis]
        holds = (self.table > 0).astype(np.int64)
        lacking, off = self._badness(
            holds[cut].sum(axis=0) + direction * holds,
            self.table[cut].sum(axis=0) + direction * self.table,
        )
        return int(np.lexsort((off, lacking))[0])

    def _badness(self, units: Integers, examples: Integers) -> tuple[Integers, Floats]:
        """Judge cuts by how many units and examples of each class they have, `[..., C]`.

        Each class needs 1 unit in the cut, and `cuts` outside for what follows.
        """
        left = (self.table > 0).sum(axis=0) - units
        lacking = np.maximum(1 - units, 0) + np.maximum(self.cuts - left, 0)
        off = (examples / self.table.sum(axis=0) - self.share) ** 2
        return lacking.sum(axis=-1), off.sum(axis=-1)


def _refuse_few_groups(examples: Examples, groups: Groups, cuts: int) -> None:
    for label, name in enumerate(examples.class_names):
        of_class = np.unique(groups.places[examples.labels == label])
        if len(of_class) <= cuts:
            which = ", ".join(repr(groups.names[place]) for place in of_class)
            has = (
                f"{len(of_class)} group{'s' * (len(of_class) != 1)}{f' ({which})' if which else ''}"
            )
            raise UserError(
                f"class {name!r} lives in {has}, but no group may stand in two of the "
                f"{cuts + 1} splits to be made here; give it at least {cuts + 1} groups, or leave "
                "it out by data.classes"
            )


def _units(places: Integers, labels: Integers, rng: np.random.Generator) -> Integers:
    """Return what is dealt as one, `[N]`: each group, or a bundle of groups where they are many."""
    n_groups = int(places.max()) + 1
    if n_groups <= _SINGLE + _BUNDLES:
        return places
    held, holder = np.divmod(np.unique(labels * n_groups + places), n_groups)
    fewest = np.full(n_groups, len(places))
    np.minimum.at(fewest, holder, np.bincount(held)[held])
    shuffled = rng.permutation(n_groups)
    order = shuffled[np.argsort(fewest[shuffled], kind="stable")]
    ranks = np.empty(n_groups, np.int64)
    ranks[order] = np.arange(n_groups)
    return np.where(ranks < _SINGLE, ranks, _SINGLE + ranks % _BUNDLES)[places]


def _table(units: Integers, labels: Integers, n_classes: int) -> Integers:
    """Return how many examples of each class each unit has, `[U, C]`."""
    n_units = int(units.max()) + 1
    flat = np.bincount(units * n_classes + labels, minlength=n_units * n_classes)
    return flat.reshape(n_units, n_classes)


def _folds(table: Integers, share: float, rng: np.random.Generator) -> list[Booleans]:
    """Return candidates: the units of some of the folds, as many as make up about `share`."""
    limit = max(_FOLDS, round(1 / share))
    wanted = max(Fraction(share).limit_denominator(limit), Fraction(1, limit))
    n_folds = min(wanted.denominator, len(table))
    taken = min(max(round(share * n_folds), 1), n_folds - 1)
    fold_of = _dealt(table, n_folds, rng)
    return [np.isin(fold_of, some) for some in combinations(range(n_folds), taken)]


def _dealt(table: Integers, n_folds: int, rng: np.random.Generator) -> Integers:
    """Return the fold of each unit, `[U]`, from 0.

    Each goes where the classes' shares then differ least between the folds, by their standard
    deviation; of equal folds, to the one with the fewest examples. The units whose classes are the
    most unequal go first, and in random order where they are equally so.
    """
    totals = table.sum(axis=0)
    shuffled = rng.permutation(len(table))
    unequal = table.shape[1] * (table**2).sum(axis=1) - table.sum(axis=1) ** 2  # whole, so ties tie
    order = shuffled[np.argsort(-unequal[shuffled], kind="stable")]
    held = np.zeros((n_folds, len(totals)), np.int64)
    fold_of = np.empty(len(table), np.int64)
    for unit in order.tolist():
        added = table[unit]
        squares = (held**2).sum(axis=0) + 2 * held * added + added**2
        spread = np.sqrt(n_folds * squares - (held.sum(axis=0) + added) ** 2) / totals
        fold = int(np.lexsort((held.sum(axis=1), spread.sum(axis=1)))[0])
        held[fold] += added
        fold_of[unit] = fold
    return fold_of


def _repaired(cut: Booleans, aim: _Aim) -> Booleans:
    """Return the cut after moves of single units, for as long as each gives a class what it lacks.

    Of the units that help most, the one is moved that leaves the shares nearest.
    """
    lacking, _ = aim.badness(cut)
    while lacking:
        moved = cut.copy()
        moved[aim.best_move(cut)] ^= True
        fewer, _ = aim.badness(moved)
        if fewer >= lacking:
            break
        cut, lacking = moved, fewer
    return cut
