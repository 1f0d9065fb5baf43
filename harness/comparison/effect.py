"""The difference that a strategy makes, how sure it is, and how small a one could be found."""

from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.05
POWER = 0.8
MOST_SEEDS = 1_000
QUANTILES = 2_000


@dataclass(frozen=True)
class Effect:
    """Strategy minus baseline on one metric, over `seeds` paired seeds.

    `interval` is the 95 % one; `p` is two-sided and not yet corrected; `detectable` is the
    smallest true difference that this many seeds would show in 80 % of cases after the strictest
    correction; `seeds_needed` is how many bring that down to the margin (None: no number does).
    With fewer than two seeds all but the difference is None.
    """

    seeds: int
    difference: float
    standard_error: float | None = None
    degrees: float | None = None
    interval: tuple[float, float] | None = None
    p: float | None = None
    detectable: float | None = None
    seeds_needed: int | None = None


@dataclass(frozen=True)
class Variance:
    """Variance of a mean over seeds: `per_seed` falls with their number, `shared` does not."""

    per_seed: float
    shared: float

    def error(self, seeds: int) -> float:
        """Return the standard error of the mean over so many seeds."""
        return sqrt(self.per_seed / seeds + self.shared)

    def degrees(self, seeds: int) -> float:
        """Return the degrees of freedom (Satterthwaite 1946); `shared` counts as known."""
        own = self.per_seed / seeds
        return (seeds - 1) * ((own + self.shared) / own) ** 2 if own > 0 else float("inf")


def effect(
    differences: NDArray[np.floating[Any]],
    within: float,
    between: float,
    margin: float,
    comparisons: int = 1,
) -> Effect:
    """Return the mean of the seeds' differences `[S]` with what seeds and test set leave open.

    `within` and `between` are the test noise (`Noise`): variance of one seed's difference and
    covariance of two. The sample variance over seeds holds the noise that seeds do not share,
    `within - between`; what they share, no number of seeds averages out, so it is added. With few
    seeds the sample variance may by luck be less than that noise, which is then used instead.
    `comparisons` is the number of strategies in the family. A seed without a finite difference
    does not count.
    """
    from scipy.stats import t

    found = np.asarray(differences, dtype=np.float64)
    found = found[np.isfinite(found)]
    seeds = len(found)
    mean = float(found.mean()) if seeds else float("nan")
    if seeds < 2:
        return Effect(seeds, mean)
    between = min(between, within)
    variance = Variance(max(float(found.var(ddof=1)), within - between), between)
    error, degrees = variance.error(seeds), variance.degrees(seeds)
    half = float(t.ppf(1 - LEVEL / 2, degrees)) * error
    distance = abs(mean) / error if error > 0 else (float("inf") if mean else 0.0)
    likely = Variance(variance.per_seed / _c4(seeds) ** 2, between)
    return Effect(
        seeds=seeds,
        difference=mean,
        standard_error=error,
        degrees=degrees,
        interval=(mean - half, mean + half),
        p=float(2 * t.sf(distance, degrees)),
        detectable=detectable(likely, seeds, comparisons),
        seeds_needed=_seeds_needed(likely, margin, comparisons),
    )


def detectable(variance: Variance, seeds: int, comparisons: int) -> float:
    """Return the true difference found with 80 % power at Holm's strictest level.

    The power of the t test (noncentral t) is integrated over the quantiles of the estimated
    standard error, which stays exact for one degree of freedom and strict levels.
    """
    from scipy.optimize import brentq
    from scipy.special import ndtr
    from scipy.stats import chi2, norm, t

    error, degrees = variance.error(seeds), variance.degrees(seeds)
    level = LEVEL / comparisons
    if np.isinf(degrees):
        return error * float(norm.isf(level / 2) + norm.ppf(POWER))
    chances = (np.arange(QUANTILES) + 0.5) / QUANTILES
    hurdles = float(t.isf(level / 2, degrees)) * np.sqrt(chi2.ppf(chances, degrees) / degrees)
    most = float(hurdles[-1]) + 10
    shift = brentq(lambda shift: float(ndtr(shift - hurdles).mean()) - POWER, 0.0, most)
    return error * float(shift)


def _seeds_needed(variance: Variance, margin: float, comparisons: int) -> int | None:
    """Search by halves: more seeds never make the detectable difference larger."""
    if detectable(variance, MOST_SEEDS, comparisons) > margin:
        return None
    low, high = 1, MOST_SEEDS
    while high - low > 1:
        middle = (low + high) // 2
        if detectable(variance, middle, comparisons) > margin:
            low = middle
        else:
            high = middle
    return high


def _c4(seeds: int) -> float:
    """Return the mean of the sample standard deviation of a normal one, in units of the true."""
    from scipy.special import gammaln

    halves = gammaln(seeds / 2) - gammaln((seeds - 1) / 2)
    return sqrt(2 / (seeds - 1)) * float(np.exp(halves))
