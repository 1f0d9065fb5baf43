"""What ways to alter a batch of images share: moving pixels, and blending images."""

from typing import Any


def moved(images: Any, transforms: Any, fill: str = "CONSTANT") -> Any:
    """Return images whose pixels come from the places that `transforms` `[B, 8]` name.

    Between pixels an image is interpolated; at whole ones it has the old values to the bit. Beyond
    its edge it is black (`CONSTANT`) or goes on mirrored (`REFLECT`).
    """
    import tensorflow as tf

    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=transforms,
        output_shape=tf.shape(images)[1:3],
        interpolation="BILINEAR",
        fill_mode=fill,
        fill_value=0.0,
    )


def about_centre(rows: tuple[Any, Any, Any, Any], shift: tuple[Any, Any], size: Any) -> Any:
    """Return transforms `[B, 8]`: a point p comes from centre + shift + matrix x (p - centre).

    `rows` is the matrix `a, b, c, d` `[B]` each, `shift` and `size` are along x and y in pixels.
    """
    import tensorflow as tf

    a, b, c, d = rows
    centre = (size - 1.0) / 2.0
    x = centre[0] + shift[0] - a * centre[0] - b * centre[1]
    y = centre[1] + shift[1] - c * centre[0] - d * centre[1]
    nothing = tf.zeros_like(x)
    return tf.stack([a, b, x, c, d, y, nothing, nothing], axis=1)


def size_of(images: Any) -> Any:
    """Return width and height in pixels, float32 `[2]`."""
    import tensorflow as tf

    return tf.cast(tf.stack([tf.shape(images)[2], tf.shape(images)[1]]), tf.float32)


def gray(images: Any) -> Any:
    """Return the brightness of images, `[B, H, W, 1]`."""
    import tensorflow as tf

    if images.shape[-1] == 3:
        return tf.image.rgb_to_grayscale(images)
    return tf.reduce_mean(images, axis=-1, keepdims=True)


def blended(start: Any, images: Any, factor: Any) -> Any:
    """Return start + factor x (images - start) in 0 .. 1, with a `factor` `[B]` for each image."""
    import tensorflow as tf

    return tf.clip_by_value(start + each(factor) * (images - start), 0.0, 1.0)


def each(numbers: Any) -> Any:
    """Return `[B]` as `[B, 1, 1, 1]`, to be multiplied with images."""
    return numbers[:, None, None, None]
