"""When a point is stopped: where its first inner seed falls below the median of the others'.

Whole inner seeds stop none: a test of two or three pairs can't tell a hopeless point from chance.
"""

from optuna.pruners import MedianPruner

STARTUP_TRIALS = 5
LOOKS = 8


def pruner(epochs: int) -> MedianPruner:
    """Return Optuna's pruner, which leaves the first trials and a quarter of the epochs alone."""
    return MedianPruner(STARTUP_TRIALS, n_warmup_steps=epochs // 4)


def is_looked_at(epoch: int, epochs: int) -> bool:
    """Tell whether the score of an epoch, counted from 0, is worth storing: about eight are."""
    return (epoch + 1) % max(1, round(epochs / LOOKS)) == 0
