"""The difference that a strategy makes, how sure it is, and how small a one could be found."""

from dataclasses import dataclass, replace
from math import exp, inf, log, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.comparison.looks import LEVEL

Float64s = NDArray[np.float64]

POWER = 0.85
LEAST_P = 1e-100
MOST_SEEDS = 1_000
POINTS, SHARES = np.polynomial.legendre.leggauss(64)


@dataclass(frozen=True)
class Effect:
    """Strategy minus baseline on one metric, over `seeds` paired seeds.

    `interval` leaves out the true difference with a chance of `level`, at which `p` (two-sided) is
    to be judged; `detectable` is the smallest true difference that this many seeds would show at
    that level in 80 % of cases; `seeds_needed` is how many bring that down to the margin (None: no
    number does; with folds, how many repeats). With fewer than two seeds all but the difference is
    None.
    """

    seeds: int
    difference: float
    standard_error: float | None = None
    interval: tuple[float, float] | None = None
    p: float | None = None
    detectable: float | None = None
    seeds_needed: int | None = None
    level: float = LEVEL


@dataclass(frozen=True)
class Common:
    """The covariance of two seeds' differences, as a multiple of their variance over seeds.

    `images` is what all common images cause, `training` what those for training cause on top of
    what the common test examples are known to.
    """

    images: float = 0.0
    training: float = 0.0


@dataclass(frozen=True)
class Chance:
    """What chance does to the seeds' differences besides training, as far as it is known.

    `within` is the variance of one seed's difference that the choice of test examples causes,
    `between` the covariance of two seeds' that it causes, known with so many `degrees` of freedom.
    """

    within: float = 0.0
    between: float = 0.0
    degrees: float = inf
    common: Common = Common()


@dataclass(frozen=True)
class Variance:
    """Variance of a mean over seeds: a part `per_seed` falls with their number, the rest does not.

    What stays is `shared`, known with so many `degrees` of freedom, and what is `common`, which is
    a multiple of `per_seed`. `least` is the part of `per_seed` that is test noise.
    """

    per_seed: float
    least: float = 0.0
    shared: float = 0.0
    degrees: float = inf
    common: Common = Common()

    def estimated(self, seeds: int, per_seed: float | Float64s | None = None) -> Any:
        """Return the part of the mean's variance that follows from the spread over seeds."""
        spread = self.per_seed if per_seed is None else per_seed
        return estimated(self.common, spread, self.shared, seeds)

    def error(self, seeds: int) -> float:
        """Return the standard error of the mean over so many seeds."""
        return sqrt(float(self.estimated(seeds)) + self.shared)


NONE = Chance()


def estimated(common: Common, per_seed: Any, shared: Any, seeds: Any) -> Any:
    """Return what the spread over seeds says of the variance of their mean, beside the `shared`.

    Numbers, or arrays of one shape.
    """
    more = np.maximum(common.images * per_seed - shared, 0.0)
    return per_seed / seeds + more + common.training * per_seed


def critical(level: float, estimated: Any, shared: Any, degrees: Any, known: Any) -> Float64s:
    """Return how many standard errors are significant, two-sided (Cochran and Cox 1950).

    The mean of the values for what is `estimated` over seeds, with so many `degrees` of freedom,
    and for what is `shared`, with as many as are `known`, by their share of the whole.
    Satterthwaite's degrees of freedom would be too many just where the estimate is small by luck:
    with 3 seeds and little shared noise that errs four times as often as a level of 0.005 says.
    """
    from scipy.special import ndtri, stdtrit

    normal = np.isinf(known)
    of_shared = np.where(
        normal, -ndtri(level / 2), -stdtrit(np.where(normal, 1.0, known), level / 2)
    )
    whole = np.asarray(estimated + shared)
    share = np.divide(estimated, whole, out=np.ones_like(whole), where=whole > 0)
    mean: Float64s = share * -stdtrit(degrees, level / 2) + (1 - share) * of_shared
    return mean


