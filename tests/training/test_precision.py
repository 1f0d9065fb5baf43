"""bfloat16 where it is asked for or a GPU is made for it; what counts stays float32."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.config.experiment import Train
from harness.config.model import Model
from harness.errors import UserError
from harness.networks.build import frozen_body, head_alone, network
from harness.networks.precision import FULL, MIXED, computing_in
from harness.training import precision
from harness.training.framework import keras, tf
from harness.training.precision import framework_computes_on, precision_for
from harness.trial.train import train_trial
from harness.trial.trial import Trial

SHAPE = (8, 8, 1)
OWN = """
import keras

def logits(input_shape, n_classes):
    layers = [keras.layers.Flatten(), keras.layers.Dense(8), keras.layers.Dense(n_classes)]
    return keras.Sequential([keras.Input(input_shape), *layers])

def broken(input_shape, n_classes):
    raise LookupError("no such luck")
"""


def trial(*overrides: str) -> Trial:
    quick = ("model.name=small_cnn", "train.epochs=2")
    return Trial.of("none", "digits", overrides=[*quick, *overrides])


def test_bfloat16_trains_and_its_logits_are_float32_and_near_those_of_float32() -> None:
    full, mixed = (train_trial(trial(f"train.precision={each}")) for each in (FULL, MIXED))
    assert mixed.best.test.dtype == np.float32
    assert not np.array_equal(full.best.test, mixed.best.test)
    spread = np.abs(full.best.test).max()
    np.testing.assert_allclose(mixed.best.test, full.best.test, rtol=0, atol=0.05 * spread)
    same = full.best.test.argmax(axis=1) == mixed.best.test.argmax(axis=1)
    assert same.mean() > 0.9


def test_without_such_a_gpu_auto_is_float32_to_the_last_bit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(precision, "_has_tensor_cores", lambda: False)
    by_default, full = train_trial(trial()), train_trial(trial("train.precision=float32"))
    assert np.array_equal(by_default.best.test, full.best.test)
    assert by_default.trial.fingerprint == full.trial.fingerprint


def test_another_precision_is_another_trial_and_auto_is_what_it_stands_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(precision, "_has_tensor_cores", lambda: True)
    mixed, full = trial("train.precision=mixed_bfloat16"), trial("train.precision=float32")
    assert trial().fingerprint == mixed.fingerprint != full.fingerprint
    assert trial().circumstances["experiment"]["train"]["precision"] == MIXED


@pytest.mark.parametrize(
    ("answer", "expected"), [("True", MIXED), ("False", FULL), (RuntimeError("no GPU"), FULL)]
)
def test_where_a_driver_finds_a_gpu_the_framework_is_asked(
    answer: str | RuntimeError, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def apart(function: Callable[[str], object], kind: str) -> str:
        assert (function, kind) == (framework_computes_on, "GPU")
        if isinstance(answer, RuntimeError):
            raise answer
        return answer

    monkeypatch.setattr(precision, "_driver_finds_one", lambda: True)
    monkeypatch.setattr(precision, "apart", apart)
    precision._has_tensor_cores.cache_clear()
    assert precision_for(Train()) == expected
    precision._has_tensor_cores.cache_clear()


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [([], False), ([(7, 5)], False), ([(8, 0)], True), ([(9, 0), (7, 0)], False)],
)
def test_all_gpus_need_tensor_cores_that_multiply_bfloat16(
    capabilities: list[tuple[int, int]], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: capabilities)
    monkeypatch.setattr(
        tf.config.experimental, "get_device_details", lambda each: {"compute_capability": each}
    )
    assert framework_computes_on("GPU") is expected


def test_a_body_computes_in_bfloat16_and_keeps_float32_and_its_head_is_float32() -> None:
    built = network(Model(name="small_cnn"), "mlp", SHAPE, 10, MIXED)
    assert built.body is not None
    convolution = next(each for each in built.body.layers if each.trainable_variables)
    assert (convolution.compute_dtype, convolution.variable_dtype) == ("bfloat16", FULL)
    assert [layer.compute_dtype for layer in built.head] == [FULL] * 2
    assert built.model(np.zeros((1, *SHAPE), np.float32)).dtype == FULL


def test_of_a_network_of_logits_the_last_layer_is_float32(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    built = network(Model(name="own:logits", network_from=tmp_path), "linear", SHAPE, 10, MIXED)
    dense = [layer for layer in built.model.layers if layer.trainable_variables]
    assert [layer.compute_dtype for layer in dense] == ["bfloat16", FULL]
    assert built.model(np.zeros((1, *SHAPE), np.float32)).dtype == FULL


def test_nothing_is_left_behind_for_layers_that_are_made_later(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    network(Model(name="small_cnn"), "linear", SHAPE, 10, MIXED)
    frozen_body(Model(name="small_cnn"), SHAPE, 10, MIXED)
    with pytest.raises(UserError, match="no such luck"):
        network(Model(name="own:broken", network_from=tmp_path), "linear", SHAPE, 10, MIXED)
    assert keras.config.dtype_policy().name == FULL


def test_a_policy_of_the_users_changes_no_network() -> None:
    with computing_in(MIXED):
        layers: list[Any] = [*network(Model(name="mlp"), "linear", SHAPE, 10).model.layers]
        layers += head_alone(Model(name="mlp"), "mlp", 5, 10).head
        assert {layer.compute_dtype for layer in layers} == {FULL}
        assert keras.config.dtype_policy().name == MIXED
