"""The difference that a strategy makes, how sure it is, and how small a one could be found."""

from dataclasses import dataclass, replace
from math import exp, log, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float64s = NDArray[np.float64]

LEVEL = 0.05
POWER = 0.85
LEAST_P = 1e-100
MOST_SEEDS = 1_000
POINTS, SHARES = np.polynomial.legendre.leggauss(64)


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
    interval: tuple[float, float] | None = None
    p: float | None = None
    detectable: float | None = None
    seeds_needed: int | None = None


@dataclass(frozen=True)
class Variance:
    """Variance of a mean over seeds: `per_seed` falls with their number, `shared` does not.

    `shared` counts as known, and so does the part `least` of `per_seed` that is test noise.
    """

    per_seed: float
    least: float
    shared: float

    def error(self, seeds: int) -> float:
        """Return the standard error of the mean over so many seeds."""
        return sqrt(self.per_seed / seeds + self.shared)


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
    finite = np.asarray(differences, dtype=np.float64)
    finite = finite[np.isfinite(finite)]
    seeds = len(finite)
    mean = float(finite.mean()) if seeds else float("nan")
    if seeds < 2:
        return Effect(seeds, mean)
    shared = min(between, within)
    least = within - shared
    variance = Variance(max(float(finite.var(ddof=1)), least), least, shared)
    error = variance.error(seeds)
    half = float(_critical(LEVEL, variance.per_seed / seeds, shared, seeds - 1)) * error
    likely = replace(variance, per_seed=variance.per_seed / _c4(seeds) ** 2)
    return Effect(
        seeds=seeds,
        difference=mean,
        standard_error=error,
        interval=(mean - half, mean + half),
        p=_p(mean, variance, seeds),
        detectable=detectable(likely, seeds, comparisons),
        seeds_needed=_seeds_needed(likely, margin, comparisons),
    )


def detectable(variance: Variance, seeds: int, comparisons: int) -> float:
    """Return the true difference found with 80 % power at Holm's strictest level.

    The power is integrated over what the variance between seeds may be estimated as, and aimed at
    85 %: the given variance is an estimate itself, and the true one may be larger.
    """
    from scipy.optimize import brentq
    from scipy.special import gammaincinv, ndtr

    error, degrees = variance.error(seeds), seeds - 1
    if error == 0:
        return 0.0
    estimated = variance.per_seed * gammaincinv(degrees / 2, (POINTS + 1) / 2) / (degrees / 2)
    unshared = np.maximum(estimated, variance.least) / seeds
    hurdles = _critical(LEVEL / comparisons, unshared, variance.shared, degrees)
    hurdles = hurdles * np.sqrt(unshared + variance.shared) / error
    most = float(hurdles.max()) + 10
    return error * float(
        brentq(lambda shift: float(SHARES @ ndtr(shift - hurdles)) / 2 - POWER, 0.0, most)
    )


def _critical(level: float, unshared: float | Float64s, shared: float, degrees: int) -> Float64s:
    """Return how many standard errors are significant, two-sided (Cochran and Cox 1950).

    The mean of the values for an estimated and for a known variance, by their share of the whole.
    Satterthwaite's degrees of freedom would be too many just where the estimate is small by luck:
    with 3 seeds and little shared noise that errs four times as often as a level of 0.005 says.
    """
    from scipy.special import ndtri, stdtrit

    values = -stdtrit(degrees, level / 2), -ndtri(level / 2)
    whole = np.asarray(unshared + shared)
    share = np.divide(unshared, whole, out=np.ones_like(whole), where=whole > 0)
    mean: Float64s = share * values[0] + (1 - share) * values[1]
    return mean


def _p(mean: float, variance: Variance, seeds: int) -> float:
    """Return the two-sided p, the level at which the mean would be just significant."""
    from scipy.optimize import brentq
    from scipy.special import ndtr, stdtr

    error, degrees = variance.error(seeds), seeds - 1
    unshared, shared = variance.per_seed / seeds, variance.shared
    if error == 0:
        return 1.0 if mean == 0 else 0.0
    distance = abs(mean) / error
    high = min(2 * float(stdtr(degrees, -distance)), 1.0)
    if unshared == 0:
        return 2 * float(ndtr(-distance))
    if shared == 0 or distance == 0 or high < LEAST_P:
        return high
    low = max(2 * float(ndtr(-distance)) * 0.99, LEAST_P)

    def beyond(logarithm: float) -> float:
        return float(_critical(exp(logarithm), unshared, shared, degrees)) - distance

    if beyond(log(low)) <= 0:
        return low
    logarithm = brentq(
        beyond,
        log(low),
        min(log(high) + 0.01, 0.0),
    )
    return exp(logarithm)


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
