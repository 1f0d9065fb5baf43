from typing import Any

import numpy as np
import pytest

from harness.config.backbones import BACKBONES
from harness.config.model import Model
from harness.errors import UserError
from harness.networks import backbone
from harness.networks.build import frozen_body, network
from harness.networks.layers import in_order, top_of

SHAPE = (32, 32, 3)


def names(layers: Any) -> list[str]:
    return [layer.name for layer in layers]


def plain() -> Any:
    """Three stages of a convolution and a pooling, with two in the last."""
    import keras

    def convolution(name: str) -> Any:
        return keras.layers.Conv2D(2, 3, padding="same", name=name)

    return keras.Sequential(
        [
            keras.Input(SHAPE),
            convolution("first"),
            keras.layers.MaxPooling2D(),
            convolution("second"),
            keras.layers.MaxPooling2D(),
            convolution("third"),
            convolution("fourth"),
            keras.layers.MaxPooling2D(),
        ]
    )


def test_the_last_block_of_a_plain_network_follows_the_last_pooling_but_one() -> None:
    assert names(top_of(plain(), None)) == ["third", "fourth"]


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("mobilenet_v3_small", "expanded_conv_10_expand", "conv_1_bn"),
        ("resnet50_v2", "conv5_block3_preact_bn", "post_bn"),
    ],
)
def test_the_last_block_of_a_backbone_is_its_last_residual_one_and_what_follows(
    name: str, first: str, last: str
) -> None:
    body = backbone.body(BACKBONES[name], SHAPE)
    top = names(top_of(body, None))
    assert (top[0], top[-1]) == (first, last)
    trained = [layer.name for layer in in_order(body) if layer.trainable_variables]
    assert top == trained[trained.index(first) :]


def test_a_network_without_blocks_ends_with_a_quarter_of_its_layers() -> None:
    import keras

    dense = keras.Sequential([keras.Input((4,)), *(keras.layers.Dense(3) for _ in range(8))])
    assert len(top_of(dense, None)) == 2


@pytest.mark.parametrize(("count", "top"), [(1, ["fourth"]), (3, ["second", "third", "fourth"])])
def test_so_many_last_layers_are_those_that_have_something_to_train(
    count: int, top: list[str]
) -> None:
    assert names(top_of(plain(), count)) == top


def test_more_layers_than_there_are_is_one_line_with_their_number() -> None:
    with pytest.raises(UserError, match="top_layers is 5, but the network has 4 layers"):
        top_of(plain(), 5)


def test_layers_of_a_model_inside_stand_in_its_place() -> None:
    import keras

    inner = plain()
    outer = keras.Sequential([keras.Input(SHAPE), inner, keras.layers.Flatten(name="flat")])
    assert names(in_order(outer)) == [*names(inner.layers), "flat"]


def test_what_is_trained_of_the_top_is_neither_head_nor_below() -> None:
    built = network(Model(name="mobilenet_v3_small", weights="none"), "linear", SHAPE, 3)
    top = {id(variable) for variable in built.top_variables}
    head = {id(variable) for variable in built.head_variables}
    assert top
    assert not top & head
    assert len(top | head) < len(built.model.trainable_variables)


@pytest.mark.parametrize("name", ["small_cnn", "mobilenet_v3_small"])
def test_a_frozen_body_gives_a_vector_for_each_image(name: str) -> None:
    body = frozen_body(Model(name=name, weights="none"), SHAPE, 3)
    features = body(np.zeros((2, *SHAPE), np.float32))
    assert features.shape == (2, {"small_cnn": 64}.get(name, 576))


@pytest.mark.parametrize(
    "name", ["convnext_tiny", "densenet121", "inception_v3", "mobilenet", "vgg16"]
)
def test_the_last_block_is_neither_nothing_nor_all(name: str) -> None:
    known = BACKBONES[name]
    body = backbone.body(known, (known.smallest, known.smallest, 3))
    top = sum(int(np.prod(v.shape)) for layer in top_of(body, None) for v in layer.weights)
    assert 0.05 < top / known.parameters < 0.7
