"""Initial weights: what a new network of a seed begins with."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.data.examples import Array
from harness.training.framework import keras

KEPT_BYTES = 32 << 20


def seed_generators(seed: int, draws_elsewhere: bool) -> None:
    """Seed Python's generator and NumPy's, and TensorFlow's where a network `draws_elsewhere`.

    Keras' layers draw their weights from Python's. TensorFlow's own seed makes it forget what it
    has prepared to run, some 0.25 s for each kind of step.
    """
    random.seed(seed)
    np.random.seed(seed)
    if draws_elsewhere:
        keras.utils.set_random_seed(seed)


@dataclass(frozen=True, eq=False)
class _Drawn:
    """The value of each variable, and how Python's and NumPy's generators stood after drawing."""

    weights: list[Array]
    python: Any
    numpy: Any


class InitialWeights:
    """The weights that `make` gives a new model for each seed; those last asked for are kept.

    A search and a comparison come back to the same few seeds with each point or strategy. Where the
    model `draws_elsewhere`, as a stranger's may, only the last seed is kept.
    """

    def __init__(self, make: Callable[[], Any], draws_elsewhere: bool) -> None:
        self._make, self._draws_elsewhere = make, draws_elsewhere
        self._kept: dict[int, _Drawn] = {}

    def __contains__(self, seed: int) -> bool:
        """Say if the weights of a seed are kept, so that none have to be made."""
        return seed in self._kept

    def of(self, seed: int) -> list[Array]:
        """Return the value of each variable; Python's and NumPy's generators stand as after it."""
        drawn = self._kept.pop(seed, None) or self._draw(seed)
        random.setstate(drawn.python)
        np.random.set_state(drawn.numpy)
        self._kept[seed] = drawn  # now the last in use
        size = max(1, sum(each.nbytes for each in drawn.weights))
        most = 1 if self._draws_elsewhere else max(1, KEPT_BYTES // size)
        while len(self._kept) > most:
            del self._kept[next(iter(self._kept))]
        return drawn.weights

    def _draw(self, seed: int) -> _Drawn:
        seed_generators(seed, self._draws_elsewhere)
        weights = [np.array(variable.numpy()) for variable in self._make().variables]
        return _Drawn(weights, random.getstate(), np.random.get_state())
