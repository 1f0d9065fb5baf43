"""How far chance in the choice of test examples moves a difference between two strategies.

A paired bootstrap over stored predictions. Every distinct example, or group of examples that belong
together, gets one weight a draw, the same in every seed and for every strategy, so that what test
sets share stays shared.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import inf

import numpy as np
from numpy.typing import NDArray

from harness.comparison.effect import Chance, Common
from harness.comparison.held_out import (
    HeldOut,
    Integers,
    Logits,
    comparable,
    distinct_units,
    outside,
    shared_units,
    tiny_classes,
    units_per_class,
)
from harness.comparison.weighting import Float64s, indicator, weighted
from harness.scoring.metrics import FROM_LABELS, higher_is_better

DRAWS = 500
CHUNK_CELLS = 4_000_000
KEPT_CELLS = 6_000_000
IMAGINED = 2


@dataclass(frozen=True, eq=False)
class Noise:
    """Covariance `[S, S]` between the seeds' differences that the test examples' choice causes.

    `degrees` is with how many degrees of freedom it is known.
    """

    covariance: Float64s
    degrees: float

    @property
    def within(self) -> float:
        """The mean variance of one seed's difference; NaN seeds are left out."""
        return _mean(np.diagonal(self.covariance))

    @property
    def between(self) -> float:
        """The mean covariance of two seeds' differences, from 0 to `within`; 0 for one seed."""
        apart = ~np.eye(len(self.covariance), dtype=np.bool_)
        return min(max(_mean(self.covariance[apart]), 0.0), self.within)

    def chance(self, common: Common) -> Chance:
        """Return it with what common images do from seed to seed."""
        return Chance(self.within, self.between, self.degrees, common)


