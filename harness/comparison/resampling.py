"""How far chance in the choice of test examples moves a difference between two strategies.

A paired bootstrap over stored predictions. Every distinct example gets one Poisson weight a draw,
the same in every seed and for every strategy, so that what test sets share stays shared.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import unknown
from harness.scoring.metrics import ECE_BINS, HIGHER_IS_BETTER, LABEL_BASED, from_counts, softmax

Integers = NDArray[np.integer[Any]]
Float64s = NDArray[np.float64]
Weighted = Callable[[Float64s], Float64s]

DRAWS = 500
CHUNK_CELLS = 4_000_000


@dataclass(frozen=True, eq=False)
class HeldOut:
    """One seed's test examples: labels `[n]` and content hashes `ids`, uint64 `[n]`."""

    labels: Integers
    ids: NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class Logits:
    """What one strategy says of one seed's test set: logits `[n, C]` with the decision's offsets.

    `label` gives the label (argmax), `probability` the probabilities (softmax).
    """

    label: Float64s
    probability: Float64s


@dataclass(frozen=True, eq=False)
class Noise:
    """Covariance `[S, S]` between the seeds' differences that the test examples' choice causes."""

    covariance: Float64s

    @property
    def within(self) -> float:
        """The mean variance of one seed's difference; NaN seeds are left out."""
        return _mean(np.diagonal(self.covariance))

    @property
    def between(self) -> float:
        """The mean covariance of two seeds' differences, from 0 to `within`; 0 for one seed."""
        apart = ~np.eye(len(self.covariance), dtype=np.bool_)
        return min(max(_mean(self.covariance[apart]), 0.0), self.within)


