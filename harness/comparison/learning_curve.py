"""Whether training still improves a strategy when its budget ends, from its learning curves."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.comparison.looks import LEVEL

Float64s = NDArray[np.float64]
LATE = 0.2
LAST = 0.1


@dataclass(frozen=True)
class Rise:
    """What the last fifth of the budget brought on validation, mean over trials, 0 or more.

    `goes_on` where that is at least half of what matters, and the best epochs lie at the very end
    more often than chance puts them there.
    """

    gain: float
    goes_on: bool


def rise(curves: Sequence[Float64s], epochs: int, margin: float) -> Rise:
    """Return what the end of training brought, from validation scores by epoch, more is better.

    `curves` have one item a trial, up to `epochs` scores each; one that is shorter was ended by
    patience, so it had stopped rising. If training had ended to improve anything, each epoch would
    be as likely the best one as any other: a binomial test of how many best epochs are among the
    last tenth.
    """
    from scipy.stats import binom

    curves = [curve[np.isfinite(curve)] for curve in curves]
    whole = [curve for curve in curves if len(curve) == epochs]
    last, late = max(1, round(LAST * epochs)), max(1, round(LATE * epochs))
    if epochs < 3 or not whole:
        return Rise(0.0, False)
    gains = [float(curve.max() - curve[:-late].max()) for curve in whole]
    gain = sum(gains) / len(curves)
    at_end = sum(int(curve.argmax()) >= epochs - last for curve in whole)
    chance = float(binom.sf(at_end - 1, len(curves), last / epochs))
    return Rise(gain, gain >= margin / 2 and chance <= LEVEL)
