"""How an image is altered: what online and offline augmentation share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from harness import Range, Strategy

if TYPE_CHECKING:
    import numpy as np

TRACEABLE = 0.9
EXACT_UP_TO = 64
Amount = Annotated[float, Field(ge=0.0, le=1.0)]


class Altering(Strategy):
    """Images are flipped, turned, shifted, zoomed and changed in contrast, by random amounts.

    Rotation is in turns, translation and zoom are shares of the image, contrast is a factor's
    distance from 1, as in Keras; each is drawn evenly up to the amount in either direction. Past
    its edge an image goes on mirrored.

    `resampling` says where the pixels of the new image come from. `interpolated`: from between the
    old ones. `exact`: from the old ones, each as it was: a shift is by whole pixels, up to the
    amount rounded to a whole pixel, and rotation and zoom, which have no such form, are left out.
    `auto`: exact where no side of the image is longer than 64 pixels, else interpolated.
    """

    alters_images: ClassVar[bool] = True

    flip: Literal["none", "horizontal", "vertical", "horizontal_and_vertical"] = "none"
    rotation: Annotated[Amount, Range(0.0, 0.15)] = 0.05
    translation: Annotated[Amount, Range(0.0, 0.2)] = 0.1
    zoom: Annotated[Annotated[float, Field(ge=0.0, lt=1.0)], Range(0.0, 0.2)] = 0.1
    contrast: Annotated[Amount, Range(0.0, 0.5)] = 0.0
    resampling: Literal["auto", "exact", "interpolated"] = "auto"

    def alteration(self, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
        """Return the parameters of `altered` for images of a shape `[N, H, W, C]`."""
        import numpy as np

        exact = self.resampling == "exact"
        if self.resampling == "auto":
            exact = max(shape[1:3]) <= EXACT_UP_TO
        turned = [0.0, 0.0] if exact else [self.rotation, self.zoom]
        return {
            "turned": np.array(turned),
            "shifted": np.array([self.translation * side for side in shape[2:0:-1]]),
            "exact": np.array(float(exact)),
            "contrast": np.array(self.contrast),
            "flips": np.array(["horizontal" in self.flip, "vertical" in self.flip]),
        }


def alters(alteration: Mapping[str, np.ndarray]) -> bool:
    """Say if images come out changed."""
    return bool(_moves(alteration) or alteration["contrast"].any() or alteration["flips"].any())


def _moves(alteration: Mapping[str, np.ndarray]) -> bool:
    """Say if anything is shifted, turned or zoomed; an exact shift is of whole pixels."""
    shifted = alteration["shifted"].round() if alteration["exact"] else alteration["shifted"]
    return bool(shifted.any() or alteration["turned"].any())


def giveaways(
    strategy: str,
    class_names: tuple[str, ...],
    often: np.ndarray,
    alteration: Mapping[str, np.ndarray],
) -> tuple[str, ...]:
    """Say if nearly all that is visited of one class, and nothing of another, is moved.

    `often` is the share of the visited of each class that is altered, `[C]`.

    A network can tell the classes by what no test image has: that it is interpolated, most of all,
    but also that it stands elsewhere. Flips leave no such trace.
    """
    most, least = int(often.argmax()), int(often.argmin())
    if not _moves(alteration) or often[most] < TRACEABLE or often[least] > 0.0:
        return ()
    does, done = ("shifts", "shifted") if alteration["exact"] else ("interpolates", "interpolated")
    return (
        f"{strategy} {does} {often[most]:.1%} of what is visited of {class_names[most]!r} and "
        f"nothing of {class_names[least]!r}: the network may learn to tell {done} images from "
        "others; flip alone, or compare online_augmentation with classes=all",
    )


def altered(inputs: Any, labels: Any, seed: Any, parameters: Mapping[str, Any]) -> Any:
    """Flip, rotate, shift, zoom and change the contrast of a batch of images."""
    import tensorflow as tf

    draws = tf.random.stateless_uniform([7, tf.shape(labels)[0]], seed)
    height, width = tf.shape(inputs)[1], tf.shape(inputs)[2]
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=inputs,
        transforms=_affine(draws, parameters, tf.cast([width, height], tf.float32)),
        output_shape=[height, width],
        interpolation="BILINEAR",
        fill_mode="REFLECT",
        fill_value=0.0,
    )
    mean = tf.reduce_mean(moved, axis=[1, 2], keepdims=True)
    contrast = (parameters["contrast"] * (2.0 * draws[4] - 1.0))[:, None, None, None]
    return tf.clip_by_value(moved + contrast * (moved - mean), 0.0, 1.0), ((labels, 1.0),)


def _affine(draws: Any, parameters: Mapping[str, Any], size: Any) -> Any:
    """Return where each pixel of the new image is taken from, as 8 numbers an image, `[B, 8]`.

    A point p goes to centre + shift + zoom x rotation x mirror x (p - centre).
    """
    import tensorflow as tf

    turned, spread = parameters["turned"], 2.0 * draws - 1.0
    mirrored = tf.where(draws[5:7] < 0.5 * parameters["flips"][:, None], -1.0, 1.0)
    angle = math.tau * turned[0] * spread[0]
    zoom = 1.0 + turned[1] * spread[3]
    cosine, sine = zoom * tf.cos(angle), zoom * tf.sin(angle)
    a, b = cosine * mirrored[0], -sine * mirrored[1]
    c, d = sine * mirrored[0], cosine * mirrored[1]
    centre = (size - 1.0) / 2.0
    shift = _shift(draws[1:3], parameters)
    x = centre[0] + shift[0] - a * centre[0] - b * centre[1]
    y = centre[1] + shift[1] - c * centre[0] - d * centre[1]
    nothing = tf.zeros_like(x)
    return tf.stack([a, b, x, c, d, y, nothing, nothing], axis=1)


def _shift(draws: Any, parameters: Mapping[str, Any]) -> Any:
    """Return shifts in pixels along x and y, `[2, B]`, from even draws of [0, 1)."""
    import tensorflow as tf

    most = parameters["shifted"][:, None]
    whole = tf.round(most)
    exact = tf.floor(draws * (2.0 * whole + 1.0)) - whole
    return tf.where(parameters["exact"] > 0.0, exact, most * (2.0 * draws - 1.0))
