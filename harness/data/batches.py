"""What a class distribution means for batches: exact chances without replacement."""

import numpy as np

from harness.data.examples import Floats, Integers


def chance_without(counts: Integers, batch_size: int) -> Floats:
    """Return, `[C]`, the exact chance that a batch holds no example of each class.

    The batch is drawn without replacement from examples with class counts `counts`, `[C]`.
    A batch larger than the data holds all of them.
    """
    from scipy.stats import hypergeom

    total = int(counts.sum())
    chances = hypergeom.pmf(0, total, counts, min(batch_size, total))
    return np.asarray(chances, dtype=np.float64)


def chance_at_least(total: int, rare: int, batch_size: int, k: int) -> float:
    """Return the chance that a batch holds at least `k` of the `rare` among `total` examples."""
    from scipy.stats import hypergeom

    return float(hypergeom.sf(k - 1, total, rare, min(batch_size, total)))


def imbalance_ratio(counts: Integers) -> float:
    """Return the largest class count over the smallest; infinite if a class has no example."""
    smallest = int(counts.min())
    return int(counts.max()) / smallest if smallest else float("inf")