def noise(
    metric: str,
    tests: Sequence[HeldOut],
    baseline: Sequence[Logits],
    strategies: Mapping[str, Sequence[Logits]],
    *,
    positive: int = 1,
    draws: int = DRAWS,
    seed: int = 0,
) -> dict[str, Noise]:
    """Return the test noise of each strategy's metric minus the baseline's.

    All sequences have one item a seed, in the same order. The same tests, draws and seed give the
    same weights, so several calls resample alike. Within a seed each class keeps its count, as a
    stratified split has it; the bootstrap is that of Efron and Tibshirani (1993, ch. 8), with
    Poisson weights (Hanley and MacGibbon 2006), whose varying total about makes up for the
    bootstrap's factor (n - 1) / n in small classes. Raises ValueError for an unknown metric.
    """
    if metric not in HIGHER_IS_BETTER:
        raise ValueError(unknown("metric", metric, HIGHER_IS_BETTER))
    contestants = [baseline, *strategies.values()]
    scorers = [
        [weighted(metric, test.labels, each[index], positive) for each in contestants]
        for index, test in enumerate(tests)
    ]
    pool, places = np.unique(np.concatenate([test.ids for test in tests]), return_inverse=True)
    where = np.split(places, np.cumsum([len(test.ids) for test in tests])[:-1])
    rng = np.random.default_rng(seed)
    scores = np.empty((len(contestants), len(tests), draws))
    chunk = max(1, CHUNK_CELLS // len(pool))
    for start in range(0, draws, chunk):
        span = slice(start, min(start + chunk, draws))
        drawn = rng.poisson(1.0, (len(pool), span.stop - span.start))
        for index, test in enumerate(tests):
            weights = _stratified(drawn[where[index]], test.labels)
            for contestant, scorer in enumerate(scorers[index]):
                scores[contestant, index, span] = scorer(weights)
    apart = _disjoint(where)
    return {
        name: Noise(np.where(apart, 0.0, _covariance(scores[index] - scores[0])))
        for index, name in enumerate(strategies, start=1)
    }


def weighted(metric: str, labels: Integers, logits: Logits, positive: int) -> Weighted:
    """Return the metric as a function of example weights `[n, draws]` that gives `[draws]`.

    With unit weights it agrees with `metrics.one`. Weights of a class sum to its count.
    """
    if metric in LABEL_BASED:
        return _of_labels(metric, labels, logits.label.argmax(axis=1), logits.label.shape[1])
    probabilities = softmax(logits.probability)
    n_classes = probabilities.shape[1]
    if metric in ("roc_auc", "average_precision"):
        rank = _area if metric == "roc_auc" else _average_precision
        classes = [positive] if n_classes == 2 else range(n_classes)
        truths = {index: labels == index for index in classes}
        return _mean_of(
            [
                rank(truth, probabilities[:, index])
                for index, truth in truths.items()
                if truth.any() and not truth.all()
            ]
        )
    right = probabilities[np.arange(len(labels)), labels]
    if metric == "log_loss":
        least = np.finfo(np.float64).eps
        return _mean_loss(-np.log(np.clip(right, least, 1 - least)))
    if metric == "brier":
        # Half of it for two classes: scikit-learn then scores the one class alone.
        scale = 0.5 if n_classes == 2 else 1.0
        return _mean_loss(scale * ((probabilities**2).sum(axis=1) - 2 * right + 1))
    return _calibration(labels, probabilities)


def _of_labels(metric: str, labels: Integers, chosen: Integers, n_classes: int) -> Weighted:
    hit = chosen == labels
    predicted, hits = _indicator(chosen, n_classes), _indicator(chosen, n_classes, hit)
    support = np.bincount(labels, minlength=n_classes)
    return lambda weights: from_counts(metric, (hits @ weights).T, support, (predicted @ weights).T)


def _mean_loss(losses: Float64s) -> Weighted:
    return lambda weights: losses @ weights / weights.sum(axis=0)


def _calibration(labels: Integers, probabilities: Float64s) -> Weighted:
    confidence = probabilities.max(axis=1)
    bins = np.clip(np.ceil(confidence * ECE_BINS).astype(np.int64) - 1, 0, ECE_BINS - 1)
    gaps = _indicator(bins, ECE_BINS, (probabilities.argmax(axis=1) == labels) - confidence)
    return lambda weights: np.abs(gaps @ weights).sum(axis=0) / weights.sum(axis=0)


def _area(truth: NDArray[np.bool_], score: Float64s) -> Weighted:
    """The weight of pairs in which the positive scores higher, half of it where they tie."""
    negatives = np.flatnonzero(~truth)[np.argsort(score[~truth], kind="stable")]
    below = np.searchsorted(score[negatives], score[truth], side="left")
    up_to = np.searchsorted(score[negatives], score[truth], side="right")

    def area(weights: Float64s) -> Float64s:
        summed = _running(weights[negatives])
        positives = weights[truth]
        pairs = (positives * (summed[below] + summed[up_to])).sum(axis=0) / 2
        value: Float64s = pairs / (positives.sum(axis=0) * summed[-1])
        return value

    return area


def _average_precision(truth: NDArray[np.bool_], score: Float64s) -> Weighted:
    """Precision at each distinct score of a positive, weighted with the recall it adds."""
    order = np.argsort(-score, kind="stable")
    positives = np.flatnonzero(truth)[np.argsort(-score[truth], kind="stable")]
    last = np.append(np.diff(score[positives]) != 0, True)
    ends = np.flatnonzero(last) + 1
    as_high = np.searchsorted(-score[order], -score[positives][last], side="right")

    def average(weights: Float64s) -> Float64s:
        true = _running(weights[positives])[ends]
        called = _running(weights[order])[as_high]
        gained = np.diff(true, axis=0, prepend=0.0)
        precision = np.divide(true, called, out=np.zeros_like(true), where=called > 0)
        value: Float64s = (gained * precision).sum(axis=0) / true[-1]
        return value

    return average


def _mean_of(parts: list[Weighted]) -> Weighted:
    if not parts:
        return lambda weights: np.full(weights.shape[1], np.nan)
    return lambda weights: np.mean([part(weights) for part in parts], axis=0)


def _stratified(drawn: Integers, labels: Integers) -> Float64s:
    """Scale the drawn weights `[n, draws]` so that each class keeps its count in every draw.

    A class of which nothing was drawn stays as it is.
    """
    classes = _indicator(labels, int(labels.max()) + 1)
    weights = drawn.astype(np.float64)
    sums = classes @ weights
    none = sums == 0
    counts = np.bincount(labels)[:, None]
    weights *= np.divide(counts, sums, out=np.zeros_like(sums), where=~none)[labels]
    if none[counts[:, 0] > 0].any():
        weights += none[labels]
    return weights


def _indicator(rows: Integers, n_rows: int, values: NDArray[Any] | None = None) -> Any:
    """A sparse matrix `[n_rows, n]` with the value (or 1) of column i in row `rows[i]`."""
    from scipy.sparse import csr_array

    ones = np.ones(len(rows)) if values is None else values.astype(np.float64)
    return csr_array((ones, (rows, np.arange(len(rows)))), shape=(n_rows, len(rows)))


def _running(weights: Float64s) -> Float64s:
    """Running sums `[n + 1, draws]` that start with 0."""
    sums = np.zeros((len(weights) + 1, weights.shape[1]))
    np.cumsum(weights, axis=0, out=sums[1:])
    return sums


def _disjoint(where: Sequence[Integers]) -> NDArray[np.bool_]:
    """Which pairs of seeds `[S, S]` share no example, so that only chance gives a covariance."""
    distinct = [np.unique(places) for places in where]
    return np.array(
        [[not len(np.intersect1d(one, other)) for other in distinct] for one in distinct]
    )


def _covariance(values: Float64s) -> Float64s:
    return np.atleast_2d(np.cov(values))


def _mean(values: Float64s) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else 0.0
