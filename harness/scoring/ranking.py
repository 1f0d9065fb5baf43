"""How well probabilities rank each class before the rest, from one sort a class."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.integer[Any]]
Float64s = NDArray[np.float64]

RANKINGS = ("roc_auc", "average_precision")


def rankings(labels: Integers, probabilities: Float64s, positive: int) -> dict[str, float]:
    """Return the ROC AUC and the average precision of probabilities `[n, C]`, labels `[n]`.

    Means over the classes of `ranked_classes`, NaN where there is none.
    """
    classes = ranked_classes(labels, probabilities.shape[1], positive)
    if not classes:
        return dict.fromkeys(RANKINGS, float("nan"))
    values = [_ranking(probabilities[:, index], labels == index) for index in classes]
    return dict(zip(RANKINGS, np.mean(values, axis=0).tolist(), strict=True))


def ranked_classes(labels: Integers, n_classes: int, positive: int) -> list[int]:
    """Return the classes to rank, one versus the rest: the positive of two, else all.

    A class that no example has, or that all have, has no rest to be ranked against.
    """
    counts = np.bincount(labels, minlength=n_classes)
    mixed = (counts > 0) & (counts < len(labels))
    if n_classes == 2:
        return [positive] if mixed[positive] else []
    return [int(index) for index in np.flatnonzero(mixed)]


def _ranking(scores: Float64s, truth: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the area and the average precision of scores `[n]`, both in closed form by ranks.

    The area is the share of pairs that are in order, half of those that tie (Mann-Whitney U).
    The average precision is the mean, over the positives, of the precision at their score.
    """
    everyone, positives = np.sort(scores), np.sort(scores[truth])
    n, n_true = len(everyone), len(positives)
    below = np.searchsorted(everyone, positives, side="left")
    up_to = np.searchsorted(everyone, positives, side="right")
    pairs = (below.sum() + up_to.sum() - n_true**2) / 2
    found = n_true - np.searchsorted(positives, positives, side="left")
    return float(pairs / (n_true * (n - n_true))), float(np.mean(found / (n - below)))
