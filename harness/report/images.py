"""Example images as PNG data URIs: one strip a class, or one by one."""

import base64
import io

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]

MOST_IMAGES = 8
MOST_CLASSES = 20
LARGEST, LARGEST_ALONE = 48, 96


def strip(images: Images) -> str:
    """Return the first eight images `[n, H, W, channels]` side by side, with clear gaps, as a URI.

    Large images are made smaller: they are to be recognised, not studied.
    """
    tiles = [_tile(image) for image in images[:MOST_IMAGES]]
    height, width = tiles[0].shape[:2]
    gap = np.zeros((height, max(1, width // 12), 4), np.uint8)
    blank = [np.zeros_like(tiles[0])] * (MOST_IMAGES - len(tiles))
    parts = [part for tile in [*tiles, *blank] for part in (gap, tile)][1:]
    joined = np.concatenate(parts, axis=1)
    return _uri(joined)


def alone(image: Images) -> str:
    """Return one image `[H, W, channels]`, in at most 96 pixels, as a URI."""
    return _uri(_tile(image, LARGEST_ALONE))


def _uri(pixels: Images) -> str:
    """Return RGBA pixels as a PNG data URI, smaller where they are grey."""
    from PIL import Image

    grey = (pixels[..., 0] == pixels[..., 1]).all() and (pixels[..., 1] == pixels[..., 2]).all()
    picture = Image.fromarray(pixels)
    buffer = io.BytesIO()
    (picture.convert("LA") if grey else picture).save(buffer, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _tile(image: Images, largest: int = LARGEST) -> Images:
    """One image as RGBA at a size that fits the page."""
    from PIL import Image

    height, width, channels = image.shape
    colors = image[..., :3] if channels >= 3 else image[..., :1].repeat(3, axis=2)
    picture = Image.fromarray(np.ascontiguousarray(colors))
    if max(height, width) > largest:
        scale = largest / max(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        picture = picture.resize(size, Image.Resampling.BOX)
    return np.asarray(picture.convert("RGBA"), np.uint8)