def effect(
    differences: NDArray[np.floating[Any]],
    margin: float,
    chance: Chance = NONE,
    level: float = LEVEL,
) -> Effect:
    """Return the mean of the seeds' differences `[S]` with what seeds and images leave open.

    The sample variance over seeds holds the noise that seeds do not share, `within - between`; what
    they share, no number of seeds averages out, so it is added (after Nadeau and Bengio 2003). With
    few seeds the sample variance may by luck be less than the test noise, which is then used
    instead. A seed without a finite difference does not count.
    """
    found = np.asarray(differences, dtype=np.float64)
    found = found[np.isfinite(found)]
    seeds = len(found)
    mean = float(found.mean()) if seeds else float("nan")
    if seeds < 2:
        return Effect(seeds, mean, level=level)
    shared = min(chance.between, chance.within)
    least = chance.within - shared
    per_seed = max(float(found.var(ddof=1)), least)
    variance = Variance(per_seed, least, shared, chance.degrees, chance.common)
    error = variance.error(seeds)
    half = float(_critical(level, variance, variance.estimated(seeds), seeds - 1)) * error
    likely = replace(variance, per_seed=per_seed / _c4(seeds) ** 2)
    return Effect(
        seeds=seeds,
        difference=mean,
        standard_error=error,
        interval=(mean - half, mean + half),
        p=_p(mean, variance, seeds),
        detectable=detectable(likely, seeds, level),
        seeds_needed=_seeds_needed(likely, margin, level),
        level=level,
    )


def detectable(variance: Variance, seeds: int, level: float = LEVEL) -> float:
    """Return the true difference that is found with 80 % power at this level.

    The power is integrated over what the variance between seeds may be estimated as, and aimed at
    85 %: the given variance is an estimate itself, and the true one may be larger.
    """
    from scipy.optimize import brentq
    from scipy.special import gammaincinv, ndtr

    error, degrees = variance.error(seeds), seeds - 1
    if error == 0:
        return 0.0
    drawn = variance.per_seed * gammaincinv(degrees / 2, (POINTS + 1) / 2) / (degrees / 2)
    estimated = variance.estimated(seeds, np.maximum(drawn, variance.least))
    hurdles = _critical(level, variance, estimated, degrees)
    hurdles = hurdles * np.sqrt(estimated + variance.shared) / error
    most = float(hurdles.max()) + 10
    return error * float(
        brentq(lambda shift: float(SHARES @ ndtr(shift - hurdles)) / 2 - POWER, 0.0, most)
    )


def _critical(
    level: float, variance: Variance, estimated: float | Float64s, degrees: int
) -> Float64s:
    return critical(level, estimated, variance.shared, degrees, variance.degrees)


def _p(mean: float, variance: Variance, seeds: int) -> float:
    """Return the two-sided p, the level at which the mean would be just significant."""
    from scipy.optimize import brentq
    from scipy.special import stdtr

    error, estimated = variance.error(seeds), variance.estimated(seeds)
    if error == 0:
        return 1.0 if mean == 0 else 0.0
    distance = abs(mean) / error
    fewest = min(seeds - 1, variance.degrees) if variance.shared else seeds - 1
    most = max(seeds - 1, variance.degrees) if estimated else variance.degrees
    high = min(2 * float(stdtr(min(fewest, 1e9), -distance)), 1.0)
    if distance == 0 or high < LEAST_P:
        return high
    low = max(2 * float(stdtr(min(most, 1e9), -distance)) * 0.99, LEAST_P)

    def beyond(logarithm: float) -> float:
        return float(_critical(exp(logarithm), variance, estimated, seeds - 1)) - distance

    if beyond(log(low)) <= 0:
        return low
    return exp(brentq(beyond, log(low), min(log(high) + 0.01, 0.0)))


def _seeds_needed(variance: Variance, margin: float, level: float) -> int | None:
    """Search by halves: more seeds never make the detectable difference larger."""
    if detectable(variance, MOST_SEEDS, level) > margin:
        return None
    low, high = 1, MOST_SEEDS
    while high - low > 1:
        middle = (low + high) // 2
        if detectable(variance, middle, level) > margin:
            low = middle
        else:
            high = middle
    return high


def _c4(seeds: int) -> float:
    """Return the mean of the sample standard deviation of a normal one, in units of the true."""
    from scipy.special import gammaln

    halves = gammaln(seeds / 2) - gammaln((seeds - 1) / 2)
    return sqrt(2 / (seeds - 1)) * float(np.exp(halves))
