"""Backbones of `keras.applications`: each gets the pixels that it was trained on."""

from typing import Any

from harness.config.backbones import Backbone, Pixels
from harness.errors import UserError

Shape = tuple[int, ...]
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's pixels, 0 to 1


def body(backbone: Backbone, input_shape: Shape) -> Any:
    """Return a model from images in 0 .. 1, gray or in colour, to features; its weights are random.

    Raises:
        UserError: the inputs are no images, or smaller than the backbone can take.

    """
    import keras

    check(backbone, input_shape)
    inputs = keras.Input(input_shape)
    made_by = getattr(keras.applications, backbone.made_by)
    base = made_by(
        weights=None, include_top=False, pooling="avg", input_shape=(*input_shape[:2], 3)
    )
    return keras.Model(inputs, base(rescaled(in_colour(inputs), backbone.pixels)))


def check(backbone: Backbone, input_shape: Shape) -> None:
    """Raise UserError if a backbone can't take inputs of a shape `[H, W, channels]`."""
    check_images(backbone.name, input_shape)
    if min(input_shape[:2]) < backbone.smallest:
        height, width = input_shape[:2]
        least = backbone.smallest
        raise UserError(
            f"model.name {backbone.name!r} takes images of {least}x{least} pixels or more, but "
            f"they have {height}x{width}; set data.image_size to auto "
            f"({backbone.image_size}x{backbone.image_size}), or take another network"
        )


def check_images(name: str, input_shape: Shape) -> None:
    """Raise UserError if inputs of a shape are no images of one channel or three."""
    if len(input_shape) != 3 or input_shape[-1] not in (1, 3):
        raise UserError(
            f"model.name {name!r} takes images in gray or colour, but the inputs have the shape "
            f"{list(input_shape)}; take mlp, or another network"
        )


def in_colour(images: Any) -> Any:
    """Return images with three channels, a single one three times."""
    import keras

    if images.shape[-1] == 3:
        return images
    return keras.layers.Concatenate()([images, images, images])


def rescaled(inputs: Any, pixels: Pixels) -> Any:
    """Return images of 0 to 1 in the values that the weights were trained with."""
    from keras import layers, ops

    if pixels == "0 to 255":
        return layers.Rescaling(255.0)(inputs)
    if pixels == "-1 to 1":
        return layers.Rescaling(2.0, -1.0)(inputs)
    if pixels == "standardised":
        offset = [-mean / deviation for mean, deviation in zip(MEAN, DEVIATION, strict=True)]
        return layers.Rescaling([1 / deviation for deviation in DEVIATION], offset)(inputs)
    blue_mean_first = [-103.939, -116.779, -123.68]
    return layers.Rescaling(255.0, blue_mean_first)(ops.flip(inputs, axis=-1))
