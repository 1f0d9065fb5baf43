"""What each look at a growing comparison may err, so that all looks together err as one.

Whoever looks, adds seeds and looks again has several chances to be fooled. The level is spent over
the looks (Lan and DeMets 1983), most of it at the first, as many comparisons are looked at once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import pi, sqrt

import numpy as np
from numpy.typing import NDArray

FEWEST_SEEDS = 3
LEVEL = 0.05
LATER = 0.3
NODES, WEIGHTS = np.polynomial.legendre.leggauss(200)

Float64s = NDArray[np.float64]


@dataclass(frozen=True)
class Family:
    """What was ever judged on the same data, baseline and metric, this time included.

    `looks` are the numbers of seeds at which verdicts were reached, in order; `strategies` all that
    were judged, however many commands it took.
    """

    looks: tuple[int, ...] = ()
    strategies: tuple[str, ...] = ()

    @property
    def level(self) -> float:
        """The two-sided level of one interval at the last look."""
        return level(self.looks, max(len(self.strategies), 1))

    def and_now(self, look: int, strategies: Sequence[str]) -> "Family":
        """Return the family with a look at so many seeds; the same number again is no new one."""
        seen = tuple(dict.fromkeys((*self.looks, look)))
        return Family(
            (*seen[: seen.index(look)], look), tuple(dict.fromkeys((*self.strategies, *strategies)))
        )


NEW = Family()


def together(families: Iterable[Family]) -> Family:
    """Return all looks and strategies of families that were judged apart from each other.

    A look with too few seeds for a verdict is none.
    """
    known = list(families)
    looks = sorted({look for each in known for look in each.looks if look >= FEWEST_SEEDS})
    return Family(
        tuple(looks), tuple(dict.fromkeys(name for each in known for name in each.strategies))
    )


def level(looks: Sequence[int], comparisons: int = 1) -> float:
    """Return the two-sided level of one of so many comparisons at the last of the looks.

    `looks` are the numbers of seeds at which verdicts were reached, in order; a number that comes
    again is no new look and keeps its level. The level for the family is divided by the number of
    comparisons (Bonferroni). Raises ValueError without a look.
    """
    if not looks:
        raise ValueError("no look, no level")
    distinct = tuple(dict.fromkeys(looks))
    reached = distinct.index(looks[-1])
    return _levels(distinct[: reached + 1], LEVEL / comparisons)[-1]


def spent(look: int) -> float:
    """Return the share of the level that is gone after so many looks: 0.7, 0.85, 0.9, … 1."""
    return 1 - LATER / look if look else 0.0


@lru_cache(maxsize=256)
def _levels(seeds: tuple[int, ...], whole: float) -> tuple[float, ...]:
    """The level at each look (Armitage, McPherson and Rowe 1969).

    Sums over seeds are a Brownian motion that goes on only between the bounds. `mass` is what
    still does, at `nodes`. A look with fewer seeds than one before gets its share alone.
    """
    from scipy.optimize import brentq
    from scipy.special import ndtr, ndtri

    levels: list[float] = []
    nodes, mass, last = np.zeros(1), np.ones(1), 0
    for look, count in enumerate(seeds, start=1):
        share = whole * (spent(look) - spent(look - 1))
        if count < last:
            levels.append(share)
            continue
        step, root = sqrt(count - last), sqrt(count)

        def crossed(bound: float) -> float:
            out = ndtr((-bound * root - nodes) / step) + ndtr((nodes - bound * root) / step)  # noqa: B023
            return float(mass @ out)  # noqa: B023

        bound = brentq(lambda bound: crossed(bound) - share, 0.0, -ndtri(share / 2) + 1)  # noqa: B023
        levels.append(2 * float(ndtr(-bound)))
        edge = bound * root
        mass = _density(edge * NODES, nodes, step) @ mass * edge * WEIGHTS
        nodes, last = edge * NODES, count
    return tuple(levels)


def _density(to: Float64s, start: Float64s, step: float) -> Float64s:
    density: Float64s = np.exp(-(((to[:, None] - start) / step) ** 2) / 2) / (step * sqrt(2 * pi))
    return density
