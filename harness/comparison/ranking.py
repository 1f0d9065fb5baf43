"""The strategies that several comparisons share, ranked over their experiments."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.comparison.identity import ranks_page_of
from harness.comparison.keep import Kept
from harness.comparison.ranks import Ranks, rank


@dataclass(frozen=True, eq=False)
class Ranking:
    """Mean test scores `[E, K]` of strategies that all experiments share, and their ranks.

    `made`: when, in words, or empty. `digests` are those of the comparisons.
    """

    experiments: tuple[str, ...]
    strategies: tuple[str, ...]
    metric: str
    scores: NDArray[np.float64]
    ranks: Ranks
    made: str = ""
    digests: tuple[str, ...] = ()

    @property
    def page(self) -> Path:
        """Where the page about it is written."""
        return ranks_page_of(self.digests)

    @property
    def document(self) -> dict[str, Any]:
        """It as JSON-ready data."""
        ranks = self.ranks
        return {
            "strategies": list(self.strategies),
            "average": ranks.average.tolist(),
            "p": ranks.p,
            "critical_difference": ranks.critical_difference,
            "groups": [[self.strategies[index] for index in group] for group in ranks.groups],
            "reason": ranks.reason,
            "page": str(self.page),
        }


def ranking(comparisons: Sequence[Kept]) -> Ranking | None:
    """Rank the strategies that every comparison has; None where metrics differ or none is left."""
    scores = [
        {line.strategy: line.mean for line in kept.comparison.lines if np.isfinite(line.mean)}
        for kept in comparisons
    ]
    names = tuple(name for name in scores[0] if all(name in each for each in scores))
    first = comparisons[0].comparison
    if not names or any(kept.comparison.metric != first.metric for kept in comparisons):
        return None
    table = np.array([[each[name] for name in names] for each in scores])
    return Ranking(
        experiments=tuple(kept.document["experiment"] for kept in comparisons),
        strategies=names,
        metric=first.metric,
        scores=table,
        ranks=rank(table, higher_is_better=first.higher_is_better),
        made=comparisons[-1].document["made"],
        digests=tuple(kept.digest for kept in comparisons),
    )
