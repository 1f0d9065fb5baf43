"""What seeds' differences have in common because their images come from one pool.

Two questions have two answers. "Would it hold on new seeds of this very pool?" takes the spread
over seeds alone. "Would it hold on new images of this kind?" has to allow for what seeds share.
"""

from collections.abc import Sequence

import numpy as np

from harness.comparison.effect import Common
from harness.comparison.held_out import HeldOut, shared_units

FIXED = Common(training=0.25)


def common(tests: Sequence[HeldOut], folds: int | None = None) -> Common:
    """Return what common images do to the differences of two seeds; `folds` as in `split.folds`.

    Test sets that are cut from one pool correlate differences by about the share of the pool that
    one of them takes, f, which is also the share of examples that two have in common. That makes
    f / (1 - f) of the variance over seeds, n_test / n_train in Nadeau and Bengio (2003, sec. 3).
    With K folds, f is 1 / K, though two of one repeat have no test example in common (Bouckaert
    and Frank 2004). With one test set for all seeds, the bootstrap knows what it does to all of
    them alike, and only the training images are open: as much as five folds would add is put on
    top. All are checked on many pools of real images (`benchmarks/real_pools.py`).
    """
    overlap = _overlap(tests) if folds is None else 1 / folds
    return FIXED if overlap > 0.999 else Common(images=overlap / (1 - overlap))


def _overlap(tests: Sequence[HeldOut]) -> float:
    """The mean share of a test set that another seed's holds as well; 0 for a single seed."""
    counts = shared_units([test.ids for test in tests])
    apart = ~np.eye(len(tests), dtype=np.bool_)
    shares = (counts / np.diagonal(counts))[apart]
    return float(shares.mean()) if len(shares) else 0.0
