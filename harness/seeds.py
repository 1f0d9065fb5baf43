"""One generator a purpose: no two draws of a trial share a stream of random numbers."""

from typing import Literal

import numpy as np

Purpose = Literal[
    "test cut",
    "test imbalance",
    "imbalance",
    "validation cut",
    "validation limit",
    "strategy",
    "sampling",
    "batch transform",
]


def generator(seed: int, purpose: Purpose) -> np.random.Generator:
    """Return the generator that a seed and a purpose decide, always in the same state."""
    return np.random.default_rng([seed, *purpose.encode()])
