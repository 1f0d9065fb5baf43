"""RandAugment: operations drawn for each image, all at one strength.

The layer of Keras keeps the state of its draws and draws once for a whole batch; here they follow
from the seed of the step, for each image apart.
"""

import math
from typing import Any

from harness.plan.pixels import about_centre, blended, each, gray, moved, size_of

OPERATIONS = (
    "identity",
    "shear x",
    "shear y",
    "translate x",
    "translate y",
    "rotate",
    "brightness",
    "colour",
    "contrast",
    "sharpness",
    "posterise",
    "solarise",
    "auto contrast",
    "equalise",
)
"""Those of Cubuk et al. (2020, section 3), each as likely; strength 1 as in torchvision."""

SHEAR, TRANSLATION, TURN, BLEND, BITS = 0.3, 150 / 331, 30 / 360, 0.9, 4.0


def rand_augmented(images: Any, seed: Any, strengths: Any) -> Any:
    """Apply an operation for each of `strengths` `[layers]`, 0 to 1, one after the other."""
    import tensorflow as tf

    draws = tf.random.stateless_uniform([strengths.shape[0], 2, tf.shape(images)[0]], seed)
    for layer in range(strengths.shape[0]):
        operation = tf.cast(draws[layer, 0] * len(OPERATIONS), tf.int32)
        sign = tf.where(draws[layer, 1] < 0.5, -1.0, 1.0)
        images = operated(images, operation, sign, strengths[layer])
    return images


def operated(images: Any, operation: Any, sign: Any, strength: Any) -> Any:
    """Apply to each image its operation, int32 `[B]`; what has two directions goes by `sign`."""
    import tensorflow as tf

    def chosen(name: str) -> Any:
        return operation == OPERATIONS.index(name)

    signed = sign * strength
    images = moved(images, _places(chosen, signed, size_of(images)))
    images = _faded(images, chosen, 1.0 + BLEND * signed)
    images = tf.where(each(chosen("posterise")), _posterised(images, strength), images)
    inverted = tf.where(images >= 1.0 - strength, 1.0 - images, images)
    images = tf.where(each(chosen("solarise")), inverted, images)
    images = tf.where(each(chosen("auto contrast")), _stretched(images), images)
    few = tf.where(chosen("equalise"))
    return tf.tensor_scatter_nd_update(images, few, _equalised(tf.gather_nd(images, few)))


def _places(chosen: Any, signed: Any, size: Any) -> Any:
    """Return where pixels come from: all stay where an image is not sheared, shifted or turned."""
    import tensorflow as tf

    def amount(name: str, most: Any) -> Any:
        return tf.where(chosen(name), most * signed, 0.0)

    angle = amount("rotate", math.tau * TURN)
    cosine, sine = tf.cos(angle), tf.sin(angle)
    matrix = cosine, amount("shear x", SHEAR) - sine, amount("shear y", SHEAR) + sine, cosine
    along_x, along_y = (
        tf.round(amount(name, TRANSLATION * side))
        for name, side in zip(("translate x", "translate y"), tf.unstack(size), strict=True)
    )
    return about_centre(matrix, (along_x, along_y), size)


def _faded(images: Any, chosen: Any, factor: Any) -> Any:
    """Blend with black, gray, the mean gray or the smoothed image, or away from them."""
    import tensorflow as tf

    without_colour = gray(images)
    start = tf.zeros_like(images)
    for name, other in (
        ("colour", without_colour),
        ("contrast", tf.reduce_mean(without_colour, axis=[1, 2], keepdims=True)),
        ("sharpness", _smoothed(images)),
    ):
        start = tf.where(each(chosen(name)), other, start)
    names = ("brightness", "colour", "contrast", "sharpness")
    fades = tf.reduce_any([chosen(name) for name in names], axis=0)
    return tf.where(each(fades), blended(start, images, factor), images)


def _smoothed(images: Any) -> Any:
    """Return each pixel's mean with its neighbours, itself five times; the edge stays."""
    import tensorflow as tf

    summed = 9.0 * tf.nn.avg_pool2d(images, 3, 1, "VALID") + 4.0 * images[:, 1:-1, 1:-1]
    padding = [[0, 0], [1, 1], [1, 1], [0, 0]]
    inner = tf.pad(tf.ones_like(summed, tf.bool), padding)
    return tf.where(inner, tf.pad(summed / 13.0, padding), images)


def _posterised(images: Any, strength: Any) -> Any:
    """Keep 8 bits of 8 at strength 0, 4 at 1."""
    import tensorflow as tf

    step = tf.pow(2.0, tf.round(BITS * strength))
    return tf.floor(tf.round(255.0 * images) / step) * step / 255.0


def _stretched(images: Any) -> Any:
    """Let each channel reach from 0 to 1."""
    import tensorflow as tf

    least = tf.reduce_min(images, axis=[1, 2], keepdims=True)
    width = tf.reduce_max(images, axis=[1, 2], keepdims=True) - least
    return tf.where(width > 0.0, tf.math.divide_no_nan(images - least, width), images)


def _equalised(images: Any) -> Any:
    """Make each of 256 levels of a channel as frequent as the next, as Pillow's ImageOps does."""
    import tensorflow as tf

    levels = tf.cast(tf.round(255.0 * images), tf.int32)
    shape = tf.shape(levels)
    rows = tf.reshape(tf.transpose(levels, [0, 3, 1, 2]), [shape[0] * shape[3], -1])
    ranked = tf.sort(rows, axis=1)
    below = tf.searchsorted(ranked, rows, side="left")
    brightest = tf.searchsorted(ranked, ranked[:, -1:], side="left")
    step = brightest // 255
    made = tf.where(step > 0, (below + step // 2) // tf.maximum(step, 1), rows)
    made = tf.minimum(made, 255)
    back = tf.transpose(tf.reshape(made, [shape[0], shape[3], shape[1], shape[2]]), [0, 2, 3, 1])
    return tf.cast(back, tf.float32) / 255.0
