"""Initial weights: what a new network of a seed begins with."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np

from harness.data.examples import Array
from harness.training.framework import keras

KEPT_BYTES = 32 << 20


def seed_generators(seed: int, draws_elsewhere: bool) -> None:
    """Seed what initial weights are drawn from: Python's generator by Keras' layers, or any.

    TensorFlow's own seed makes it forget what it has prepared to run, some 0.25 s for each kind of
    step: it is set where a network `draws_elsewhere`.
    """
    random.seed(seed)
    np.random.seed(seed)
    if draws_elsewhere:
        keras.utils.set_random_seed(seed)


class InitialWeights:
    """The weights that `make` gives a new model for each seed; those last asked for are kept.

    A search and a comparison come back to the same few seeds with each point or strategy.
    """

    def __init__(self, make: Callable[[], Any], draws_elsewhere: bool) -> None:
        self._make, self._draws_elsewhere = make, draws_elsewhere
        self._kept: dict[int, list[Array]] = {}
        self._seeded: int | None = None

    def __contains__(self, seed: int) -> bool:
        """Say if the weights of a seed are kept, so that none have to be made."""
        return seed in self._kept

    def of(self, seed: int) -> list[Array]:
        """Return the value of each variable; the generators are seeded where another seed was."""
        if seed != self._seeded:
            seed_generators(seed, self._draws_elsewhere)
            self._seeded = seed
        if (weights := self._kept.pop(seed, None)) is None:
            weights = [np.array(variable.numpy()) for variable in self._make().variables]
        self._kept[seed] = weights  # now the last in use
        size = max(1, sum(each.nbytes for each in weights))
        while len(self._kept) > max(1, KEPT_BYTES // size):
            del self._kept[next(iter(self._kept))]
        return weights
