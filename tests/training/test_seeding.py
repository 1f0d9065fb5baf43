"""A seed decides all that is drawn, and costs nothing that was prepared to run."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.config.load import load
from harness.errors import TrialFailed
from harness.training.framework import tf
from harness.trial.train import train_trial
from harness.trial.trial import Trial

NOISY = """
import harness

class Noisy(harness.Strategy):
    def plan(self, base, rng):
        return base.in_every_phase(batch_transform=harness.BatchTransform(noisy, {}))

def noisy(inputs, labels, seed, parameters):
    import tensorflow as tf
    return inputs + tf.random.normal(tf.shape(inputs)), [(labels, 1.0)]
"""
DRAWN = """
import keras
import tensorflow as tf

def drawn(input_shape, n_classes):
    kernel = lambda shape, dtype: tf.random.normal(shape, dtype=dtype)
    layers = [keras.layers.Flatten(), keras.layers.Dense(n_classes, kernel_initializer=kernel)]
    return keras.Sequential([keras.Input(input_shape), *layers])
"""
QUICK = ("model.name=mlp", "train.epochs=1")


def test_another_seed_makes_tensorflow_forget_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def forget(seed: Any) -> None:
        pytest.fail("what was prepared to run is forgotten")

    monkeypatch.setattr(tf.random, "set_seed", forget)
    one, other = (
        train_trial(Trial.of("none", "digits", seed, overrides=QUICK)).weights.best
        for seed in (0, 1)
    )
    assert not np.array_equal(one[0], other[0])


def test_a_network_of_ones_own_may_draw_from_tensorflow(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(DRAWN)
    settings = load("digits", ["model.name=own:drawn", "train.epochs=1"], network_from=tmp_path)
    first, other, again = (
        train_trial(Trial.of("none", settings, seed)).best.test for seed in (0, 1, 0)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_strategy_that_draws_without_a_seed_fails_and_learns_how_to_draw(tmp_path: Path) -> None:
    tf.random.set_seed(None)  # what another test may have left
    plugin = tmp_path / "noisy.py"
    plugin.write_text(NOISY)
    with pytest.raises(TrialFailed, match=r"draws without a seed, .*stateless") as failed:
        train_trial(Trial.of("noisy", "digits", 0, overrides=QUICK, plugins=[plugin]))
    assert "\n" not in str(failed.value)
