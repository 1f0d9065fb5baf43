"""What seeds' differences have in common because their images come from one pool.

Two questions have two answers. "Would it hold on new seeds of this very pool?" takes the spread
over seeds alone. "Would it hold on new images of this kind?" has to allow for what seeds share.
"""

from collections.abc import Sequence

import numpy as np

from harness.comparison.held_out import HeldOut, shared_units

FIXED = 0.0


def carried(tests: Sequence[HeldOut]) -> float:
    """Return the covariance of two seeds' differences, as a multiple of their variance over seeds.

    Nadeau and Bengio (2003, sec. 3): test sets that are cut from one pool correlate differences by
    about the share of the pool that one of them takes, f, which is also the share of examples that
    two have in common; that makes f / (1 - f) of the variance over seeds, their n_test / n_train.
    """
    overlap = _overlap(tests)
    return FIXED if overlap > 0.999 else overlap / (1 - overlap)


def _overlap(tests: Sequence[HeldOut]) -> float:
    """The mean share of a test set that another seed's holds as well; 0 for a single seed."""
    counts = shared_units([test.units for test in tests])
    apart = ~np.eye(len(tests), dtype=np.bool_)
    shares = (counts / np.diagonal(counts))[apart]
    return float(shares.mean()) if len(shares) else 0.0
