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
    With one test set for all seeds, or folds that test each example once a repeat, the bootstrap
    knows what the test examples do to all seeds alike, and only the training images are open. For
    one test set, as much as five folds would add is put on top; for K folds half of 1 / (K - 1)
    (Bouckaert and Frank 2004): on pools of real images 0.03 to 0.08 would do where it is 0.125. All
    three are checked there (`benchmarks/real_pools.py`).
    """
    if folds is not None:
        return Common(training=0.5 / (folds - 1))
    overlap = _overlap(tests)
    return FIXED if overlap > 0.999 else Common(images=overlap / (1 - overlap))


def _overlap(tests: Sequence[HeldOut]) -> float:
    """The mean share of a test set that another seed's holds as well; 0 for a single seed."""
    counts = shared_units([test.ids for test in tests])
    apart = ~np.eye(len(tests), dtype=np.bool_)
    shares = (counts / np.diagonal(counts))[apart]
    return float(shares.mean()) if len(shares) else 0.0
