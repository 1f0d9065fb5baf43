"""Online augmentation: images are altered anew each time that they are visited."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from harness import Range, Strategy
from harness.errors import UserError

if TYPE_CHECKING:
    import numpy as np

    from harness import Plan

TRACEABLE = 0.9
Amount = Annotated[float, Field(ge=0.0, le=1.0)]


class OnlineAugmentation(Strategy):
    """Images of the smaller classes are altered anew at every visit, inside the compiled step."""

    reference: ClassVar[str] = (
        "Simard et al. (2003), Best Practices for CNNs; Keras' preprocessing layers"
    )
    neutral: ClassVar[Mapping[str, Any] | None] = {
        "flip": "none",
        "rotation": 0.0,
        "translation": 0.0,
        "zoom": 0.0,
        "contrast": 0.0,
    }

    classes: Literal["smaller", "all"] = "smaller"
    flip: Literal["none", "horizontal", "vertical", "horizontal_and_vertical"] = "none"
    rotation: Annotated[Amount, Range(0.0, 0.15)] = 0.05
    translation: Annotated[Amount, Range(0.0, 0.2)] = 0.1
    zoom: Annotated[Annotated[float, Field(ge=0.0, lt=1.0)], Range(0.0, 0.2)] = 0.1
    contrast: Annotated[Amount, Range(0.0, 0.5)] = 0.0

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        """Set the batch transform.

        Of `smaller` classes, a visit is altered with probability 1 - n / n_max, the share that
        altered images would have if offline augmentation filled the class up. Amounts are as in
        offline augmentation: rotation in turns, translation and zoom in shares of the image.
        """
        import numpy as np

        from harness import BatchTransform

        train = base.train
        if len(train.inputs.shape) != 4:
            raise UserError(
                "online_augmentation needs images [N, H, W, C], but the inputs have the shape "
                f"{list(train.inputs.shape)}; use another strategy"
            )
        often = np.ones(train.n_classes)
        if self.classes == "smaller":
            often = 1.0 - train.counts / train.counts.max()
        amounts = [self.rotation, self.translation, self.zoom, self.contrast]
        if not often.any() or (self.flip == "none" and not any(amounts)):
            return base
        flips = ["horizontal" in self.flip, "vertical" in self.flip]
        parameters = {"often": often, "amounts": np.array(amounts), "flips": np.array(flips)}
        changed = base.in_every_phase(batch_transform=BatchTransform(altered, parameters))
        warning = giveaways("online_augmentation", train.class_names, often, amounts[:3])
        return replace(changed, notes=(*changed.notes, *warning))


def giveaways(
    strategy: str, class_names: tuple[str, ...], often: np.ndarray, moves: Sequence[float]
) -> tuple[str, ...]:
    """Say if nearly all that is visited of one class, and nothing of another, is interpolated.

    `moves` are the amounts of turning, shifting and zooming, which interpolate between pixels. A
    network can tell the classes by that trace, which no test image has; flips leave none.
    """
    most, least = int(often.argmax()), int(often.argmin())
    if not any(moves) or often[most] < TRACEABLE or often[least] > 0.0:
        return ()
    return (
        f"{strategy} interpolates {often[most]:.1%} of what is visited of {class_names[most]!r} "
        f"and nothing of {class_names[least]!r}: the network may learn to tell interpolated images "
        "from others; flip alone, or compare online_augmentation with classes=all",
    )


def altered(inputs: Any, labels: Any, seed: Any, parameters: Mapping[str, Any]) -> Any:
    """Flip, rotate, shift, zoom and change the contrast of a random part of a batch of images."""
    import tensorflow as tf

    amounts, flips = parameters["amounts"], parameters["flips"]
    draws = tf.random.stateless_uniform([8, tf.shape(labels)[0]], seed)
    spread = 2.0 * draws - 1.0
    mirrored = tf.where(draws[6:8] < 0.5 * flips[:, None], -1.0, 1.0)
    height, width = tf.shape(inputs)[1], tf.shape(inputs)[2]
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=inputs,
        transforms=_affine(spread, mirrored, amounts, tf.cast([width, height], tf.float32)),
        output_shape=[height, width],
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
        fill_value=0.0,
    )
    mean = tf.reduce_mean(moved, axis=[1, 2], keepdims=True)
    contrast = (1.0 + amounts[3] * spread[4])[:, None, None, None]
    made = tf.clip_by_value(mean + contrast * (moved - mean), 0.0, 1.0)
    chosen = draws[5] < tf.gather(parameters["often"], labels)
    return tf.where(chosen[:, None, None, None], made, inputs), ((labels, 1.0),)


def _affine(spread: Any, mirrored: Any, amounts: Any, size: Any) -> Any:
    """Return where each pixel of the new image is taken from, as 8 numbers an image, `[B, 8]`.

    A point p goes to centre + shift + zoom x rotation x mirror x (p - centre).
    """
    import tensorflow as tf

    angle = math.tau * amounts[0] * spread[0]
    zoom = 1.0 + amounts[2] * spread[3]
    cosine, sine = zoom * tf.cos(angle), zoom * tf.sin(angle)
    a, b = cosine * mirrored[0], -sine * mirrored[1]
    c, d = sine * mirrored[0], cosine * mirrored[1]
    centre = (size - 1.0) / 2.0
    shift = amounts[1] * spread[1:3] * size[:, None]
    x = centre[0] + shift[0] - a * centre[0] - b * centre[1]
    y = centre[1] + shift[1] - c * centre[0] - d * centre[1]
    nothing = tf.zeros_like(x)
    return tf.stack([a, b, x, c, d, y, nothing, nothing], axis=1)
