"""Recall, precision and F1 of each class, with intervals for new images of this kind.

Each is a share, so its interval is the exact binomial one (Clopper and Pearson 1934) of as many
independent examples as would give the variance that was found: the effective sample size of surveys
(Korn and Graubard 1998). That keeps it between 0 and 1, and wide where a class is hardly tested.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.comparison.effect import Common, critical, estimated
from harness.comparison.held_out import (
    FEWEST_UNITS,
    HeldOut,
    Integers,
    comparable,
    units_per_class,
)
from harness.comparison.looks import LEVEL
from harness.comparison.overlap import FIXED, common
from harness.comparison.weighting import Float64s, indicator


@dataclass(frozen=True, eq=False)
class Measure:
    """One measure of every class: `mean [C]` over the seeds that define it.

    `low [C]` and `high [C]` end the 95 % interval of each class by itself, which takes in seeds,
    test examples (whole groups where there are some) and that seeds share their images. NaN are a
    recall without test examples, a precision of what is never predicted, and an interval of fewer
    than two seeds.
    """

    mean: Float64s
    low: Float64s
    high: Float64s


@dataclass(frozen=True, eq=False)
class ByClass:
    """The measures of one strategy for the `classes`, and how many `units [C]` all seeds test.

    Each counts once. A unit is a group if `grouped`, else an example.
    """

    classes: tuple[str, ...]
    recall: Measure
    precision: Measure
    f1: Measure
    units: NDArray[np.int64]
    grouped: bool


def by_class(
    tests: Sequence[HeldOut], predicted: Sequence[Integers], classes: Sequence[str]
) -> ByClass:
    """Return what the labels `[n]` given to each seed's test examples say of each class."""
    tests, n_classes = comparable(tests), len(classes)
    pool, places = np.unique(np.concatenate([test.units for test in tests]), return_inverse=True)
    units = np.split(places, np.cumsum([len(test.labels) for test in tests])[:-1])
    shared, counts = common(tests), []
    for test, said, unit in zip(tests, predicted, units, strict=True):
        right = test.labels == said
        rows = (test.labels, test.labels, said)
        values = (right, np.ones(len(right)), np.ones(len(right)))
        by_unit = _by_unit(unit, len(pool))
        counts.append(
            [indicator(r, n_classes, v) @ by_unit for r, v in zip(rows, values, strict=True)]
        )
    return ByClass(
        classes=tuple(classes),
        recall=_measure([(right, true) for right, true, _ in counts], shared),
        precision=_measure([(right, claimed) for right, _, claimed in counts], shared),
        f1=_measure([(right, (true + claimed) / 2) for right, true, claimed in counts], shared),
        units=units_per_class(tests, n_classes),
        grouped=tests[0].groups is not None,
    )


def _by_unit(units: Integers, n_units: int) -> Any:
    """Return what sums examples to units, `[n, U]`."""
    from scipy.sparse import csr_array

    rows = np.arange(len(units))
    return csr_array((np.ones(len(units)), (rows, units)), shape=(len(units), n_units))


def _measure(seeds: Sequence[tuple[Any, Any]], shared: Common) -> Measure:
    """Return a share from its numerator and denominator by seed, each by unit, sparse `[C, U]`."""
    shares = [_Share.of(*each) for each in seeds]
    values = np.array([share.value for share in shares])
    known = ~np.isnan(values)
    number = known.sum(axis=0)
    mean = _divided(np.where(known, values, 0.0).sum(axis=0), number)
    squared = np.where(known, (values - mean) ** 2, 0.0).sum(axis=0)
    within = np.sum([share.noise for share in shares], axis=0)
    together = sum((share.influence for share in shares[1:]), start=shares[0].influence)
    pairs = together.power(2).sum(axis=1) - within
    several = number > 1
    within = _divided(within, number, empty=0.0)
    between = np.clip(_divided(pairs, number * (number - 1), empty=0.0), 0.0, within)
    spread = np.maximum(_divided(squared, number - 1, empty=0.0), within - between)
    n_seeds = np.maximum(number, 2)
    open_ = estimated(shared, spread, between, n_seeds)
    units = _divided(np.sum([share.units for share in shares], axis=0), number, empty=0.0)
    size = _divided(np.sum([share.size for share in shares], axis=0), number, empty=0.0)
    factor = critical(LEVEL, open_, between, n_seeds - 1, np.maximum(units - 1, 1))
    sure = (mean == 0) | (mean == 1) | (units < FEWEST_UNITS)
    most = np.where(sure, units, size) * _independent_tests(shared, n_seeds)
    low, high = _clopper_pearson(mean, _effective_size(mean, open_ + between, factor, most))
    return Measure(mean, np.where(several, low, np.nan), np.where(several, high, np.nan))


@dataclass(frozen=True, eq=False)
class _Share:
    """One seed's share of every class: `value [C]` (NaN: undefined), of `size [C]` examples.

    `influence [C, U]`, sparse, is what each of the class's `units [C]` moves it by, to first order
    (Taylor linearisation); the sum of its squares is the variance that choosing units causes.
    """

    value: Float64s
    size: Float64s
    units: NDArray[np.int64]
    influence: Any

    @classmethod
    def of(cls, part: Any, whole: Any) -> "_Share":
        size = whole.sum(axis=1)
        units = (whole > 0).sum(axis=1)
        value = _divided(part.sum(axis=1), size)
        small = np.sqrt(units / np.maximum(units - 1, 1)) * _divided(np.ones(len(size)), size, 0.0)
        moved = part - whole.multiply(np.nan_to_num(value)[:, None])
        return cls(value, size, units, moved.multiply(small[:, None]).tocsr())

    @property
    def noise(self) -> Float64s:
        noise: Float64s = self.influence.power(2).sum(axis=1)
        return noise


def _independent_tests(shared: Common, n_seeds: NDArray[np.int64]) -> Float64s:
    """Return how many independent test sets those of so many seeds are worth."""
    if shared == FIXED:
        return np.ones(len(n_seeds))
    return np.maximum(1 / (1 / n_seeds + shared.images), 1.0)


def _effective_size(
    share: Float64s, variance: Float64s, factor: Float64s, most: Float64s
) -> Float64s:
    """Return how many independent examples give a share this variance, so many at most.

    It falls with the degrees of freedom: normally, `factor` would be 1.96.
    """
    from scipy.special import ndtri

    size = _divided(share * (1 - share), variance, empty=np.inf) * (ndtri(LEVEL / 2) / factor) ** 2
    return np.where((share == 0) | (share == 1), most, np.minimum(size, most))


def _clopper_pearson(share: Float64s, size: Float64s) -> tuple[Float64s, Float64s]:
    """Return both ends of the exact binomial interval; the size need not be whole."""
    from scipy.special import betaincinv

    right, wrong = share * size, (1 - share) * size
    with np.errstate(invalid="ignore"):
        low = np.where(right > 0, betaincinv(right, wrong + 1, LEVEL / 2), 0.0)
        high = np.where(wrong > 0, betaincinv(right + 1, wrong, 1 - LEVEL / 2), 1.0)
    return np.where(np.isnan(share), np.nan, low), np.where(np.isnan(share), np.nan, high)


def _divided(part: Any, whole: Any, empty: float = np.nan) -> Float64s:
    """Return part / whole, and `empty` where the whole is 0."""
    result: Float64s = np.divide(part, whole, out=np.full(len(part), empty), where=whole > 0)
    return result
