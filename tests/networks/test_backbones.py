import csv
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from harness.config.backbones import BACKBONES, Pixels
from harness.errors import UserError
from harness.networks import backbone

BUILT = (
    "mobilenet_v3_small",
    "mobilenet_v2",
    "efficientnet_v2_b0",
    "resnet50_v2",
    "densenet121",
    "vgg16",
)


def made_by(name: str) -> Any:
    import keras

    return getattr(keras.applications, BACKBONES[name].made_by)


def test_the_names_are_in_order_and_once() -> None:
    table = Path(backbone.__file__).parents[1] / "config" / "backbones.csv"
    with table.open(encoding="utf-8", newline="") as file:
        names = [row["name"] for row in csv.DictReader(file)]
    assert names == sorted(set(names)) == list(BACKBONES)


@pytest.mark.parametrize("name", BACKBONES)
def test_keras_has_the_network_and_refuses_less_than_its_smallest_size(name: str) -> None:
    side = BACKBONES[name].smallest - 1
    with pytest.raises(ValueError, match="at least"):
        made_by(name)(weights=None, include_top=False, input_shape=(side, side, 3))


@pytest.mark.parametrize("name", BUILT)
def test_features_parameters_and_file_of_weights_are_those_of_keras(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keras
    from keras.src.utils import file_utils

    asked = []
    monkeypatch.setattr(file_utils, "get_file", lambda file, *_, **__: asked.append(file))
    monkeypatch.setattr(keras.Model, "load_weights", lambda *_, **__: None)
    facts = BACKBONES[name]
    side = facts.smallest
    made = made_by(name)(
        weights="imagenet", include_top=False, pooling="avg", input_shape=(side, side, 3)
    )
    assert made.output_shape == (None, facts.features)
    assert made.count_params() == facts.parameters
    assert asked == [facts.weights_file]


@pytest.mark.parametrize("name", BACKBONES)
def test_pixels_are_scaled_as_the_network_was_trained(name: str) -> None:
    images = np.random.default_rng(0).random((2, 4, 5, 3), np.float32)
    preprocess = import_module(made_by(name).__module__).preprocess_input
    scaled = np.asarray(backbone.rescaled(images, BACKBONES[name].pixels))
    np.testing.assert_allclose(scaled, preprocess(255 * images), rtol=1e-4, atol=1e-4)


def test_every_kind_of_scaling_is_some_networks() -> None:
    assert {facts.pixels for facts in BACKBONES.values()} == set(get_args(Pixels))


def test_a_gray_image_is_seen_as_one_with_three_equal_channels() -> None:
    gray, coloured = (
        backbone.body(BACKBONES["mobilenet_v3_small"], (32, 32, channels)) for channels in (1, 3)
    )
    coloured.set_weights(gray.get_weights())
    images = np.random.default_rng(0).random((2, 32, 32, 1), np.float32)
    np.testing.assert_array_equal(gray(images), coloured(np.repeat(images, 3, axis=-1)))


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((8, 8, 1), "32x32 pixels or more, but they have 8x8; set data.image_size to auto (224x"),
        ((40, 31, 3), "but they have 40x31"),
        ((64,), r"but the inputs have the shape [64]; take mlp"),
        ((64, 64, 2), "takes images in gray or colour, but the inputs have the shape [64, 64, 2]"),
    ],
)
def test_inputs_that_a_backbone_cannot_take_are_one_line(
    shape: tuple[int, ...], words: str
) -> None:
    with pytest.raises(UserError) as refused:
        backbone.body(BACKBONES["mobilenet_v2"], shape)
    assert words in str(refused.value)
    assert str(refused.value).startswith("model.name 'mobilenet_v2' takes images")
