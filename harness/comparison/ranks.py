"""Strategies over several experiments: average ranks, Friedman's test, critical difference."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.comparison.looks import LEVEL

FEWEST_EXPERIMENTS = 3
FEWEST_STRATEGIES = 3


@dataclass(frozen=True, eq=False)
class Ranks:
    """Average ranks `[K]` (1 is best), and whether the strategies differ at all.

    `critical_difference` is how far two average ranks must lie apart to be told apart; `groups`
    are the largest sets of strategies (indices, best first) within it, two or more each. Where
    there is no test, `p` is None and `reason` says why.
    """

    average: NDArray[np.float64]
    p: float | None
    critical_difference: float | None
    groups: tuple[tuple[int, ...], ...]
    reason: str | None = None


def rank(scores: NDArray[np.floating[Any]], *, higher_is_better: bool) -> Ranks:
    """Rank strategies by scores `[experiments, K]`, as Demsar (2006) has it.

    Ties share their mean rank. Raises ValueError for a score that is not finite.
    """
    from scipy.stats import friedmanchisquare, rankdata

    values = np.asarray(scores, dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValueError("a score to rank is not finite")
    n_experiments, n_strategies = values.shape
    if n_experiments == 0:
        return Ranks(np.full(n_strategies, np.nan), None, None, (), "no experiments")
    ranks = rankdata(-values if higher_is_better else values, axis=1)
    average = ranks.mean(axis=0)
    reason = _too_few(n_experiments, n_strategies)
    if reason is not None:
        return Ranks(average, None, None, (), reason)
    tied = bool((ranks == ranks[0, 0]).all())
    p = 1.0 if tied else float(friedmanchisquare(*ranks.T).pvalue)
    difference = critical_difference(n_experiments, n_strategies)
    return Ranks(average, p, difference, _groups(average, difference))


def critical_difference(experiments: int, strategies: int, level: float = LEVEL) -> float:
    """Return Nemenyi's critical difference of average ranks."""
    from scipy.stats import studentized_range

    quantile = float(studentized_range.ppf(1 - level, strategies, np.inf)) / sqrt(2)
    return quantile * sqrt(strategies * (strategies + 1) / (6 * experiments))


def _too_few(experiments: int, strategies: int) -> str | None:
    if experiments < FEWEST_EXPERIMENTS:
        return f"{experiments} experiments; Friedman's test needs {FEWEST_EXPERIMENTS} or more"
    if strategies < FEWEST_STRATEGIES:
        return f"{strategies} strategies; Friedman's test needs {FEWEST_STRATEGIES} or more"
    return None


def _groups(average: NDArray[np.float64], difference: float) -> tuple[tuple[int, ...], ...]:
    """The longest runs of neighbouring ranks that span no more than the difference."""
    order: Sequence[int] = np.argsort(average, kind="stable").tolist()
    groups: list[tuple[int, ...]] = []
    reached = 0
    for start in range(len(order)):
        end = start
        while end < len(order) and average[order[end]] - average[order[start]] <= difference:
            end += 1
        if end > reached and end - start > 1:
            groups.append(tuple(order[start:end]))
        reached = max(reached, end)
    return tuple(groups)