def noise(
    metric: str,
    tests: Sequence[HeldOut],
    baseline: Sequence[Logits],
    strategies: Mapping[str, Sequence[Logits]],
    *,
    positive: int = 1,
    left_out: Collection[int] = (),
    costs: Float64s | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> dict[str, Noise]:
    """Return the test noise of each strategy's metric minus the baseline's.

    All sequences have one item a seed, in the same order. The same tests, draws and seed give the
    same weights, so several calls resample alike. Within a seed each class keeps its count, as a
    stratified split has it. The bootstrap is the Bayesian one (Rubin 1981), spread for each class
    of n examples or groups by (n + 1) / (n - 1) (Rao and Wu 1988), without which small classes seem
    surer than they are. A class of too few says no less than one more example that the strategy
    gains and one that it loses (`IMAGINED`; after Agresti and Caffo 2000), so that 1 of 1 is never
    certain; a metric of probabilities does without. Classes that are `left_out` do not count,
    `costs [C, C]` are as in `metrics.one`. Raises ValueError for an unknown metric.
    """
    higher_is_better(metric)
    n_classes = baseline[0].label.shape[1]
    kept = [outside(test, left_out) for test in tests]
    tests = [test.take(rows) for test, rows in zip(comparable(tests), kept, strict=True)]
    tiny = tiny_classes(tests, n_classes) if metric in FROM_LABELS else []
    samples = _samples(tests, tiny)
    contestants = [
        [
            _imagined(each.take(rows), sample, gained=index > 0)
            for each, rows, sample in zip(logits, kept, samples, strict=True)
        ]
        for index, logits in enumerate([baseline, *strategies.values()])
    ]
    scores = np.empty((len(contestants), len(tests), draws))
    n_units = 1 + max(int(sample.units.max()) for sample in samples)
    scorers = [
        [
            weighted(metric, sample.labels, logits[index], positive, left_out, costs)
            for logits in contestants
        ]
        for index, sample in enumerate(samples)
    ]
    for span, by_sample in _weights(samples, n_units, draws, seed):
        for index, weights in enumerate(by_sample):
            for contestant, scorer in enumerate(scorers[index]):
                scores[contestant, index, span] = scorer(weights)
    apart = shared_units([sample.units[: sample.real] for sample in samples]) == 0
    degrees = _degrees(units_per_class(tests, n_classes), tiny)
    return {
        name: Noise(
            np.where(apart | _alike(contestants[0], contestants[index], samples), 0.0, covariance),
            degrees,
        )
        for index, name in enumerate(strategies, start=1)
        for covariance in [_covariance(scores[index] - scores[0])]
    }


Weights = tuple[slice, Sequence[Float64s]]
"""Some of the draws, and the weights `[n, draws]` of each sample's examples in them."""


def _weights(
    samples: Sequence["_Sample"], n_units: int, draws: int, seed: int
) -> Iterable[Weights]:
    """Return the weights, so many draws at a time as fit into memory.

    Where all do, they are kept for the next call: it is often about other scores of the same tests.
    """
    if draws * sum(len(sample.labels) for sample in samples) <= KEPT_CELLS:
        return _kept_weights(tuple(samples), n_units, draws, seed)
    return _drawn_weights(samples, n_units, draws, seed)


@lru_cache(maxsize=2)
def _kept_weights(
    samples: tuple["_Sample", ...], n_units: int, draws: int, seed: int
) -> tuple[Weights, ...]:
    kept = tuple(_drawn_weights(samples, n_units, draws, seed))
    for _, by_sample in kept:
        for each in by_sample:
            each.flags.writeable = False
    return kept


def _drawn_weights(
    samples: Sequence["_Sample"], n_units: int, draws: int, seed: int
) -> Iterator[Weights]:
    rng = np.random.default_rng(seed)
    chunk = max(1, CHUNK_CELLS // n_units)
    for start in range(0, draws, chunk):
        span = slice(start, min(start + chunk, draws))
        drawn = rng.standard_exponential((n_units, span.stop - span.start))
        yield span, [_stratified(drawn[sample.units], sample) for sample in samples]


@dataclass(frozen=True, eq=False)
class _Sample:
    """One seed's examples, the `real` ones first: labels, places of their units, sizes `[n]`.

    The rest are imagined, two for a tiny class: first one that is gained, then one that is lost.
    """

    labels: Integers
    units: Integers
    sizes: Float64s
    real: int

    @cached_property
    def _content(self) -> tuple[bytes, bytes, bytes, int]:
        arrays = (np.asarray(self.labels, np.int64), np.asarray(self.units, np.int64), self.sizes)
        labels, units, sizes = (each.tobytes() for each in arrays)
        return labels, units, sizes, self.real

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Sample) and self._content == other._content

    def __hash__(self) -> int:
        return hash(self._content)

    @property
    def imagined(self) -> Integers:
        """The labels of the imagined examples."""
        return self.labels[self.real :]


def _samples(tests: Sequence[HeldOut], tiny: Sequence[int]) -> list[_Sample]:
    pool, places = np.unique(np.concatenate([test.units for test in tests]), return_inverse=True)
    where = np.split(places, np.cumsum([len(test.labels) for test in tests])[:-1])
    return [_sample(test, units, tiny, len(pool)) for test, units in zip(tests, where, strict=True)]


def _sample(test: HeldOut, units: Integers, tiny: Sequence[int], free: int) -> _Sample:
    """An imagined example counts as much as a unit of its class does on average."""
    present = [index for index in tiny if (test.labels == index).any()]
    rows = [test.labels == index for index in present]
    sizes = [row.sum() / len(np.unique(units[row])) for row in rows]
    first = [free + IMAGINED * tiny.index(index) for index in present]
    return _Sample(
        np.concatenate([test.labels, np.repeat(np.array(present, np.int64), IMAGINED)]),
        np.concatenate([units, (np.array(first, np.int64)[:, None] + np.arange(IMAGINED)).ravel()]),
        np.concatenate([np.ones(len(units)), np.repeat(np.array(sizes, np.float64), IMAGINED)]),
        len(units),
    )


def _imagined(logits: Logits, sample: _Sample, *, gained: bool) -> Logits:
    """Return the logits with those of the imagined examples; the other class is the next one."""
    labels, n_classes = sample.imagined, logits.label.shape[1]
    if not len(labels):
        return logits
    right = (np.arange(len(labels)) % IMAGINED == 0) == gained
    rows = np.eye(n_classes)[np.where(right, labels, (labels + 1) % n_classes)]
    return Logits(np.concatenate([logits.label, rows]), np.concatenate([logits.probability, rows]))


def _alike(
    baseline: Sequence[Logits], strategy: Sequence[Logits], samples: Sequence[_Sample]
) -> bool:
    """Whether a strategy says what the baseline says, of all real examples of all seeds."""
    return all(
        np.array_equal(one.label[: sample.real], other.label[: sample.real])
        and np.array_equal(one.probability[: sample.real], other.probability[: sample.real])
        for one, other, sample in zip(baseline, strategy, samples, strict=True)
    )


def _stratified(drawn: Float64s, sample: _Sample) -> Float64s:
    """Scale weights `[n, draws]` so that each class keeps its count and has its full variance."""
    n_classes = int(sample.labels.max()) + 1
    classes = indicator(sample.labels, n_classes)
    totals = classes @ sample.sizes
    sums = classes @ (drawn * sample.sizes[:, None])
    weights: Float64s = (
        drawn
        * np.divide(totals[:, None], sums, out=np.zeros_like(sums), where=sums > 0)[sample.labels]
    )
    n_units = distinct_units(sample.labels, sample.units, n_classes)
    free = np.where(np.isin(np.arange(n_classes), sample.imagined), n_units, n_units - 1)
    spread = np.sqrt((n_units + 1) / np.maximum(free, 1))[sample.labels]
    weights = np.maximum(1 + spread[:, None] * (weights - 1), 0.0)
    return weights * sample.sizes[:, None]


def _degrees(units: NDArray[np.int64], tiny: Sequence[int]) -> float:
    """Return the degrees of freedom of a sum of variances that fall with the classes' units.

    Satterthwaite's (1946), as if every unit of every class had the same variance. What is imagined
    of tiny classes is no estimate.
    """
    counts = np.delete(units, list(tiny)).astype(np.float64)
    counts = counts[counts > 1]
    if not len(counts):
        return inf
    shares = 1 / counts
    return float(shares.sum() ** 2 / (shares**2 / (counts - 1)).sum())


def _covariance(values: Float64s) -> Float64s:
    return np.atleast_2d(np.cov(values))


def _mean(values: Float64s) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else 0.0
