"""Initial weights are a function of the seed, and so is what is drawn after them."""

import random
from typing import Any

import numpy as np
import pytest

from harness.data.examples import Array
from harness.training import initial
from harness.training.framework import keras
from harness.training.initial import InitialWeights


def made() -> Any:
    """Return a model whose weights come from Keras' layers and from NumPy's generator."""
    dense = keras.layers.Dense(
        3, bias_initializer=lambda shape, dtype: np.random.normal(size=shape)
    )
    return keras.Sequential([keras.Input([4]), dense])


def asked(weights: InitialWeights, seed: int) -> tuple[list[Array], float, float]:
    """Return weights, and what Python and NumPy draw next."""
    values = weights.of(seed)
    return values, random.random(), float(np.random.random())


@pytest.mark.parametrize("draws_elsewhere", [False, True])
def test_a_seed_gives_the_same_weights_and_draws_whatever_was_asked_before(
    draws_elsewhere: bool,
) -> None:
    weights = InitialWeights(made, draws_elsewhere)
    first, other, again = (asked(weights, seed) for seed in (0, 1, 0))
    for one, same, different in zip(first[0], again[0], other[0], strict=True):
        np.testing.assert_array_equal(one, same)
        assert (one != different).any()
    assert first[1:] == again[1:]
    assert first[1:] != other[1:]


def test_the_seeds_last_asked_for_are_kept_as_far_as_memory_allows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    weights = InitialWeights(made, draws_elsewhere=False)
    size = sum(each.nbytes for each in weights.of(0))
    monkeypatch.setattr(initial, "KEPT_BYTES", 2 * size)
    for seed in (1, 0, 2):
        weights.of(seed)
    assert [seed in weights for seed in (0, 1, 2)] == [True, False, True]


def test_of_a_network_that_draws_elsewhere_the_last_seed_alone_is_kept() -> None:
    weights = InitialWeights(made, draws_elsewhere=True)
    for seed in (0, 1):
        weights.of(seed)
    assert [seed in weights for seed in (0, 1)] == [False, True]
