"""The augmentation of `train`: each image, of whatever class, is altered anew at each visit."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from harness.config.augmentation import Augmentation
from harness.data.examples import Array, Examples
from harness.errors import UserError
from harness.plan.pixels import about_centre, blended, gray, moved, size_of
from harness.plan.rand_augment import rand_augmented
from harness.plan.transforms import UNCHANGED, BatchTransform, Targets

OPERATED = 1  # so that the operations draw numbers of their own


def augmentation(section: Augmentation | None) -> BatchTransform:
    """Return what alters a batch as a section says; without one it stays as it is."""
    if section is None:
        return UNCHANGED
    return BatchTransform(augmented, parameters_of(section), of_images=True)


def check(section: Augmentation | None, examples: Examples) -> None:
    """Raise UserError if there is something to alter and the examples are no images."""
    shape = examples.inputs.shape
    if section is not None and len(shape) != 4:
        raise UserError(
            "train.augmentation alters images [N, H, W, channels], but the inputs have the shape "
            f"{list(shape)}; leave it out"
        )


def parameters_of(section: Augmentation) -> Mapping[str, Array]:
    """Return the parameters of `augmented`, of what is asked for alone."""
    parameters = dict[str, Array]()
    if section.turn is not None or section.zoom is not None:
        parameters["turned"] = np.array([section.turn or 0.0, section.zoom or 0.0])
    if section.flip is not None or section.crop is not None:
        flip = section.flip or "none"
        parameters["flips"] = np.array(["horizontal" in flip, "vertical" in flip])
        parameters["crop"] = np.array(section.crop or 0)
    if section.colour is not None:
        parameters["colour"] = np.array(section.colour)
    if section.randaugment is not None:
        layers, magnitude = section.randaugment.layers, section.randaugment.magnitude
        parameters["strengths"] = np.full(layers, magnitude / 10)
    return parameters


def augmented(
    inputs: Any, labels: Any, seed: Any, parameters: Mapping[str, Any]
) -> tuple[Any, Targets]:
    """Alter images `[B, H, W, channels]` of 0 .. 1 in the ways that have parameters."""
    import tensorflow as tf

    images, size = inputs, size_of(inputs)
    draws = tf.random.stateless_uniform([9, tf.shape(labels)[0]], seed)
    if "turned" in parameters:
        images = moved(images, _turned(draws[:2], parameters["turned"], size), fill="REFLECT")
    if "crop" in parameters:
        images = moved(images, _cropped(draws[2:6], parameters, size))
    if "colour" in parameters:
        images = _recoloured(images, 1.0 + parameters["colour"] * (2.0 * draws[6:9] - 1.0))
    if "strengths" in parameters:
        images = rand_augmented(images, seed + OPERATED, parameters["strengths"])
    return images, ((labels, 1.0),)


def _turned(draws: Any, most: Any, size: Any) -> Any:
    """Return a turn and a zoom about the centre, drawn evenly in either direction."""
    import tensorflow as tf

    angle = math.tau * most[0] * (2.0 * draws[0] - 1.0)
    zoom = 1.0 + most[1] * (2.0 * draws[1] - 1.0)
    cosine, sine = zoom * tf.cos(angle), zoom * tf.sin(angle)
    still = tf.zeros_like(zoom)
    return about_centre((cosine, -sine, sine, cosine), (still, still), size)


def _cropped(draws: Any, parameters: Mapping[str, Any], size: Any) -> Any:
    """Return flips of every other image, and shifts by whole pixels, each as likely as another."""
    import tensorflow as tf

    sign = tf.where(draws[:2] < 0.5 * parameters["flips"][:, None], -1.0, 1.0)
    most = parameters["crop"]
    shift = tf.floor(draws[2:4] * (2.0 * most + 1.0)) - most
    nothing = tf.zeros_like(sign[0])
    return about_centre((sign[0], nothing, nothing, sign[1]), (shift[0], shift[1]), size)


def _recoloured(images: Any, factors: Any) -> Any:
    """Scale brightness, contrast and saturation by factors `[3, B]`, as ColorJitter of torchvision.

    The order is always this one.
    """
    import tensorflow as tf

    images = blended(0.0, images, factors[0])
    mean = tf.reduce_mean(gray(images), axis=[1, 2], keepdims=True)
    images = blended(mean, images, factors[1])
    return blended(gray(images), images, factors[2])
